package domain

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func BenchmarkEncodeScratch(b *testing.B) {
	c := NewCatalog(time.Now())
	d, err := ParseExperimentDraft([]byte(`{"name":"x"}`))
	if err != nil {
		b.Fatal(err)
	}
	d.ID = uuid.New()
	ch, err := c.CreateExperiment(d)
	if err != nil {
		b.Fatal(err)
	}
	c.Apply(Stamp{Position: 1, Version: 1, At: time.Now()}, ch[0].Stream, ch[0].Event)
	e, _ := c.Experiments.ByKey("x")
	b.Run("doc", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Encode(e)
		}
	})
	b.Run("status", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Encode(StatusChanged{Active, Inactive})
		}
	})
	b.Run("v7", func(b *testing.B) {
		for b.Loop() {
			uuid.New()
		}
	})
	x, _ := Encode(e)
	b.Log(string(x))
}
