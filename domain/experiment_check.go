package domain

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/assaylabs/assay/targeting"
)

const (
	maxVariations    = 64
	maxWeight        = 1_000_000
	maxTags          = 50
	maxTag           = 64
	maxOverrides     = 1_000
	maxPrerequisites = 32
	maxMetrics       = 100
	maxUnit          = 1_024 // bytes
	maxSalt          = 128
)

var (
	variationKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	attribute    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)
)

// check refuses settings that no catalog would make right.
func (s *Settings) check() error {
	for _, check := range []func() error{
		s.checkTexts, s.checkVariations, s.checkNumbers, s.checkAudience, s.checkOverrides, s.checkAnalysis, s.Schedule.check,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Settings) checkTexts() error {
	if err := checkName("name", s.Name); err != nil {
		return err
	}
	if err := checkText("description", s.Description, MaxText); err != nil {
		return err
	}
	if err := checkText("hypothesis", s.Hypothesis, MaxText); err != nil {
		return err
	}
	if err := checkLine("owner", s.Owner, MaxName); err != nil {
		return err
	}
	if err := checkTags(s.Tags); err != nil {
		return err
	}
	if !attribute.MatchString(s.UnitType) {
		return Invalid("unit_type", "must be the name of an attribute: 1 to 64 letters, digits, '_', '.' or '-', starting with a letter or '_'")
	}
	return checkSalt(s.Salt)
}

func checkTags(tags []string) error {
	if len(tags) > maxTags {
		return Invalid("tags", "must be at most %d", maxTags)
	}
	seen := map[string]bool{}
	for i, t := range tags {
		field := fmt.Sprintf("tags[%d]", i)
		if t == "" || seen[t] {
			return Invalid(field, "must not be empty or repeated")
		}
		seen[t] = true
		if err := checkLine(field, t, maxTag); err != nil {
			return err
		}
	}
	return nil
}

func checkSalt(salt string) error {
	if salt == "" {
		return Invalid("salt", "must not be empty")
	}
	return checkLine("salt", salt, maxSalt)
}

func (s *Settings) checkVariations() error {
	if n := len(s.Variations); n < 2 || n > maxVariations {
		return Invalid("variations", "must be 2 to %d, the control first", maxVariations)
	}
	total := 0
	seen := map[string]bool{}
	for i, v := range s.Variations {
		at := fmt.Sprintf("variations[%d]", i)
		if !variationKey.MatchString(v.Key) {
			return Invalid(at+".key", "must be 1 to 128 letters, digits, '.', '_' and '-', starting with a letter or digit")
		}
		if seen[v.Key] {
			return Invalid(at+".key", "is the key of two variations: %s", v.Key)
		}
		seen[v.Key] = true
		if err := checkLine(at+".name", v.Name, MaxName); err != nil {
			return err
		}
		if v.Weight < 0 || v.Weight > maxWeight {
			return Invalid(at+".weight", "must be a whole number from 0 to %d", maxWeight)
		}
		total += v.Weight
	}
	if total == 0 {
		return Invalid("variations", "must have at least one weight above 0")
	}
	return nil
}

func (s *Settings) checkNumbers() error {
	return checkPPM("traffic_ppm", s.TrafficPPM)
}

func checkPPM(field string, ppm int) error {
	if ppm < 0 || ppm > Slots {
		return Invalid(field, "must be parts per million: a whole number from 0 to %d", Slots)
	}
	return nil
}

func (s *Settings) checkAudience() error {
	condition, err := parseAudience(s.Audience)
	if err != nil {
		return err
	}
	s.Audience = condition.Canonical()
	return nil
}

func parseAudience(audience []byte) (*targeting.Condition, error) {
	condition, err := targeting.Parse(audience)
	if fault, ok := err.(*targeting.ParseError); ok {
		return nil, Invalid("audience"+fault.Pointer, "%s", fault.Problem)
	}
	return condition, err
}

func (s *Settings) checkOverrides() error {
	if len(s.Overrides) > maxOverrides {
		return Invalid("overrides", "must be at most %d units; a segment holds more", maxOverrides)
	}
	for _, unit := range slices.Sorted(maps.Keys(s.Overrides)) {
		key := s.Overrides[unit]
		if unit == "" || len(unit) > maxUnit {
			return Invalid("overrides", "must have unit ids of 1 to %d bytes", maxUnit)
		}
		if s.variation(key) < 0 {
			return Invalid("overrides."+unit, "must be the key of a variation, is %q", key)
		}
	}
	return nil
}

func oneOf(field, got string, allowed ...string) error {
	for _, a := range allowed {
		if got == a {
			return nil
		}
	}
	return Invalid(field, "must be one of %q", allowed)
}

// checkReferences refuses settings that name what the catalog does not have.
func (c *Catalog) checkReferences(e *Experiment) error {
	condition, err := parseAudience(e.Audience)
	if err != nil {
		return err
	}
	for _, group := range condition.Groups() {
		if _, ok := c.Segments.ByKey(group); !ok {
			return Invalid("audience", "names a segment that does not exist: %s", group)
		}
	}
	if err := c.checkMetricUses(e.Metrics); err != nil {
		return err
	}
	if err := c.checkExclude(e.Analysis); err != nil {
		return err
	}
	return c.checkPrerequisites(e)
}

func (c *Catalog) checkMetricUses(uses []MetricUse) error {
	if len(uses) > maxMetrics {
		return Invalid("metrics", "must be at most %d", maxMetrics)
	}
	seen := map[string]bool{}
	for i, m := range uses {
		at := fmt.Sprintf("metrics[%d]", i)
		if err := oneOf(at+".role", m.Role, "primary", "secondary", "guardrail"); err != nil {
			return err
		}
		if _, ok := c.Metrics.ByKey(m.Metric); !ok {
			return Invalid(at+".metric", "names a metric definition that does not exist: %s", m.Metric)
		}
		if seen[m.Metric] {
			return Invalid(at+".metric", "is used twice: %s", m.Metric)
		}
		seen[m.Metric] = true
	}
	return nil
}

func (c *Catalog) checkPrerequisites(e *Experiment) error {
	if len(e.Prerequisites) > maxPrerequisites {
		return Invalid("prerequisites", "must be at most %d", maxPrerequisites)
	}
	for i, p := range e.Prerequisites {
		at := fmt.Sprintf("prerequisites[%d]", i)
		other, ok := c.Experiments.ByKey(p.Experiment)
		if !ok && p.Experiment != e.Key {
			return Invalid(at+".experiment", "names an experiment that does not exist: %s", p.Experiment)
		}
		if p.Experiment == e.Key || c.reaches(other, e.Key) {
			return Invalid(at+".experiment", "makes a circle: %s depends on %s", p.Experiment, e.Key)
		}
		if len(p.Variations) == 0 {
			return Invalid(at+".variations", "must name at least one variation of %s", p.Experiment)
		}
		for j, v := range p.Variations {
			if other.variation(v) < 0 {
				return Invalid(fmt.Sprintf("%s.variations[%d]", at, j), "names a variation that %s does not have: %s", p.Experiment, v)
			}
		}
	}
	return nil
}

// reaches says whether e depends, at any depth, on the experiment with that key.
func (c *Catalog) reaches(e *Experiment, key string) bool {
	seen := map[string]bool{}
	todo := []*Experiment{e}
	for len(todo) > 0 {
		e, todo = todo[len(todo)-1], todo[:len(todo)-1]
		for _, p := range e.Prerequisites {
			if p.Experiment == key {
				return true
			}
			if next, ok := c.Experiments.ByKey(p.Experiment); ok && !seen[p.Experiment] {
				seen[p.Experiment] = true
				todo = append(todo, next)
			}
		}
	}
	return false
}

// checkDependents refuses a change that would leave another experiment waiting
// for a variation that no longer exists.
func (c *Catalog) checkDependents(e *Experiment) error {
	for other := range c.Experiments.All() {
		for _, p := range other.Prerequisites {
			if p.Experiment != e.Key {
				continue
			}
			for _, v := range p.Variations {
				if e.variation(v) < 0 {
					return &ConflictError{Problem: fmt.Sprintf("variation %s is a prerequisite of experiment %s", v, other.Key)}
				}
			}
		}
	}
	return nil
}
