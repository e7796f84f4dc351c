package targeting

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/growthbook/growthbook-golang" // its module holds the specification's test vectors
)

// refusedVectors are the conditions of the specification's vectors that show how
// an SDK survives mistakes. Here mistakes are refused when they are written.
func refusedVectors() map[string]string {
	const (
		unknown   = "an operator that does not exist"
		notList   = "an operand that is not a list"
		badRegex  = "an expression that does not compile"
		misplaced = "an operator of conditions where one of values belongs"
		noType    = "a type that no JSON value has"
		textSize  = "a size that is a text"
	)
	return map[string]string{
		"an unknown operator under $not fails, since this SDK can't evaluate it":             unknown,
		"an unknown operator under $nor fails, since this SDK can't evaluate it":             unknown,
		"an unknown operator inside $not on a value fails, since this SDK can't evaluate it": unknown,
		"an unknown operator doesn't stop an $or that another condition passes":              unknown,
		"a known operator that fails decides the condition, even beside an unknown operator": unknown,
		"unknown operator - pass": unknown,
		"$in - not array":         notList,
		"$nin - not array":        notList,
		"$ini - not array":        notList,
		"$nini - not array":       notList,
		"$regex invalid - pass":   badRegex,
		"$regex invalid - fail":   badRegex,
		"a condition key where an operator on a value belongs never matches, as before": misplaced,
		"$type undefined - missing attribute is null, not undefined":                    noType,
		"type mismatch - $size \"1\" vs [\"a\"] attribute":                              textSize,
	}
}

func TestParseAcceptsTheSpecification(t *testing.T) {
	var file struct {
		SpecVersion   string
		EvalCondition [][]json.RawMessage
	}
	if err := json.Unmarshal(vectors(t), &file); err != nil {
		t.Fatal(err)
	}
	if file.SpecVersion != "0.12.0" || len(file.EvalCondition) < 400 {
		t.Fatalf("%d vectors of version %s", len(file.EvalCondition), file.SpecVersion)
	}
	refused := refusedVectors()
	for _, vector := range file.EvalCondition {
		var name string
		if err := json.Unmarshal(vector[0], &name); err != nil {
			t.Fatal(err)
		}
		why, refuse := refused[name]
		_, err := Parse(vector[1])
		switch {
		case refuse && err == nil:
			t.Errorf("%s: %s has %s, and is accepted", name, vector[1], why)
		case !refuse && err != nil:
			t.Errorf("%s: %s: %v", name, vector[1], err)
		}
		delete(refused, name)
	}
	for name := range refused {
		t.Errorf("no vector is called %q", name)
	}
}

// TestMatchMeetsTheSpecification runs every vector of conditions. Those that
// Parse refuses go through lenient, which gives each mistake the meaning that
// the specification has for it; refusedVectors says which and why.
func TestMatchMeetsTheSpecification(t *testing.T) {
	var file struct{ EvalCondition [][]json.RawMessage }
	if err := json.Unmarshal(vectors(t), &file); err != nil {
		t.Fatal(err)
	}
	refused := refusedVectors()
	passed := 0
	for _, vector := range file.EvalCondition {
		var v conditionVector
		v.read(t, vector)
		cond, err := Parse(v.condition)
		if _, isRefused := refused[v.name]; isRefused {
			cond, err = lenient(v.condition)
		}
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		c := NewCompiler(v.segments(t))
		i := c.Add(cond)
		p := c.Compile()
		var a Attributes
		a.Reset(p, v.attributes)
		if got := p.Match(i, &a); got != v.want {
			t.Errorf("%s: %s on %s is %t", v.name, v.condition, vector[2], got)
			continue
		}
		passed++
	}
	t.Logf("%d of %d condition vectors pass, %d of them leniently", passed, len(file.EvalCondition), len(refused))
	if len(file.EvalCondition) != 583 || passed != len(file.EvalCondition) {
		t.Errorf("%d of %d vectors pass, want all of 583", passed, len(file.EvalCondition))
	}
}

type conditionVector struct {
	name       string
	condition  json.RawMessage
	attributes map[string]any
	want       bool
	groups     map[string]json.RawMessage
}

func (v *conditionVector) read(t *testing.T, raw []json.RawMessage) {
	t.Helper()
	v.condition = raw[1]
	for i, into := range []any{&v.name, nil, &v.attributes, &v.want, &v.groups} {
		if into == nil || i >= len(raw) {
			continue
		}
		if err := json.Unmarshal(raw[i], into); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
	}
}

// segments are the vector's groups. Ours hold texts alone; theirs, numbers too.
func (v *conditionVector) segments(t *testing.T) map[string]*Members {
	t.Helper()
	segments := make(map[string]*Members)
	for key, raw := range v.groups {
		values, _, err := new(reader).read(raw)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		var numbers []float64
		for _, v := range values.items {
			if v.kind == text {
				texts = append(texts, v.text)
			} else {
				numbers = append(numbers, v.number)
			}
		}
		segments[key] = NewMembers(texts)
		segments[key].numbers = numbers
	}
	return segments
}

// lenient parses a condition after giving a valid form to the mistakes in it:
// an operator that this version cannot evaluate makes whatever depends on it
// fail, under $not too; the other mistakes never match, so that $not of them does.
func lenient(data []byte) (*Condition, error) {
	v, canonical, err := new(reader).read(data)
	if err != nil {
		return nil, err
	}
	root, err := new(parser).condition("", mend(v, false, false))
	return &Condition{root: root, canonical: canonical}, err
}

// mend rewrites an object of conditions or, below an attribute, of operators.
func mend(v value, tests, negated bool) value {
	v.items, v.entries = slices.Clone(v.items), slices.Clone(v.entries)
	for i, item := range v.items {
		v.items[i] = mend(item, tests, negated)
	}
	for i, e := range v.entries {
		v.entries[i] = mendEntry(e, tests, negated)
	}
	return v
}

func mendEntry(e entry, tests, negated bool) entry {
	never, always := entry{"$in", value{kind: list}}, entry{"$nin", value{kind: list}}
	op := operator(e.name)
	switch {
	case op == opNot || op == opNor && !tests:
		return entry{e.name, mend(e.value, tests, !negated)}
	case !tests:
		return entry{e.name, mend(e.value, !op.joins(), negated)}
	case !isOperator(e.name):
		return e
	case !op.testsValue() && !op.joins() && negated:
		return always
	}
	if _, err := new(parser).operator("", op, e.value); err != nil {
		return never
	}
	return e
}

// vectors reads cases.json from the module itself.
func vectors(t *testing.T) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/growthbook/growthbook-golang").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
