//go:build !race

package sdk_test

import (
	"testing"

	"github.com/assaylabs/assay/sdk"
)

// The race detector has pools lose things on purpose.
func TestGettersNoAlloc(t *testing.T) {
	client := quiet(t, serving(
		experiment(t, "bool", true, `{"audience":{"country":{"$in":["US","CA"]},"age":{"$gte":18}}}`), experiment(t, "text", "blue"),
		experiment(t, "whole", 5), experiment(t, "real", 2.5),
	))
	unit := sdk.Unit{ID: "0193e1a0-0000-7000-8000-000000000001", Attributes: map[string]any{"country": "US", "age": 30}}
	nobody := sdk.Unit{ID: "u1", Attributes: map[string]any{"country": "FR"}}
	for name, ask := range map[string]func(){
		"Bool":        func() { client.Bool("bool", unit, false) },
		"BoolDetail":  func() { client.BoolDetail("bool", unit, false) },
		"String":      func() { client.String("text", unit, "") },
		"Int":         func() { client.Int("whole", unit, 0) },
		"Float":       func() { client.Float("real", unit, 0) },
		"Evaluate":    func() { client.Evaluate("real", unit) },
		"Peek":        func() { client.Peek("real", unit) },
		"not in it":   func() { client.Bool("bool", nobody, false) },
		"not found":   func() { client.Bool("boot", unit, false) },
		"other type":  func() { client.Bool("text", unit, false) },
		"no snapshot": func() { (*sdk.Client)(nil).Bool("bool", unit, false) },
	} {
		ask() // the first exposure is reported
		if n := testing.AllocsPerRun(200, ask); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
