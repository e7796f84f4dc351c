package projections_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

const day = 24 * time.Hour

// closeDays closes every day that is over, as a replica does.
func closeDays(t testing.TB, s *eventstore.Store) {
	t.Helper()
	_, err := s.Execute(t.Context(), eventstore.Command{
		Meta:   eventstore.Meta{Actor: "assay"},
		Decide: func(tx *eventstore.Tx) (any, error) { return nil, tx.Append(tx.Catalog.CloseDays(tx.Now)...) },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// writer is a replica that notes the first error of its commands.
type writer struct {
	*commands.Service
	store *eventstore.Store
	err   error
}

func newWriter(t testing.TB, l ledgertest.Ledger) *writer {
	t.Helper()
	s := l.Store(t)
	return &writer{Service: commands.New(s), store: s}
}

func (w *writer) done(_ commands.Answer, err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
}

var caller = commands.Call{Meta: eventstore.Meta{
	Actor: "ann", KeyID: "01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10", Reason: "été", RequestID: "r-1", CorrelationID: "c-1",
}}

// chronicle makes a ledger that has every type of event, over four days that
// are closed and one that is not.
func chronicle(t testing.TB) (ledgertest.Ledger, *writer) {
	t.Helper()
	l := ledgertest.New(t)
	w := newWriter(t, l)
	ctx := t.Context()
	for i := range 5 {
		l.SetClock(t, time.Duration(i)*day)
		closeDays(t, w.store)
		for _, kind := range []domain.Kind{domain.KindLayer, domain.KindSegment, domain.KindHoldout, domain.KindMetric} {
			key := fmt.Sprintf("%s-%d", kind, i)
			w.done(w.CreateResource(ctx, caller, kind, fmt.Appendf(nil, `{"key":%q,"name":"N","%s":%q}`, key, eventOf(kind), "purchase")))
			w.done(w.PatchResource(ctx, caller, kind, key, []byte(`{"description":"Ω: 1"}`)))
		}
		w.done(w.ChangeMembers(ctx, caller, fmt.Sprint("segment-", i), []string{"u1", "u2", "ü3"}, nil))
		w.done(w.ChangeMembers(ctx, caller, fmt.Sprint("segment-", i), []string{"u4"}, []string{"u1"}))
		key, _, err := w.CreateKey(ctx, caller, fmt.Appendf(nil, `{"name":"key %d","role":"viewer"}`, i))
		w.done(key, err)
		w.done(w.PatchResource(ctx, caller, domain.KindKey, key.ID.String(), fmt.Appendf(nil, `{"name":"renamed %d"}`, i)))
		for _, e := range []string{"a", "b"} {
			e = fmt.Sprint(e, i)
			w.done(w.CreateExperiment(ctx, caller, fmt.Appendf(nil, `{"key":%q,"name":"Experiment \"%s\""}`, e, e)))
			w.done(w.SetStatus(ctx, caller, e, "active"))
			w.done(w.PatchExperiment(ctx, caller, e, []byte(`{"name":"Renamed","tags":["x"]}`)))
		}
		w.done(w.SetStatus(ctx, caller, "a0", []string{"inactive", "active"}[i%2]))
		if i == 3 {
			w.done(w.DeleteExperiment(ctx, caller, "b1"))
			for _, kind := range []domain.Kind{domain.KindLayer, domain.KindSegment, domain.KindHoldout, domain.KindMetric} {
				w.done(w.DeleteResource(ctx, caller, kind, fmt.Sprintf("%s-1", kind)))
			}
			w.done(w.DeleteResource(ctx, caller, domain.KindKey, key.ID.String()))
		}
	}
	if w.err != nil {
		t.Fatal(w.err)
	}
	types := map[string]bool{}
	records, err := w.store.ReadAll(ctx, 0, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		types[r.Type] = true
	}
	for _, typ := range eventstore.Types() {
		if !types[typ] {
			t.Fatalf("the chronicle has no %s", typ)
		}
	}
	return l, w
}

// eventOf is the member that a metric needs; the others have a description
// anyway.
func eventOf(kind domain.Kind) string {
	if kind == domain.KindMetric {
		return "event"
	}
	return "description"
}

func verify(t testing.TB, pool *pgxpool.Pool, checkpoint string) projections.Verification {
	t.Helper()
	v, err := projections.Verify(t.Context(), pool, projections.VerifyOptions{Checkpoint: checkpoint})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// agrees fails the test unless the ledger and all its read models are right.
func agrees(t testing.TB, l ledgertest.Ledger) projections.Verification {
	t.Helper()
	v := verify(t, l.Pool(t), "")
	if !v.OK() {
		t.Errorf("verify: %+v", v)
	}
	return v
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) int64 {
	t.Helper()
	tag, err := conn.Exec(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return tag.RowsAffected()
}

// value reads one value.
func value[V any](t testing.TB, conn *pgx.Conn, sql string, args ...any) V {
	t.Helper()
	var v V
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// ledgerTables are those that Verify reads.
func ledgerTables() []string {
	return append(slices.Clone(projections.Tables()), "events", "event_head")
}

func hashOf(data []byte) domain.Hash { return sha256.Sum256(data) }

// fill appends so many records in few transactions.
func fill(t testing.TB, l ledgertest.Ledger, n int) {
	t.Helper()
	s := eventstore.New(l.Pool(t), eventstore.Config{Inline: projections.Inline{}, Timeout: 20 * time.Second})
	ledgertest.Run(t, s.Run)
	if _, err := commands.New(s).CreateExperiment(t.Context(), caller, []byte(`{"key":"busy","name":"Busy"}`)); err != nil {
		t.Fatal(err)
	}
	for left := n - 1; left > 0; left -= 10_000 {
		_, err := s.Execute(t.Context(), eventstore.Command{Meta: caller.Meta, Decide: func(tx *eventstore.Tx) (any, error) {
			for range min(left, 10_000) {
				e, _ := tx.Catalog.Experiments.ByKey("busy")
				to := domain.Active
				if e.Status == to {
					to = domain.Inactive
				}
				changes, err := tx.Catalog.SetStatus(e, to)
				if err != nil {
					return nil, err
				}
				if err := tx.Append(changes...); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}
