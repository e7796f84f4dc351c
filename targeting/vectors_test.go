package targeting

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
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
