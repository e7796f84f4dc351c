package stats

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// An oracle answers one method of the cases in testdata/oracles.
type oracle func(c oracleCase) (values, Status)

type values map[string]any

// oracleCase is one case of the schema stats-oracle/1.
type oracleCase struct {
	ID     string
	Method string
	Params json.RawMessage
	Inputs json.RawMessage
	Status Status
	Expect map[string]numbers
	Tol    struct {
		tolerance
		Keys map[string]tolerance
	}
}

type tolerance struct{ Rel, Abs float64 }

// number reads what JSON has no number for: "inf", "-inf", "nan" and null.
type number float64

func (n *number) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `"inf"`:
		*n = number(math.Inf(1))
	case `"-inf"`:
		*n = number(math.Inf(-1))
	case `"nan"`, "null":
		*n = number(math.NaN())
	case "true":
		*n = 1
	case "false":
		*n = 0
	default:
		return json.Unmarshal(data, (*float64)(n))
	}
	return nil
}

// numbers reads a number or an array of them, of any depth.
type numbers []float64

func (n *numbers) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '[' {
		var one number
		err := json.Unmarshal(data, &one)
		*n = numbers{float64(one)}
		return err
	}
	var all []numbers
	err := json.Unmarshal(data, &all)
	*n = numbers{}
	for _, some := range all {
		*n = append(*n, some...)
	}
	return err
}

// decode reads part of a case into the struct that the oracle declares.
func decode[T any](data json.RawMessage) T {
	var into T
	if err := json.Unmarshal(data, &into); err != nil {
		panic(fmt.Sprintf("%v in %s", err, data))
	}
	return into
}

func oracles() map[string]oracle {
	all := map[string]oracle{}
	for _, some := range []map[string]oracle{
		distributionOracles(), fixedOracles(), planningOracles(), judgingOracles(),
	} {
		maps.Copy(all, some)
	}
	return all
}

// TestOracles compares every case of every file of a folder, testdata/oracles or
// what ASSAY_ORACLES names, with what this package answers.
func TestOracles(t *testing.T) {
	folder := os.Getenv("ASSAY_ORACLES")
	if folder == "" {
		folder = filepath.Join("testdata", "oracles")
	}
	if _, err := os.Stat(folder); err != nil && !filepath.IsAbs(folder) {
		folder = filepath.Join("..", folder) // as seen from where go test was called
	}
	runOracles(t, folder)
}

// TestExtremes does the same with cases of ours, recomputed with mpmath at 40 digits
// and more, where those of testdata/oracles are thin: chosen ones, and drawn ones.
// Group sequential boundaries among these come from a recursion of their own.
func TestExtremes(t *testing.T) {
	runOracles(t, filepath.Join("testdata", "extremes"))
}

func runOracles(t *testing.T, folder string) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	known := oracles()
	var passed, total int
	for _, file := range files {
		if filepath.Base(file) == "manifest.json" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suite := decode[struct {
			Suite string
			Cases []oracleCase
		}](data)
		if len(suite.Cases) == 0 {
			t.Errorf("no case in %s", file)
		}
		good := 0
		t.Run(suite.Suite, func(t *testing.T) {
			for _, c := range suite.Cases {
				if t.Run(c.ID, func(t *testing.T) { c.run(t, known) }) {
					good++
				}
			}
		})
		fmt.Printf("%-18s %4d of %4d\n", suite.Suite, good, len(suite.Cases))
		passed += good
		total += len(suite.Cases)
	}
	fmt.Printf("%-18s %4d of %4d\n", "all", passed, total)
	if total == 0 {
		t.Fatalf("no case in %s", folder)
	}
}

func (c oracleCase) run(t *testing.T, known map[string]oracle) {
	answer, ok := known[c.Method]
	if !ok {
		t.Fatalf("unknown method %s", c.Method)
	}
	defer func() {
		if problem := recover(); problem != nil {
			t.Fatalf("%s: %v", c.Method, problem)
		}
	}()
	got, status := answer(c)
	if status != c.Status {
		t.Fatalf("%s: status %s, want %s", c.Method, status, c.Status)
	}
	for key, want := range c.Expect {
		value, ok := got[key]
		if !ok {
			t.Errorf("%s: no %s", c.Method, key)
			continue
		}
		tol, ok := c.Tol.Keys[key]
		if !ok {
			tol = c.Tol.tolerance
		}
		if problem := c.compare(key, flat(t, value), want, tol); problem != "" {
			t.Errorf("%s: %s %s", c.Method, key, problem)
		}
	}
}

func (c oracleCase) compare(key string, got, want []float64, tol tolerance) string {
	if len(got) != len(want) {
		return fmt.Sprintf("has %d values, want %d", len(got), len(want))
	}
	_, logged := c.Expect["log10_p"]
	for i := range want {
		switch {
		case math.IsNaN(got[i]):
			return "is NaN"
		case math.IsInf(want[i], 0) && got[i] == want[i]:
		case key == "p" && logged && want[i] == 0 && got[i] >= 0 && got[i] <= 1e-300:
		case math.Abs(got[i]-want[i]) <= tol.Abs+tol.Rel*math.Abs(want[i]):
		default:
			return fmt.Sprintf("[%d] = %v, want %v, off by %.2g relative", i, got[i], want[i], (got[i]-want[i])/want[i])
		}
	}
	return ""
}

// flat brings any answer to the form of numbers.
func flat(t *testing.T, value any) []float64 {
	switch v := value.(type) {
	case float64:
		return []float64{v}
	case []float64:
		return v
	case int:
		return []float64{float64(v)}
	case int64:
		return []float64{float64(v)}
	case bool:
		if v {
			return []float64{1}
		}
		return []float64{0}
	case []bool:
		var all []float64
		for _, one := range v {
			all = append(all, flat(t, one)...)
		}
		return all
	}
	t.Fatalf("an oracle answers %T", value)
	return nil
}
