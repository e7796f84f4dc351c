package commands_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

func TestPreviewTellsAndDoesNothing(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	for _, body := range []string{`{"name":"queue","mode":"ordered"}`} {
		if _, err := b.CreateResource(ctx, by("ann"), domain.KindLayer, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Batch(ctx, by("ann"), []commands.BatchCommand{
		op("create", "", `{"name":"x"}`), op("status", "x", `{"status":"active"}`),
	}); err != nil {
		t.Fatal(err)
	}
	before := len(b.records(t))
	for _, tt := range []struct{ name, patch, events, moves string }{
		{"nothing", `{}`, "[]", "[]"},
		{"words", `{"owner":"o"}`, "[experiment.changed]", "[]"},
		{"traffic", `{"traffic_ppm":1}`, "[experiment.changed]", "[]"},
		{"weights", `{"phase":"new","variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}]}`, "[experiment.changed]", "[{control treatment 250000}]"},
		{
			"a third", `{"phase":"same","variations":[{"key":"control","weight":1},{"key":"treatment","weight":1},{"key":"c","weight":1}]}`,
			"[experiment.changed]", "[{control c 166666} {treatment c 166667}]",
		},
		{"a layer", `{"layer":{"key":"queue"}}`, "[experiment.changed layer.changed]", "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := b.PreviewExperiment(ctx, "x", []byte(tt.patch))
			if err != nil {
				t.Fatal(err)
			}
			types := []string{}
			for _, e := range p.Events {
				types = append(types, e.Type)
			}
			if fmt.Sprint(types) != tt.events || fmt.Sprint(p.Moves) != tt.moves {
				t.Errorf("events %v, moves %v", types, p.Moves)
			}
			sum := 0
			for _, m := range p.Moves {
				sum += m.Slots
			}
			if sum != p.SlotsMoved {
				t.Errorf("%d slots moved of %v", p.SlotsMoved, p.Moves)
			}
		})
	}
	var invalid *domain.InvalidError
	if _, err := b.PreviewExperiment(ctx, "x", []byte(`{"salt":"s"}`)); !errors.As(err, &invalid) || invalid.Field != "phase" {
		t.Errorf("a preview without a phase got %v", err)
	}
	if _, err := b.PreviewExperiment(ctx, "y", []byte(`{}`)); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a preview of nothing got %v", err)
	}
	if n := len(b.records(t)); n != before {
		t.Errorf("previews appended %d records", n-before)
	}
}

// What a preview promises is what the patch does.
func TestPreviewIsWhatHappens(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	if _, err := b.CreateExperiment(ctx, by("ann"), []byte(`{"name":"x"}`)); err != nil {
		t.Fatal(err)
	}
	patch := []byte(`{"variations":[{"key":"control","weight":2},{"key":"b","weight":5}],"audience":{"a":1},"phase":"new"}`)
	promised, err := b.PreviewExperiment(ctx, "x", patch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PatchExperiment(ctx, by("ann"), "x", patch); err != nil {
		t.Fatal(err)
	}
	record := b.records(t)[1]
	if string(record.Data) != string(promised.Events[0].Data) || record.Type != promised.Events[0].Type {
		t.Errorf("appended %s, promised %s", record.Data, promised.Events[0].Data)
	}
	var now domain.Experiment
	if err := json.Unmarshal(promised.Experiment, &now); err != nil || now.Version != 2 || now.Phase != 2 {
		t.Errorf("promised %s, %v", promised.Experiment, err)
	}
}
