package commands_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

// keyed is a call with an idempotency key, and the hash of what is asked for.
func keyed(key, request string) commands.Call {
	call := by("ann")
	call.IdempotencyKey, call.RequestHash = key, sha256.Sum256([]byte(request))
	return call
}

// Every command answers a retry as it answered at first, whatever became of the
// entity since, and appends nothing.
func TestRetriesAreReplayed(t *testing.T) {
	b := newBench(t)
	type run = func(ctx context.Context, call commands.Call) (commands.Answer, error)
	resource := func(kind domain.Kind, body string) run {
		return func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.CreateResource(ctx, call, kind, []byte(body))
		}
	}
	steps := []struct {
		name string
		run  run
	}{
		{"create", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.CreateExperiment(ctx, call, []byte(`{"name":"x"}`))
		}},
		{"patch", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.PatchExperiment(ctx, call, "x", []byte(`{"owner":"o"}`))
		}},
		{"patch of nothing", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.PatchExperiment(ctx, call, "x", []byte(`{"owner":"o"}`))
		}},
		{"status", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.SetStatus(ctx, call, "x", "active")
		}},
		{"revert", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.RevertExperiment(ctx, call, "x", 1, "same")
		}},
		{"delete", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.DeleteExperiment(ctx, call, "x")
		}},
		{"create layer", resource(domain.KindLayer, `{"name":"l"}`)},
		{"create segment", resource(domain.KindSegment, `{"name":"g","ids":["a"]}`)},
		{"create holdout", resource(domain.KindHoldout, `{"name":"h"}`)},
		{"create metric", resource(domain.KindMetric, `{"name":"m","event":"e"}`)},
		{"patch layer", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.PatchResource(ctx, call, domain.KindLayer, "l", []byte(`{"name":"m"}`))
		}},
		{"members", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.ChangeMembers(ctx, call, "g", []string{"b"}, nil)
		}},
		{"delete segment", func(ctx context.Context, call commands.Call) (commands.Answer, error) {
			return b.DeleteResource(ctx, call, domain.KindSegment, "g")
		}},
	}
	first := make([]commands.Answer, len(steps))
	for i, s := range steps {
		got, err := s.run(t.Context(), keyed(s.name, s.name))
		if err != nil || got.Replayed {
			t.Fatalf("%s: %+v, %v", s.name, got, err)
		}
		first[i] = got
	}
	before := len(b.records(t))
	for i, s := range steps {
		got, err := s.run(t.Context(), keyed(s.name, s.name))
		if err != nil || !got.Replayed || got.ID != first[i].ID || got.Key != first[i].Key || got.Version != first[i].Version ||
			got.Position != first[i].Position || got.Changed != first[i].Changed || string(got.Document) != string(first[i].Document) {
			t.Errorf("%s: %+v, %v; at first %+v", s.name, got, err, first[i])
		}
		var invalid *domain.InvalidError
		if _, err := s.run(t.Context(), keyed(s.name, "another")); !errors.As(err, &invalid) || invalid.Field != "Idempotency-Key" {
			t.Errorf("%s with another body: %v", s.name, err)
		}
	}
	if n := len(b.records(t)); n != before {
		t.Errorf("retries appended %d records", n-before)
	}
}

func TestBatchesAreReplayed(t *testing.T) {
	b := newBench(t)
	all := []commands.BatchCommand{op("create", "", `{"name":"x"}`), op("delete", "x", "")}
	first, err := b.Batch(t.Context(), keyed("k", "1"), all)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Batch(t.Context(), keyed("k", "1"), all)
	if err != nil || !again.Replayed || again.Position != first.Position || len(again.Results) != 2 || again.Results[0] != first.Results[0] {
		t.Errorf("%+v, %v", again, err)
	}
	// What failed left nothing, so its key is still free.
	bad := []commands.BatchCommand{op("create", "", `{"name":"y"}`), op("delete", "nobody", "")}
	if _, err := b.Batch(t.Context(), keyed("l", "2"), bad); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if got, err := b.Batch(t.Context(), keyed("l", "3"), all); err != nil || got.Replayed {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheTokenIsShownOnce(t *testing.T) {
	b := newBench(t)
	body := []byte(`{"name":"dashboard","role":"viewer"}`)
	got, token, err := b.CreateKey(t.Context(), keyed("k", "1"), body)
	if err != nil {
		t.Fatal(err)
	}
	role, id, secretHash, err := domain.ParseToken(token)
	if err != nil || role != domain.Viewer || id != got.ID {
		t.Errorf("token of %s %s, %v", role, id, err)
	}
	event := b.records(t)[0].Event.(domain.Created[domain.Key])
	if event.After.SecretHash != secretHash {
		t.Error("the ledger keeps another secret's hash")
	}
	var public domain.Key
	if err := json.Unmarshal(got.Document, &public); err != nil || public.SecretHash != "" {
		t.Errorf("answered %s, %v", got.Document, err)
	}
	again, none, err := b.CreateKey(t.Context(), keyed("k", "1"), body)
	if err != nil || none != "" || !again.Replayed || again.ID != got.ID || string(again.Document) != string(got.Document) {
		t.Errorf("replayed %+v, %q, %v", again, none, err)
	}
	var invalid *domain.InvalidError
	if _, none, err := b.CreateKey(t.Context(), by("ann"), []byte(`{"name":"x","role":"viewer","id":"0193a0d2-0000-7000-8000-000000000001"}`)); none != "" || !errors.As(err, &invalid) || invalid.Field != "id" {
		t.Errorf("an own id got %q, %v", none, err)
	}
	if _, none, err := b.CreateKey(t.Context(), by("ann"), []byte(`{"name":"x","role":"king"}`)); none != "" || !errors.As(err, &invalid) || invalid.Field != "role" {
		t.Errorf("an unknown role got %q, %v", none, err)
	}
	edited, err := b.PatchResource(t.Context(), by("ann"), domain.KindKey, "dashboard", []byte(`{"name":"Board"}`))
	if err != nil || json.Unmarshal(edited.Document, &public) != nil || public.SecretHash != "" || public.Name != "Board" {
		t.Errorf("edited %s, %v", edited.Document, err)
	}
}

func TestRevertOfWhatIsNotThere(t *testing.T) {
	b := newBench(t)
	if _, err := b.RevertExperiment(t.Context(), by("ann"), "x", 1, ""); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := b.CreateExperiment(t.Context(), by("ann"), []byte(`{"name":"x"}`)); err != nil {
		t.Fatal(err)
	}
	for _, version := range []int{-1, 0, 2} {
		var invalid *domain.InvalidError
		if _, err := b.RevertExperiment(t.Context(), by("ann"), "x", version, ""); !errors.As(err, &invalid) || invalid.Field != "version" {
			t.Errorf("version %d: %v", version, err)
		}
	}
	stale := by("ann")
	stale.IfMatch = 7
	var version *domain.VersionError
	if _, err := b.RevertExperiment(t.Context(), stale, "x", 1, ""); !errors.As(err, &version) || version.Have != 1 {
		t.Errorf("got %v", err)
	}
	var invalid *domain.InvalidError
	if _, err := b.RevertExperiment(t.Context(), by("ann"), "x", 1, "old"); !errors.As(err, &invalid) || invalid.Field != "phase" {
		t.Errorf("got %v", err)
	}
}
