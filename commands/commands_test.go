package commands_test

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/projections"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func by(actor string) commands.Call {
	return commands.Call{Meta: eventstore.Meta{Actor: actor, Reason: "test", RequestID: "r", CorrelationID: "c"}}
}

func TestLifeOfAnExperiment(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Commands(t)
	ctx := t.Context()
	created, err := s.CreateExperiment(ctx, by("ann"), []byte(`{"name":"Checkout button"}`))
	if err != nil {
		t.Fatal(err)
	}
	if created.Version != 1 || created.Position != 1 || created.Key != "checkout-button" {
		t.Errorf("created %+v", created)
	}
	on, err := s.SetStatus(ctx, by("bob"), "checkout-button", "active")
	if err != nil || on.Version != 2 || !on.Changed {
		t.Fatalf("switched on: %+v, %v", on, err)
	}
	var doc domain.Experiment
	if err := json.Unmarshal(on.Document, &doc); err != nil || doc.Status != domain.Active || doc.Position != 2 {
		t.Errorf("document %s, %v", on.Document, err)
	}
	if again, err := s.SetStatus(ctx, by("bob"), "checkout-button", "active"); err != nil || again.Changed || again.Version != 2 {
		t.Errorf("switched on again: %+v, %v", again, err)
	}
	patched, err := s.PatchExperiment(ctx, by("ann"), created.ID.String(), []byte(`{"phase":"new","variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}]}`))
	if err != nil || patched.Version != 3 {
		t.Fatalf("patched: %+v, %v", patched, err)
	}
	reverted, err := s.RevertExperiment(ctx, by("ann"), created.ID.String(), 1, "same")
	if err != nil || reverted.Version != 4 {
		t.Fatalf("reverted: %+v, %v", reverted, err)
	}
	stale := by("ann")
	stale.IfMatch = 3
	if _, err := s.DeleteExperiment(ctx, stale, created.ID.String()); fmt.Sprintf("%T", err) != "*domain.VersionError" {
		t.Errorf("a stale deletion got %v", err)
	}
	gone, err := s.DeleteExperiment(ctx, by("ann"), created.ID.String())
	if err != nil || gone.Version != 6 || gone.Position != 6 {
		t.Fatalf("deleted: %+v, %v", gone, err)
	}
	v, err := projections.Verify(ctx, l.Pool(t), projections.VerifyOptions{})
	if err != nil || !v.OK() || v.Records != 6 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	r, err := projections.Replay(ctx, l.OwnerPool(t), projections.Tables(), projections.ReplayOptions{})
	if err != nil || r.Records != 6 {
		t.Errorf("replay: %+v, %v", r, err)
	}
	v, err = projections.Verify(ctx, l.Pool(t), projections.VerifyOptions{})
	if err != nil || !v.OK() || v.Records != 6 {
		t.Errorf("verify after replay: %+v, %v", v, err)
	}
	if _, err := s.CreateExperiment(ctx, by("ann"), []byte(`{"name":"after the replay"}`)); err != nil {
		t.Error(err)
	}
}
