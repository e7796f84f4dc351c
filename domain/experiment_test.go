package domain

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestNameAloneMakesAnExperiment(t *testing.T) {
	l := newLedger()
	e := l.create(t, `{"name":"Checkout Button!"}`)
	if e.Key != "checkout-button" || e.Status != Inactive || e.Phase != 1 || e.TrafficPPM != Slots ||
		e.Salt != e.ID.String() || e.UnitType != "user_id" || e.Hash != XXH3 || len(e.Split) != 2 {
		t.Errorf("unexpected defaults: %+v", e)
	}
	if again := l.create(t, `{"name":"Checkout Button!"}`); again.Key != "checkout-button-2" {
		t.Errorf("the second key is %s", again.Key)
	}
	if odd := l.create(t, `{"name":"実験"}`); !strings.HasPrefix(odd.Key, "experiment-") {
		t.Errorf("the key of a name without latin letters is %s", odd.Key)
	}
}

func TestCreationIsRefused(t *testing.T) {
	for name, tt := range map[string]struct{ body, field string }{
		"without a name":         {`{}`, "name"},
		"blank name":             {`{"name":" "}`, "name"},
		"long name":              {`{"name":"` + strings.Repeat("x", 201) + `"}`, "name"},
		"line break":             {`{"name":"a\nb"}`, "name"},
		"bad key":                {`{"name":"x","key":"A"}`, "key"},
		"one variation":          {`{"name":"x","variations":[{"key":"a","weight":1}]}`, "variations"},
		"same variation twice":   {`{"name":"x","variations":[{"key":"a","weight":1},{"key":"a","weight":1}]}`, "variations[1].key"},
		"no weight":              {`{"name":"x","variations":[{"key":"a","weight":0},{"key":"b","weight":0}]}`, "variations"},
		"weight below 0":         {`{"name":"x","variations":[{"key":"a","weight":-1},{"key":"b","weight":1}]}`, "variations[0].weight"},
		"weight too large":       {`{"name":"x","variations":[{"key":"a","weight":1000001},{"key":"b","weight":1}]}`, "variations[0].weight"},
		"traffic":                {`{"name":"x","traffic_ppm":1000001}`, "traffic_ppm"},
		"unknown hash":           {`{"name":"x","hash":"md5"}`, "hash"},
		"override to nothing":    {`{"name":"x","overrides":{"u1":"c"}}`, "overrides.u1"},
		"unknown layer":          {`{"name":"x","layer":{"key":"l","share_ppm":5}}`, "layer.key"},
		"unknown metric":         {`{"name":"x","metrics":[{"metric":"m","role":"primary"}]}`, "metrics[0].metric"},
		"unknown prerequisite":   {`{"name":"x","prerequisites":[{"experiment":"p","variations":["a"]}]}`, "prerequisites[0].experiment"},
		"itself as prerequisite": {`{"name":"x","key":"x","prerequisites":[{"experiment":"x","variations":["control"]}]}`, "prerequisites[0].experiment"},
		"unknown method":         {`{"name":"x","analysis":{"method":"magic"}}`, "analysis.method"},
		"nil id":                 {`{"name":"x","status":"active"}`, "status"},
		"too large":              {`{"name":"x","description":"` + strings.Repeat("x", MaxConfigBytes) + `"}`, "body"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, tt.field)(newLedger().draft(t, tt.body)) })
	}
}

func TestKeyAndIDAreUsedOnce(t *testing.T) {
	l := newLedger()
	e := l.create(t, `{"name":"x","key":"x"}`)
	conflicts(t)(l.draft(t, `{"name":"y","key":"x"}`))
	must(t, l)(l.DeleteExperiment(e))
	if again := l.create(t, `{"name":"y","key":"x"}`); again.ID == e.ID {
		t.Error("the key of a deleted experiment should serve a new one")
	}
	conflicts(t)(l.CreateExperiment(ExperimentDraft{ID: e.ID, Key: "z", Settings: []byte(`{"name":"z"}`)}))
}

