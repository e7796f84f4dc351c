package queries

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
)

// states waits until the dependencies are in these states.
func (s *stack) states(t testing.TB, status string, states map[string]string) {
	t.Helper()
	within(t, func() error {
		h := s.Health(context.Background())
		for name, state := range states {
			if h.Dependencies[name].State != state {
				return fmt.Errorf("%s of %+v, want %s", name, h, state)
			}
		}
		if h.Status != status {
			return fmt.Errorf("%+v, want %s", h, status)
		}
		return nil
	})
}

func TestHealth(t *testing.T) {
	ledger := ledgertest.New(t)
	server := redistest.Memory(t)
	s := stackOn(t, ledger, server.URL())
	s.create(t, `{"name":"one"}`)
	s.settle(t)
	s.states(t, Ready, map[string]string{"postgres": Up, "memory": Up, "redis": Up})
	for name, d := range s.Health(t.Context()).Dependencies {
		if d.Position != 1 || d.Lag != 0 || d.Detail != "" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	server.Kill()
	s.states(t, Degraded, map[string]string{"postgres": Up, "memory": Up, "redis": Down})
	if list, err := s.Experiments(t.Context(), ListOptions{}); err != nil || list.Source != FromPostgres || len(list.Items) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.states(t, Ready, map[string]string{"redis": Up})
}

func TestHealthBeforeTheLedgerIsRead(t *testing.T) {
	pool := ledgertest.New(t).Pool(t)
	store := eventstore.New(pool, eventstore.Config{Inline: projections.Inline{}})
	s := &stack{Service: New(store, projections.NewFollower(store, pool, nil), nil, pool, nil)}
	s.states(t, Starting, map[string]string{"memory": Loading, "postgres": Up})
	if _, there := s.Health(t.Context()).Dependencies["redis"]; there {
		t.Error("a Redis that there is not has a state")
	}
}

// A record that cannot be read stops memory, which Health tells; lists and
// documents then come from Postgres, and past and feed still show the record.
func TestHealthOfAPoisonedLedger(t *testing.T) {
	s := newStack(t)
	s.create(t, `{"name":"one"}`)
	s.settle(t)
	_, err := s.ledger.Superuser(t).Exec(t.Context(), `with new as (
			insert into events select position + 1, 'experiment/x', 1, 'experiment.exploded', 1, data, data_hash, command_id,
				actor, key_id, reason, request_id, correlation_id, recorded_at, hash from events returning position)
		update event_head set position = new.position from new`)
	if err != nil {
		t.Fatal(err)
	}
	s.states(t, Degraded, map[string]string{"memory": Stopped, "postgres": Up})
	within(t, func() error {
		if d := s.Health(t.Context()).Dependencies["memory"]; d.Position != 1 || d.Lag != 1 || !strings.Contains(d.Detail, "position 2") {
			return fmt.Errorf("memory %+v", d)
		}
		return nil
	})
	list, err := s.Experiments(t.Context(), ListOptions{})
	if err != nil || list.Source != FromPostgres || list.Position != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if doc, _, position, err := s.Experiment(t.Context(), "one", Moment{}); err != nil || position != 2 || decode[domain.Experiment](t, doc).Key != "one" {
		t.Errorf("%s at %d, %v", doc, position, err)
	}
	events, err := s.Events(t.Context(), EventOptions{Limit: 1})
	if err != nil || len(events.Items) != 1 || events.NextCursor == nil || *events.NextCursor != "1" {
		t.Errorf("%+v, %v", events, err)
	}
	events, err = s.Events(t.Context(), EventOptions{After: 1, Limit: 1})
	if err != nil || len(events.Items) != 1 || events.NextCursor != nil || events.Items[0].Type != "experiment.exploded" {
		t.Errorf("%+v, %v", events, err)
	}
}
