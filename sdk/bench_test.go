package sdk_test

import (
	"testing"

	"github.com/assaylabs/assay/sdk"
)

func BenchmarkBool(b *testing.B) {
	client := quiet(b, serving(experiment(b, "bool", true, `{"audience":{"country":{"$in":["US","CA"]}}}`)))
	unit := sdk.Unit{ID: "0193e1a0-0000-7000-8000-000000000001", Attributes: map[string]any{"country": "US"}}
	b.ReportAllocs()
	for b.Loop() {
		client.Bool("bool", unit, false)
	}
}

func BenchmarkPeek(b *testing.B) {
	client := quiet(b, serving(experiment(b, "bool", true, `{"audience":{"country":{"$in":["US","CA"]}}}`)))
	unit := sdk.Unit{ID: "0193e1a0-0000-7000-8000-000000000001", Attributes: map[string]any{"country": "US"}}
	b.ReportAllocs()
	for b.Loop() {
		client.Peek("bool", unit)
	}
}
