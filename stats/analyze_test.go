package stats

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// units draws the values and the past of some units and sums them up as any kind.
type population struct {
	n                                  int64
	y, yy, x, xx, xy, d, dd, yd, e, ee float64
	xe, ye, dx, de                     float64
}

func drawPopulation(t *rapid.T, name string) population {
	p := population{n: rapid.Int64Range(2, 60).Draw(t, name+" n")}
	scale := rapid.SampledFrom([]float64{1, 1e-150, 1e120, 0.01}).Draw(t, name+" scale")
	shift := rapid.SampledFrom([]float64{0, 1, -3, 1000}).Draw(t, name+" shift")
	for range p.n {
		y := scale * (shift + float64(rapid.IntRange(-8, 20).Draw(t, "y")))
		x := y + scale*float64(rapid.IntRange(-2, 2).Draw(t, "x"))
		d := float64(rapid.IntRange(0, 3).Draw(t, "d"))
		e := float64(rapid.IntRange(0, 3).Draw(t, "e"))
		p.y, p.yy, p.x, p.xx, p.xy = p.y+y, p.yy+y*y, p.x+x, p.xx+x*x, p.xy+x*y
		p.d, p.dd, p.yd, p.e, p.ee = p.d+d, p.dd+d*d, p.yd+y*d, p.e+e, p.ee+e*e
		p.xe, p.ye, p.dx, p.de = p.xe+x*e, p.ye+y*e, p.dx+d*x, p.de+d*e
	}
	return p
}

func (p population) arm(kind int) Arm {
	switch kind {
	case 0:
		return MeanArm{p.n, p.y, p.yy}
	case 1:
		return RatioArm{p.n, p.y, p.yy, p.d, p.dd, p.yd}
	case 2:
		return CupedMeanArm{p.n, p.y, p.yy, p.x, p.xx, p.xy}
	case 3:
		return CupedRatioArm{
			N: p.n, Num: p.y, NumSq: p.yy, Den: p.d, DenSq: p.dd, NumDen: p.yd,
			PreNum: p.x, PreNumSq: p.xx, PreDen: p.e, PreDenSq: p.ee, PreNumPreDen: p.xe,
			NumPreNum: p.xy, NumPreDen: p.ye, DenPreNum: p.dx, DenPreDen: p.de,
		}
	case 4:
		return ProportionArm{p.n, math.Min(p.d/2, float64(p.n))}
	}
	q := QuantileArm{p.n * 40, p.n * 40, 0.5, p.d, p.d - p.e/3, p.d + 1}
	return ClusteredQuantileArm{q, RatioArm{p.n, p.d, p.dd, p.d + p.e, p.dd + p.ee + 2*p.de, p.dd + p.de}}
}

func drawSpec(t *rapid.T) Spec {
	spec := Spec{
		Method: rapid.SampledFrom([]Method{Sequential, Fixed, Bayesian}).Draw(t, "method"),
		Alpha:  rapid.SampledFrom([]float64{0.05, 0.3, 1e-12, 0.001}).Draw(t, "alpha"),
		Goal:   rapid.SampledFrom([]Goal{Increase, Decrease}).Draw(t, "goal"),
		Tuning: rapid.SampledFrom([]float64{0, 50}).Draw(t, "tuning"),
	}
	if rapid.Bool().Draw(t, "prior") {
		spec.Prior = NormalPrior{Mean: 0.01, SD: 0.3, Relative: rapid.Bool().Draw(t, "relative")}
	}
	return spec
}

// checkCoherent holds a comparison to what every reader relies on.
func checkCoherent(t rapid.TB, c Comparison) {
	if c.Status != OK {
		return
	}
	if c.Significant != c.EffectCI.excludes(0) || (c.Direction != 0) != c.Significant {
		t.Fatalf("significant %v, direction %d, interval %v", c.Significant, c.Direction, c.EffectCI)
	}
	if math.Abs(c.logP()-math.Log(c.Level)) > 1e-9 {
		if below := c.logP() < math.Log(c.Level); below != c.Significant {
			t.Fatalf("significant %v, log p %v at level %v", c.Significant, c.logP(), c.Level)
		}
		if c.LiftStatus == OK && c.LiftCI.excludes(0) != c.Significant {
			t.Fatalf("significant %v, lift %v", c.Significant, c.LiftCI)
		}
	}
	if !(c.EffectCI.Lower <= c.Effect && c.Effect <= c.EffectCI.Upper) {
		t.Fatalf("effect %v outside of %v", c.Effect, c.EffectCI)
	}
	if c.LiftStatus == OK && !(c.LiftCI.Lower <= c.Lift && c.Lift <= c.LiftCI.Upper) {
		t.Fatalf("lift %v outside of %v", c.Lift, c.LiftCI)
	}
}

func TestFlagsAndIntervalsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, kind := drawSpec(t), rapid.IntRange(0, 5).Draw(t, "kind")
		var epochs [][]Arm
		for range rapid.IntRange(1, 3).Draw(t, "epochs") {
			epochs = append(epochs, []Arm{
				drawPopulation(t, "control").arm(kind), drawPopulation(t, "a").arm(kind), drawPopulation(t, "b").arm(kind),
			})
		}
		result := AnalyzeEpochs(spec, epochs)
		comparisons := []*Comparison{&result.Comparisons[0], &result.Comparisons[1]}
		for _, c := range comparisons {
			checkCoherent(t, *c)
		}
		correction := rapid.SampledFrom([]Correction{NoCorrection, Holm, BenjaminiHochberg}).Draw(t, "correction")
		Correct(correction, spec.Alpha, comparisons)
		for _, c := range comparisons {
			checkCoherent(t, *c)
			if c.Status == OK && math.Abs(c.PAdjusted/spec.Alpha-1) > 1e-9 && (c.PAdjusted < spec.Alpha) != c.Significant {
				t.Fatalf("adjusted p %v of %v, significant %v", c.PAdjusted, spec.Alpha, c.Significant)
			}
		}
		if _, err := json.Marshal(result); err != nil {
			t.Fatal(err)
		}
	})
}

// wildFloat is any float64 at all.
func wildFloat(t *rapid.T, name string) float64 {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) float64 { return math.Float64frombits(rapid.Uint64().Draw(t, "bits")) }),
		rapid.Map(rapid.IntRange(-3, 100), func(i int) float64 { return float64(i) }),
		rapid.SampledFrom([]float64{0, math.Inf(1), math.NaN(), math.MaxFloat64, 5e-324, 1e150, 1e-150}),
	).Draw(t, name)
}

// wildArm fills an arm of any kind with anything.
func wildArm(t *rapid.T, kind int) Arm {
	fill := func(arm any) {
		var set func(v reflect.Value)
		set = func(v reflect.Value) {
			switch v.Kind() {
			case reflect.Struct:
				for i := range v.NumField() {
					set(v.Field(i))
				}
			case reflect.Float64:
				v.SetFloat(wildFloat(t, "field"))
			case reflect.Int64:
				v.SetInt(rapid.SampledFrom([]int64{-1, 0, 1, 2, 3, 100, 1e12, math.MaxInt64}).Draw(t, "count"))
			}
		}
		set(reflect.ValueOf(arm).Elem())
	}
	switch kind {
	case 0:
		var a MeanArm
		fill(&a)
		return a
	case 1:
		var a RatioArm
		fill(&a)
		return a
	case 2:
		var a CupedMeanArm
		fill(&a)
		return a
	case 3:
		var a CupedRatioArm
		fill(&a)
		return a
	case 4:
		var a ProportionArm
		fill(&a)
		return a
	case 5:
		var a ClusteredQuantileArm
		fill(&a)
		return a
	case 6:
		var a QuantileArm
		fill(&a)
		return a
	}
	var a MomentsArm
	fill(&a)
	return a
}

func TestNothingMakesANaN(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.IntRange(0, 7).Draw(t, "kind")
		result := Analyze(drawSpec(t), []Arm{wildArm(t, kind), wildArm(t, kind), wildArm(t, rapid.IntRange(0, 7).Draw(t, "other kind"))})
		if _, err := json.Marshal(result); err != nil {
			t.Fatalf("%v: %+v", err, result)
		}
		for _, c := range result.Comparisons {
			checkCoherent(t, c)
		}
	})
}
