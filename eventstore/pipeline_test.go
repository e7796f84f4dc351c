package eventstore_test

import (
	"errors"
	"testing"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// faulty writes read models until it is told to do something else.
type faulty struct {
	projections.Inline
	instead func(to eventstore.Sender) error
}

func (f *faulty) Write(to eventstore.Sender, c *domain.Catalog, records []eventstore.Record) error {
	if f.instead != nil {
		return f.instead(to)
	}
	return f.Inline.Write(to, c, records)
}

// Records are sent before their read models are made: what fails then must take
// them back, ahead of the lock and under it.
func TestReadModelsThatFailAfterTheRecordsWereSent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		instead func(to eventstore.Sender) error
	}{
		{"they cannot be made", func(eventstore.Sender) error { return errors.New("no rows") }},
		{"a statement that Postgres was not told of", func(to eventstore.Sender) error {
			to.Send(eventstore.NewStatement("select 1"))
			return nil
		}},
		{"too few arguments", func(to eventstore.Sender) error {
			to.Send(projections.Inline{}.Statements()[0], "one")
			return nil
		}},
		{"an argument of another type", func(to eventstore.Sender) error {
			to.Send(projections.Inline{}.Statements()[2], struct{}{}, "member")
			return nil
		}},
		{"Postgres refuses a row", func(to eventstore.Sender) error {
			to.Send(projections.Inline{}.Statements()[2], "no uuid", "member")
			return nil
		}},
	} {
		for _, key := range []string{"", "k"} { // with a key it is decided under the lock
			t.Run(tt.name+key, func(t *testing.T) {
				l := ledgertest.New(t)
				inline := &faulty{}
				s := eventstore.New(l.Pool(t), eventstore.Config{Inline: inline})
				ledgertest.Run(t, s.Run)
				for _, name := range []string{"a", "b", "c"} { // then it knows that it is alone
					execute(t, s, createMetric(name))
				}
				inline.instead = tt.instead
				cmd := createMetric("d")
				cmd.Meta.IdempotencyKey = key
				if _, err := s.Execute(t.Context(), cmd); err == nil {
					t.Error("acknowledged")
				}
				inline.instead = nil
				if done := execute(t, s, cmd); done.Position != 4 {
					t.Errorf("then appended at %d, want 4", done.Position)
				}
				verify(t, l)
			})
		}
	}
}
