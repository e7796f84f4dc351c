package stats

import "math"

// distributionOracles answers for the kernels.
func distributionOracles() map[string]oracle {
	type arguments struct {
		X, Q, P, T      number
		K, A, B, Df, Nc number
	}
	kernel := func(f func(arguments) float64) oracle {
		return func(c oracleCase) (values, Status) {
			in, params := decode[arguments](c.Inputs), decode[arguments](c.Params)
			in.K, in.A, in.B, in.Df, in.Nc = params.K, params.A, params.B, params.Df, params.Nc
			value := f(in)
			if math.IsNaN(value) {
				return nil, InvalidInput
			}
			return values{"value": value}, OK
		}
	}
	return map[string]oracle{
		"norm_cdf":   kernel(func(v arguments) float64 { return normCDF(float64(v.X)) }),
		"norm_sf":    kernel(func(v arguments) float64 { return normSF(float64(v.X)) }),
		"norm_logsf": kernel(func(v arguments) float64 { return normLogSF(float64(v.X)) }),
		"norm_ppf":   kernel(func(v arguments) float64 { return normQuantile(float64(v.P)) }),
		"norm_isf":   kernel(func(v arguments) float64 { return normISF(float64(v.Q)) }),
		"t_sf":       kernel(func(v arguments) float64 { return tSF(float64(v.T), float64(v.Df)) }),
		"t_logsf":    kernel(func(v arguments) float64 { return tLogSF(float64(v.T), float64(v.Df)) }),
		"t_isf":      kernel(func(v arguments) float64 { return tISF(float64(v.Q), float64(v.Df)) }),
		"chi2_sf":    kernel(func(v arguments) float64 { return chi2SF(float64(v.X), float64(v.K)) }),
		"beta_cdf":   kernel(func(v arguments) float64 { return betaCDF(float64(v.X), float64(v.A), float64(v.B)) }),
		"beta_sf":    kernel(func(v arguments) float64 { return betaSF(float64(v.X), float64(v.A), float64(v.B)) }),
		"beta_ppf":   kernel(func(v arguments) float64 { return betaQuantile(float64(v.P), float64(v.A), float64(v.B)) }),
		"nct_sf":     kernel(func(v arguments) float64 { return nctSF(float64(v.T), float64(v.Df), float64(v.Nc)) }),
	}
}
