package domain

import (
	"cmp"
	"fmt"
	"slices"
)

const (
	maxDimensions   = 10
	maxExclude      = 16
	maxAnalysisDays = 366
)

// Analysis is how results are judged.
type Analysis struct {
	Method string `json:"method"`
	// Alpha is the level of tests, two-sided.
	Alpha      float64 `json:"alpha"`
	Correction string  `json:"correction"`
	Rule
	// Prior is what is thought of each lift beforehand, by a bayesian analysis; nil is flat.
	Prior *Prior `json:"prior,omitempty"`
	// Dimensions are attributes of exposures by which results are broken down.
	Dimensions []string `json:"dimensions,omitempty"`
	// Exclude are the keys of segments whose members are left out.
	Exclude []string `json:"exclude,omitempty"`
}

// Rule says what it takes to decide an experiment. A member that is 0 has its
// default; OrDefault gives them.
type Rule struct {
	// MinDays pass before anything but harm is decided.
	MinDays int `json:"min_days,omitzero"`
	// MaxDays is the planned length; 0 is none.
	MaxDays int `json:"max_days,omitzero"`
	// MDE is the relative effect that is worth having.
	MDE float64 `json:"mde,omitzero"`
	// Power is the chance to find an effect of MDE that is wanted.
	Power float64 `json:"power,omitzero"`
	// GuardrailMargin is the relative harm to a guardrail that is put up with.
	GuardrailMargin float64 `json:"guardrail_margin,omitzero"`
	// SRMAlpha is the level of the check of the split.
	SRMAlpha float64 `json:"srm_alpha,omitzero"`
}

// Prior is a normal distribution of a lift: 0.1 is 10 % more than the control.
type Prior struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
}

// OrDefault is the rule with nothing left open but the planned length.
func (r Rule) OrDefault() Rule {
	r.MDE = cmp.Or(r.MDE, 0.05)
	r.Power = cmp.Or(r.Power, 0.8)
	r.GuardrailMargin = cmp.Or(r.GuardrailMargin, 0.05)
	r.SRMAlpha = cmp.Or(r.SRMAlpha, 0.001)
	return r
}

// normalize gives absent lists their one form.
func (a *Analysis) normalize() {
	if len(a.Dimensions) == 0 {
		a.Dimensions = nil
	}
	if len(a.Exclude) == 0 {
		a.Exclude = nil
	}
}

func (s *Settings) checkAnalysis() error {
	a := s.Analysis
	if err := oneOf("analysis.method", a.Method, "sequential", "fixed", "bayesian"); err != nil {
		return err
	}
	if a.Alpha < 0.0001 || a.Alpha > 0.5 {
		return Invalid("analysis.alpha", "must be from 0.0001 to 0.5")
	}
	if err := oneOf("analysis.correction", a.Correction, "none", "holm", "benjamini-hochberg"); err != nil {
		return err
	}
	if err := a.Rule.check(); err != nil {
		return err
	}
	if err := a.checkPrior(); err != nil {
		return err
	}
	if err := checkNames("analysis.dimensions", a.Dimensions, maxDimensions); err != nil {
		return err
	}
	for i, name := range a.Dimensions {
		if !attribute.MatchString(name) {
			return Invalid(fmt.Sprintf("analysis.dimensions[%d]", i), "must be the name of an attribute: 1 to 64 letters, digits, '_', '.' or '-', starting with a letter or '_'")
		}
	}
	return checkNames("analysis.exclude", a.Exclude, maxExclude)
}

func (a *Analysis) checkPrior() error {
	switch {
	case a.Prior == nil:
		return nil
	case a.Method != "bayesian":
		return Invalid("analysis.prior", "is for method bayesian alone, not %s", a.Method)
	case a.Prior.Mean < -1 || a.Prior.Mean > 10:
		return Invalid("analysis.prior.mean", "must be a lift from -1 to 10, such as 0")
	case a.Prior.SD < 0.0001 || a.Prior.SD > 10:
		return Invalid("analysis.prior.sd", "must be from 0.0001 to 10, such as 0.3; without a prior it is flat")
	}
	return nil
}

func (r Rule) check() error {
	for _, days := range []struct {
		field string
		value int
	}{{"analysis.min_days", r.MinDays}, {"analysis.max_days", r.MaxDays}} {
		if days.value < 0 || days.value > maxAnalysisDays {
			return Invalid(days.field, "must be a whole number from 0 to %d", maxAnalysisDays)
		}
	}
	if r.MaxDays > 0 && r.MaxDays < r.MinDays {
		return Invalid("analysis.max_days", "must not be less than min_days, %d", r.MinDays)
	}
	for _, share := range []struct {
		field             string
		value, from, upTo float64
	}{
		{"analysis.mde", r.MDE, 0.0001, 10},
		{"analysis.power", r.Power, 0.5, 0.9999},
		{"analysis.guardrail_margin", r.GuardrailMargin, 0.0001, 1},
		{"analysis.srm_alpha", r.SRMAlpha, 1e-9, 0.1},
	} {
		if share.value != 0 && (share.value < share.from || share.value > share.upTo) {
			return Invalid(share.field, "must be from %v to %v", share.from, share.upTo)
		}
	}
	return nil
}

// checkNames checks a list in which nothing comes twice.
func checkNames(field string, names []string, most int) error {
	if len(names) > most {
		return Invalid(field, "must be at most %d", most)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return Invalid(fmt.Sprintf("%s[%d]", field, i), "is named twice: %q", name)
		}
	}
	return nil
}

// checkExclude refuses segments that there are not.
func (c *Catalog) checkExclude(a Analysis) error {
	for i, key := range a.Exclude {
		if _, ok := c.Segments.ByKey(key); !ok {
			return Invalid(fmt.Sprintf("analysis.exclude[%d]", i), "names a segment that does not exist: %s", key)
		}
	}
	return nil
}
