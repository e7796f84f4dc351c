package stats

import "math"

const (
	// fewConversions is where the normal ceases to describe a proportion.
	fewConversions = 25
	// A sum is skewed, so it needs so many units and an effective number of so
	// many units that contribute.
	fewUnits     = 1000
	fewEffective = 50
)

// early says whether a sequential test has to wait: asymptotic confidence
// sequences err far above their level while the smaller arm has few converters.
// All epochs count together.
func early(control, treatment []Arm) bool {
	return thin(control) || thin(treatment)
}

func thin(epochs []Arm) bool {
	var units, effective, least float64
	for _, arm := range epochs {
		n, e := presence(arm)
		units += n
		effective += e
		if _, ok := arm.(ProportionArm); ok {
			least = fewConversions
		} else {
			least = fewEffective
		}
	}
	if least == fewEffective && units < fewUnits {
		return true
	}
	return effective < least
}

// presence is the number of units, and a number of converters that is never more
// than there are: (sum x)^2 / sum x^2, which is less the more skewed they are.
// A proportion has exactly its converted or not converted units, the fewer.
func presence(arm Arm) (units, effective float64) {
	share := func(sum, sumsq float64) float64 {
		if !(sumsq > 0) {
			return 0
		}
		return sum / sumsq * sum
	}
	switch a := arm.(type) {
	case ProportionArm:
		return float64(a.N), min(a.Sum, float64(a.N)-a.Sum)
	case MeanArm:
		return float64(a.N), share(a.Sum, a.SumSq)
	case CupedMeanArm:
		return float64(a.N), share(a.Sum, a.SumSq)
	case MomentsArm:
		sum := a.Mean * float64(a.N)
		return float64(a.N), share(sum, a.M2+a.Mean*sum)
	case RatioArm:
		return float64(a.N), min(share(a.Num, a.NumSq), share(a.Den, a.DenSq))
	case CupedRatioArm:
		return presence(a.now())
	case QuantileArm:
		return float64(a.N), min(a.Nu, 1-a.Nu) * float64(a.N)
	case ClusteredQuantileArm:
		_, events := presence(a.QuantileArm)
		return float64(a.Share.N), min(events, share(a.Share.Den, a.Share.DenSq))
	}
	return 0, 0
}

// fewCounts says whether any arm is a proportion near 0 or 1 in counts.
func fewCounts(control, treatment []Arm) bool {
	var proportions bool
	least := func(epochs []Arm) float64 {
		var count float64
		for _, arm := range epochs {
			if _, ok := arm.(ProportionArm); ok {
				proportions = true
			}
			_, n := presence(arm)
			count += n
		}
		return count
	}
	few := min(least(control), least(treatment)) < fewConversions
	return proportions && few
}

// exactCounts are the arms that countsTest takes: those of a fixed test of
// proportions with few conversions and one allocation.
func exactCounts(method Method, few bool, control, treatment []Arm) (arms [2]ProportionArm, ok bool) {
	if method != Fixed || !few || len(control) != 1 {
		return arms, false
	}
	c, isC := control[0].(ProportionArm)
	t, isT := treatment[0].(ProportionArm)
	whole := c.Sum == math.Trunc(c.Sum) && t.Sum == math.Trunc(t.Sum)
	return [2]ProportionArm{c, t}, isC && isT && whole
}

// unbalanced says whether the arms differed before the experiment by more than
// chance allows once in a thousand.
func unbalanced(control, treatment Arm) bool {
	var before, beforeToo Arm
	switch c := control.(type) {
	case CupedMeanArm:
		t, ok := treatment.(CupedMeanArm)
		if !ok {
			return false
		}
		before, beforeToo = MeanArm{c.N, c.Pre, c.PreSq}, MeanArm{t.N, t.Pre, t.PreSq}
	case CupedRatioArm:
		t, ok := treatment.(CupedRatioArm)
		if !ok {
			return false
		}
		before, beforeToo = c.before(), t.before()
	default:
		return false
	}
	test, status := Welch(before, beforeToo, Settings{})
	return status == OK && test.P < 0.001
}
