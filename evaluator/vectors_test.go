package evaluator_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/assaylabs/assay/evaluator"
)

// vectors is the public test set; docs/assignment.md describes the schema.
type vectors struct {
	Schema         string          `json:"schema"`
	Configurations []configuration `json:"configurations"`
	Calls          []call          `json:"calls"`
}

type configuration struct {
	Name     string          `json:"name"`
	Document json.RawMessage `json:"document"`
}

// call asks one experiment of one configuration about one unit.
type call struct {
	Configuration int    `json:"configuration"`
	Experiment    string `json:"experiment"`
	Unit          string `json:"unit,omitempty"`
	// UnitBase64 is the id where its bytes are not UTF-8.
	UnitBase64 []byte         `json:"unit_base64,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
	// AttributesBase64 are texts that are not UTF-8.
	AttributesBase64 map[string][]byte `json:"attributes_base64,omitempty"`
	// Variation is empty where the experiment is not found.
	Variation string `json:"variation,omitempty"`
	Reason    string `json:"reason"`
}

func (c call) subject() subject {
	s := subject{id: c.Unit, attributes: c.Attributes}
	if c.UnitBase64 != nil {
		s.id = string(c.UnitBase64)
	}
	if c.AttributesBase64 != nil {
		s.attributes = object{}
		for name, v := range c.Attributes {
			s.attributes[name] = v
		}
		for name, v := range c.AttributesBase64 {
			s.attributes[name] = string(v)
		}
	}
	return s
}

const vectorSchema = "assay-vectors/1"

// TestVectors holds the evaluator to a file of vectors: to our own, or to that
// which ASSAY_VECTORS names, from here or from the root of the module.
func TestVectors(t *testing.T) {
	name := os.Getenv("ASSAY_VECTORS")
	if name == "" {
		name = "testdata/vectors.json"
	} else if _, err := os.Stat(name); err != nil && !filepath.IsAbs(name) {
		name = filepath.Join("..", name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	if d.More() || v.Schema != vectorSchema || len(v.Calls) == 0 {
		t.Fatalf("%s is not one file of schema %q with calls", name, vectorSchema)
	}
	snapshots := compileAll(t, v.Configurations)
	passed := 0
	for i, c := range v.Calls {
		if c.Configuration < 0 || c.Configuration >= len(snapshots) {
			t.Errorf("call %d: configuration %d is not there", i, c.Configuration)
			continue
		}
		variation, reason := ask(snapshots[c.Configuration], c)
		if variation != c.Variation || reason != c.Reason {
			t.Errorf("call %d: %s of %s: %q %s, want %q %s", i, c.Experiment, v.Configurations[c.Configuration].Name, variation, reason, c.Variation, c.Reason)
			continue
		}
		passed++
	}
	t.Logf("%s: %d of %d calls passed", name, passed, len(v.Calls))
}

func compileAll(t *testing.T, configurations []configuration) []*evaluator.Snapshot {
	t.Helper()
	var snapshots []*evaluator.Snapshot
	for _, c := range configurations {
		document, err := evaluator.ParseDocument(c.Document)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		s, faults := evaluator.Compile(document)
		if len(faults) > 0 {
			t.Fatalf("%s: %v", c.Name, faults)
		}
		snapshots = append(snapshots, s)
	}
	return snapshots
}

func ask(s *evaluator.Snapshot, c call) (variation, reason string) {
	who := c.subject()
	got, ok := s.EvaluateRaw(c.Experiment, who.id, who.attributes)
	if !ok {
		return "", "NOT_FOUND"
	}
	return got.Experiment.Variations()[got.Variation].Key, got.Reason.String()
}

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

// TestVectorsAreTheModels holds our file to the model that makes it.
func TestVectorsAreTheModels(t *testing.T) {
	v := makeVectors(t, madeConfigurations, madeCalls)
	counts := map[string]int{}
	for _, c := range v.Calls {
		counts[c.Reason]++
	}
	t.Logf("%d calls: %v", len(v.Calls), counts)
	for _, reason := range []string{
		"NOT_FOUND", "INACTIVE", "NO_UNIT", "OVERRIDE", "HOLDOUT", "AUDIENCE", "PREREQUISITE", "LAYER", "TRAFFIC", "SPLIT",
	} {
		if counts[reason] < 50 {
			t.Errorf("%d calls end in %s", counts[reason], reason)
		}
	}
	want := v.encode(t)
	if *update {
		if err := os.WriteFile("testdata/vectors.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("testdata/vectors.json")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("testdata/vectors.json is not what the model makes (%v): go test ./evaluator -run TestVectorsAreTheModels -update", err)
	}
}

// encode writes one configuration and one call a line.
func (v vectors) encode(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`{"schema":"` + v.Schema + `","configurations":[`)
	lines(t, &b, v.Configurations)
	b.WriteString(`],"calls":[`)
	lines(t, &b, v.Calls)
	b.WriteString("]}\n")
	return b.Bytes()
}

func lines[T any](t *testing.T, b *bytes.Buffer, list []T) {
	t.Helper()
	for i, item := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		if err := e.Encode(item); err != nil {
			t.Fatal(err)
		}
		b.Truncate(b.Len() - 1)
	}
}