func TestActiveExperimentsMustSayThePhase(t *testing.T) {
	for _, tt := range []struct{ name, patch, moves string }{
		{"weights", `{"variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}]`, ""},
		{"audience", `{"audience":{"country":"US"}`, ""},
		{"salt", `{"salt":"other"`, ""},
		{"unit", `{"unit_type":"device_id"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger()
			l.create(t, `{"name":"x"}`)
			must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(tt.patch+`}`)))
			l = newLedger()
			l.create(t, `{"name":"x"}`)
			l.set(t, "x", Active)
			l.set(t, "x", Inactive)
			refused(t, "phase")(l.EditExperiment(l.get(t, "x"), []byte(tt.patch+`}`)))
			must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(tt.patch+`,"phase":"new"}`)))
			if p := l.get(t, "x").Phase; p != 2 {
				t.Errorf("phase is %d, want 2", p)
			}
		})
	}
	l := newLedger()
	l.create(t, `{"name":"x"}`)
	l.set(t, "x", Active)
	must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"traffic_ppm":10,"owner":"a"}`)))
	must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"salt":"y","phase":"same"}`)))
	if p := l.get(t, "x").Phase; p != 1 {
		t.Errorf("phase is %d, want 1", p)
	}
	refused(t, "phase")(l.EditExperiment(l.get(t, "x"), []byte(`{"phase":"old"}`)))
}

func TestWhatChangesNothingAppendsNothing(t *testing.T) {
	l := newLedger()
	e := l.create(t, `{"name":"x","tags":["a"]}`)
	for _, patch := range []string{`{}`, `{"name":"x"}`, `{"tags":["a"]}`, `{"owner":null}`, `{"traffic_ppm":null}`} {
		if changes := must(t, l)(l.EditExperiment(e, []byte(patch))); len(changes) != 0 {
			t.Errorf("%s appends %v", patch, changes)
		}
	}
	if changes := must(t, l)(l.SetStatus(e, Inactive)); len(changes) != 0 {
		t.Errorf("setting the status it has appends %v", changes)
	}
}

func TestPatchRefusesWhatTheServerWrites(t *testing.T) {
	l := newLedger()
	e := l.create(t, `{"name":"x"}`)
	for _, field := range []string{"id", "key", "version", "position", "created_at", "updated_at", "split", "hash", "status", "nonsense"} {
		refused(t, field)(l.EditExperiment(e, []byte(`{"`+field+`":"v"}`)))
	}
}

func TestRevertRestoresSettingsAndSplit(t *testing.T) {
	l := newLedger()
	first := l.create(t, `{"name":"x"}`)
	must(t, l)(l.EditExperiment(first, []byte(`{"name":"y","variations":[{"key":"control","weight":1},{"key":"treatment","weight":9}]}`)))
	l.set(t, "x", Active)
	refused(t, "phase")(l.RevertExperiment(l.get(t, "x"), first, 1, ""))
	must(t, l)(l.RevertExperiment(l.get(t, "x"), first, 1, "new"))
	e := l.get(t, "x")
	if e.Name != "x" || e.Status != Active || e.Phase != 2 || e.Split[0].To != 500_000 {
		t.Errorf("reverted to %+v", e)
	}
}

func TestDeletionSwitchesOffFirst(t *testing.T) {
	l := newLedger()
	l.create(t, `{"name":"x"}`)
	l.create(t, `{"name":"y","prerequisites":[{"experiment":"x","variations":["treatment"]}]}`)
	l.set(t, "x", Active)
	conflicts(t)(l.DeleteExperiment(l.get(t, "x")))
	conflicts(t)(l.EditExperiment(l.get(t, "x"), []byte(`{"phase":"new","variations":[{"key":"control","weight":1},{"key":"b","weight":1}]}`)))
	must(t, l)(l.DeleteExperiment(l.get(t, "y")))
	changes := must(t, l)(l.DeleteExperiment(l.get(t, "x")))
	if len(changes) != 2 || changes[0].Event != (StatusChanged{Active, Inactive}) {
		t.Errorf("deletion appended %v", changes)
	}
	if active, inactive := l.Counts(); active != 0 || inactive != 0 {
		t.Errorf("counts are %d and %d", active, inactive)
	}
	if _, err := l.Experiments.Find("x"); err != ErrNotFound {
		t.Errorf("found a deleted experiment: %v", err)
	}
}

func TestPrerequisitesHaveNoCircle(t *testing.T) {
	l := newLedger()
	l.create(t, `{"name":"a"}`)
	l.create(t, `{"name":"b","prerequisites":[{"experiment":"a","variations":["treatment"]}]}`)
	l.create(t, `{"name":"c","prerequisites":[{"experiment":"b","variations":["treatment"]}]}`)
	refused(t, "prerequisites[0]")(l.EditExperiment(l.get(t, "a"), []byte(`{"prerequisites":[{"experiment":"c","variations":["control"]}]}`)))
	refused(t, "prerequisites[0].variations[0]")(l.draft(t, `{"name":"d","prerequisites":[{"experiment":"a","variations":["zzz"]}]}`))
}

func TestDraftHasItsOwnID(t *testing.T) {
	id := uuid.MustParse("0193a0d2-0000-7000-8000-000000000001")
	if e := newLedger().create(t, `{"name":"x","id":"`+id.String()+`"}`); e.ID != id {
		t.Errorf("id is %s", e.ID)
	}
}
