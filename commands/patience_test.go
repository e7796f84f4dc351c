package commands_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
)

// A revert reads before it decides: where the ledger does not answer it gives up
// as soon as any other command.
func TestEveryCommandGivesUpInTime(t *testing.T) {
	for name, run := range map[string]func(context.Context, *commands.Service) error{
		"status": func(ctx context.Context, s *commands.Service) error {
			_, err := s.SetStatus(ctx, commands.Call{}, "x", "active")
			return err
		},
		"revert": func(ctx context.Context, s *commands.Service) error {
			_, err := s.RevertExperiment(ctx, commands.Call{}, "x", 1, "")
			return err
		},
		"preview": func(ctx context.Context, s *commands.Service) error {
			_, err := s.PreviewExperiment(ctx, "x", []byte(`{}`))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := commands.New(eventstore.New(nil, eventstore.Config{Timeout: 2 * time.Second})) // nobody writes
				start := time.Now()
				if err := run(t.Context(), s); !errors.Is(err, domain.ErrUnavailable) || time.Since(start) > 2*time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}

// What is decided after the caller has given up is nobody's: the race detector
// sees to it.
func TestGivingUpLeavesTheDecisionAlone(t *testing.T) {
	ledger := ledgertest.New(t)
	s := ledger.Commands(t)
	if _, err := s.CreateExperiment(t.Context(), commands.Call{}, []byte(`{"name":"x"}`)); err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func(context.Context) error{
		"revert": func(ctx context.Context) error {
			_, err := s.RevertExperiment(ctx, commands.Call{}, "x", 1, "")
			return err
		},
		"preview": func(ctx context.Context) error {
			_, err := s.PreviewExperiment(ctx, "x", []byte(`{"name":"y"}`))
			return err
		},
	} {
		conn := ledger.Superuser(t)
		if _, err := conn.Exec(t.Context(), "begin; select from event_head for update"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if err := run(ctx); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		if _, err := conn.Exec(t.Context(), "rollback"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SetStatus(t.Context(), commands.Call{}, "x", "active"); err != nil {
			t.Fatal(err)
		}
	}
}
