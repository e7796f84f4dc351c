package stats

import (
	"math"
	"slices"
)

// SRM is a check for a sample ratio mismatch: whether units came to the arms in
// the ratio of their weights.
type SRM struct {
	Chi2   float64
	DF     int
	P      float64
	Log10P float64
}

// SRMConcentration is the usual weight of the prior around the planned ratio: it
// finds departures of about 1 %.
const SRMConcentration = 10_000

// srmConcentrations are those of a sequence that was given none. The mean of
// Bayes factors is one too, of the mixture of their priors: the sharp prior
// finds small departures among many units, the flat one large ones among few.
func srmConcentrations() []float64 { return []float64{100, 1_000, SRMConcentration} }

// SRMChi2 is Pearson's test. It is right for one look only; watch with
// SRMSequence. Arms of weight 0 do not count as degrees of freedom.
func SRMChi2(weights, users []float64) (SRM, Status) {
	status := splitStatus(weights, users)
	if status != OK {
		return SRM{}, status
	}
	total, units := sum(weights), sum(users)
	check := SRM{DF: -1, P: 1}
	for i, weight := range weights {
		if weight == 0 {
			continue
		}
		check.DF++
		// users*total - units*weight loses its digits unless both products keep
		// what they round away.
		seen, planned := users[i]*total, units*weight
		off := seen - planned + (math.FMA(users[i], total, -seen) - math.FMA(units, weight, -planned))
		check.Chi2 += off / planned * off / total
	}
	if check.DF > 0 {
		check.P = chi2SF(check.Chi2, float64(check.DF))
		check.Log10P = min(chi2LogSF(check.Chi2, float64(check.DF))/math.Ln10, 0)
	}
	if !finite(check.Chi2) {
		return SRM{}, InvalidInput
	}
	return check, OK
}

// splitStatus says what is wrong with the units of a split.
func splitStatus(weights, users []float64) Status {
	if len(weights) == 0 || len(weights) != len(users) || !finite(sum(weights)) || !finite(sum(users)) {
		return InvalidInput
	}
	leaked := false
	for i, weight := range weights {
		if !(weight >= 0) || !(users[i] >= 0) {
			return InvalidInput
		}
		leaked = leaked || weight == 0 && users[i] > 0
	}
	switch {
	case sum(weights) == 0:
		return InvalidInput
	case sum(users) == 0:
		return ZeroUsers
	case leaked:
		return LeakedUsers
	}
	return OK
}

// An SRMLook is what an SRMSequence says after a batch.
type SRMLook struct {
	LogBF         float64 // logarithm of the Bayes factor against the planned ratio, an e-value
	P             float64 // the smallest 1/BF so far: an alarm at alpha holds over all looks
	Log10P        float64
	PosteriorProb float64 // of a mismatch, at even prior odds
}

// An SRMSequence watches the split of units as they come: the Bayes factor of a
// Dirichlet-multinomial against the planned multinomial (Lindon and Malek,
// NeurIPS 2022). It may be looked at as often as wanted. A new allocation is a
// new epoch, whose Bayes factor multiplies what went before.
type SRMSequence struct {
	concentrations []float64
	weights        []float64
	users          []float64
	before         float64 // log Bayes factor of earlier epochs
	smallest       float64 // smallest log p so far
}

// NewSRMSequence begins with the weights of the first epoch. Concentration 0
// mixes a flat, a middling and a sharp prior.
func NewSRMSequence(weights []float64, concentration float64) (*SRMSequence, Status) {
	s := &SRMSequence{concentrations: []float64{concentration}}
	switch {
	case concentration == 0:
		s.concentrations = srmConcentrations()
	case !positive(concentration):
		return nil, InvalidInput
	}
	return s, s.Epoch(weights)
}

// Epoch begins a new allocation.
func (s *SRMSequence) Epoch(weights []float64) Status {
	if status := splitStatus(weights, make([]float64, len(weights))); status == InvalidInput {
		return InvalidInput
	}
	if s.users != nil {
		s.before += s.logBF()
	}
	total := sum(weights)
	s.weights, s.users = make([]float64, len(weights)), make([]float64, len(weights))
	for i, weight := range weights {
		s.weights[i] = weight / total
	}
	return OK
}

// Add counts a batch of new units per arm.
func (s *SRMSequence) Add(users []float64) (SRMLook, Status) {
	if status := splitStatus(s.weights, users); status != OK && status != ZeroUsers {
		return SRMLook{}, status
	}
	for i, n := range users {
		s.users[i] += n
	}
	logBF := s.before + s.logBF()
	if !finite(logBF) {
		return SRMLook{}, InvalidInput
	}
	s.smallest = min(s.smallest, -logBF)
	return SRMLook{
		LogBF: logBF, P: math.Exp(s.smallest), Log10P: s.smallest / math.Ln10,
		PosteriorProb: 1 / (1 + math.Exp(-logBF)),
	}, OK
}

// logBF is of the present epoch: the logarithm of the mean Bayes factor.
func (s *SRMSequence) logBF() float64 {
	logs := make([]float64, len(s.concentrations))
	for i, concentration := range s.concentrations {
		logs[i] = s.logBFOf(concentration)
	}
	largest, total := slices.Max(logs), 0.0
	for _, log := range logs {
		total += math.Exp(log - largest)
	}
	return largest + math.Log(total/float64(len(logs)))
}

// logBFOf uses Stirling's formula with its exact remainder, so that it keeps its
// digits at 1e12 units.
func (s *SRMSequence) logBFOf(prior float64) float64 {
	units := sum(s.users)
	if units == 0 {
		return 0
	}
	logBF := math.Log1p(units/prior)/2 + stirlingError(prior) - stirlingError(prior+units)
	for i, weight := range s.weights {
		if weight == 0 {
			continue
		}
		a, n := prior*weight, s.users[i]
		logBF += deviance(a+n, (prior+units)*weight) - math.Log1p(n/a)/2 + stirlingError(a+n) - stirlingError(a)
	}
	return logBF
}
