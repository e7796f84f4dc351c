package evaluator

import (
	"errors"

	"github.com/assaylabs/assay/targeting"
)

// maxTests bounds the tests that a check says something of.
const maxTests = 1000

// ConditionCheck says what is wrong with a condition, or whether a unit meets it.
type ConditionCheck struct {
	Valid  bool             `json:"valid"`
	Errors []ConditionFault `json:"errors"`
	// Matches is nil for a condition that is not valid, and without a unit.
	Matches *bool `json:"matches"`
	// Explanation has the tests that the condition is made of, as they are written,
	// the first 1,000; none where Matches is nil.
	Explanation []ConditionTest `json:"explanation"`
}

// ConditionFault is a fault, and where in the condition it is.
type ConditionFault struct {
	Pointer string `json:"pointer"`
	Problem string `json:"problem"`
}

// ConditionTest is one test, and whether the unit passes it: alone, without a $not
// around it.
type ConditionTest struct {
	Pointer string `json:"pointer"`
	Matched bool   `json:"matched"`
}

// CheckCondition checks a condition, and matches it with a unit of those attributes
// unless they are nil. segment returns who is in a segment, nil where there is none
// of that key.
func CheckCondition(condition []byte, attributes map[string]any, segment func(key string) (has func(id string) bool)) (ConditionCheck, error) {
	check := ConditionCheck{Errors: []ConditionFault{}, Explanation: []ConditionTest{}}
	parsed, err := targeting.Parse(condition)
	var fault *targeting.ParseError
	if errors.As(err, &fault) {
		check.Errors = append(check.Errors, ConditionFault{fault.Pointer, fault.Problem})
		return check, nil
	}
	if err != nil {
		return check, err
	}
	segments := map[string]*targeting.Members{}
	for _, key := range parsed.Groups() {
		if has := segment(key); has != nil {
			segments[key] = targeting.MembersWho(has)
		}
	}
	leaves := parsed.Leaves()
	for _, leaf := range leaves {
		for _, key := range leaf.Condition.Groups() {
			if segments[key] == nil {
				check.Errors = append(check.Errors, ConditionFault{leaf.Pointer, "names a segment that does not exist: " + key})
			}
		}
	}
	if check.Valid = len(check.Errors) == 0; check.Valid && attributes != nil {
		check.match(parsed, leaves[:min(len(leaves), maxTests)], segments, attributes)
	}
	return check, nil
}

func (c *ConditionCheck) match(condition *targeting.Condition, leaves []targeting.Leaf, segments map[string]*targeting.Members, attributes map[string]any) {
	compiler := targeting.NewCompiler(segments)
	whole := compiler.Add(condition)
	tests := make([]int, len(leaves))
	for i, leaf := range leaves {
		tests[i] = compiler.Add(leaf.Condition)
	}
	program := compiler.Compile()
	var unit targeting.Attributes
	unit.Reset(program, attributes)
	matches := program.Match(whole, &unit)
	c.Matches = &matches
	for i, leaf := range leaves {
		c.Explanation = append(c.Explanation, ConditionTest{leaf.Pointer, program.Match(tests[i], &unit)})
	}
}
