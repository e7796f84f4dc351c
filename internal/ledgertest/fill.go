package ledgertest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/projections"
)

// Filling says what Fill appends; the zero value of each field but Records has
// a default.
type Filling struct {
	// Records is how many there are in all.
	Records int
	// Daily is how many of them are of today, and how many of yesterday, default
	// 1,000 or a quarter of all. The others are spread over the Days before, by
	// default 30.
	Daily, Days int
	// Experiments is how many there are, default 1,000 or a tenth of Records.
	Experiments int
}

// Fill fills an empty ledger with records such as a busy company leaves behind:
// mostly toggles, some edits, few creations and deletions, days closed. It does
// not append but copies, so the read models stay empty until a replay.
func (l Ledger) Fill(t testing.TB, f Filling) {
	t.Helper()
	g, err := newGenerator(f)
	if err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(t.Context(), l.Superuser(t), func(tx pgx.Tx) error { return g.copyTo(t.Context(), tx) })
	if err != nil {
		t.Fatal(err)
	}
}

// FillAndReplay is Fill with its read models.
func (l Ledger) FillAndReplay(t testing.TB, f Filling) {
	t.Helper()
	l.Fill(t, f)
	owner := l.OwnerPool(t)
	if _, err := projections.Replay(t.Context(), owner, projections.Tables(), projections.ReplayOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), "vacuum analyze"); err != nil {
		t.Fatal(err)
	}
}

// generator makes records out of the domain's own decisions.
type generator struct {
	Filling
	now, began time.Time
	catalog    *domain.Catalog
	live       []uuid.UUID
	made, step int
	command    uuid.UUID
	err        error
}

func newGenerator(f Filling) (*generator, error) {
	if f.Daily == 0 {
		f.Daily = min(1_000, f.Records/4)
	}
	if f.Days == 0 {
		f.Days = 30
	}
	if f.Experiments == 0 {
		f.Experiments = min(1_000, f.Records/10)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	began := (domain.DateOf(now) - domain.Date(f.Days) - 1).Start()
	command, err := uuid.NewRandom()
	return &generator{Filling: f, now: now, began: began, catalog: domain.NewCatalog(began), command: command}, err
}

func (g *generator) copyTo(ctx context.Context, tx pgx.Tx) error {
	next, stop := iter.Pull(g.records())
	defer stop()
	columns := []string{
		"position", "stream_id", "version", "type", "schema_version", "data", "data_hash", "command_id",
		"actor", "key_id", "reason", "request_id", "correlation_id", "recorded_at", "hash",
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"events"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		r, ok := next()
		if !ok {
			return nil, g.err
		}
		return []any{
			r.Position, string(r.Stream), int32(r.Version), r.Type, int32(r.SchemaVersion), r.Data, r.DataHash[:],
			[16]byte(r.CommandID), r.Actor, r.KeyID, r.Reason, r.RequestID, r.CorrelationID, r.RecordedAt, r.Hash[:],
		}, nil
	}))
	if err != nil {
		return err
	}
	hash := g.catalog.Hash()
	_, err = tx.Exec(ctx, "update event_head set position = $1, recorded_at = $2, hash = $3, began_at = $4",
		g.catalog.Position(), g.catalog.At(), hash[:], g.began)
	return err
}

// records yields the records. It ends early on an error, in g.err.
func (g *generator) records() iter.Seq[*eventstore.Record] {
	return func(yield func(*eventstore.Record) bool) {
		for g.made < g.Records {
			at := g.at()
			changes := g.catalog.CloseDays(at)
			if len(changes) == 0 {
				changes, g.err = g.decide()
			}
			for _, ch := range changes {
				if g.err != nil || g.made == g.Records {
					return
				}
				var r *eventstore.Record
				if r, g.err = g.record(ch, at); g.err != nil || !yield(r) {
					return
				}
			}
			if g.err != nil {
				return
			}
		}
	}
}

// at is the time of the next record.
func (g *generator) at() time.Time {
	today := domain.DateOf(g.now).Start()
	left := g.Records - g.made
	switch past := g.Records - 2*g.Daily; {
	case left <= g.Daily:
		return g.now
	case left <= 2*g.Daily:
		return today.Add(-12 * time.Hour)
	default:
		span := today.AddDate(0, 0, -1).Sub(g.began)
		return g.began.Add(time.Duration(float64(span) * float64(g.made) / float64(past))).Truncate(time.Microsecond)
	}
}

func (g *generator) record(ch domain.Change, at time.Time) (*eventstore.Record, error) {
	data, err := domain.Encode(ch.Event)
	r := &eventstore.Record{
		Position: g.catalog.Position() + 1, Stream: ch.Stream, Version: g.catalog.Version(ch.Stream) + 1,
		Type: ch.Event.Type(), SchemaVersion: 1, Data: data, DataHash: sha256.Sum256(data),
		CommandID: g.command, Actor: "Ada", Reason: "a filling", RequestID: "019acd12-4f3a-7c61-9d53-2a4e1c3b5f60",
		CorrelationID: "019acd12-4f3a-7c61-9d53-2a4e1c3b5f60", RecordedAt: at, Event: ch.Event,
	}
	r.Hash = r.Chain(g.catalog.Hash())
	g.catalog.Apply(r.Stamp(), r.Stream, r.Event)
	g.made++
	return r, err
}

// decide makes the next wish of an administrator: of a hundred, 82 toggles, 15
// edits, 2 creations and a deletion, after creations for the first.
func (g *generator) decide() ([]domain.Change, error) {
	g.step++
	if g.step <= 4 {
		return g.resource(g.step)
	}
	turn := g.step * 61 % 100
	if g.made < g.Experiments || turn >= 98 && len(g.live) < g.Experiments {
		return g.create()
	}
	pick := g.step * 7919 % len(g.live)
	e, _ := g.catalog.Experiments.ByID(g.live[pick])
	switch {
	case turn == 97:
		g.live[pick] = g.live[len(g.live)-1]
		g.live = g.live[:len(g.live)-1]
		return g.catalog.DeleteExperiment(e)
	case turn >= 82 && turn < 97:
		return g.catalog.EditExperiment(e, fmt.Appendf(nil, `{"description":"Text %d: what we have learnt so far."}`, g.step))
	case e.Status == domain.Active:
		return g.catalog.SetStatus(e, domain.Inactive)
	}
	return g.catalog.SetStatus(e, domain.Active)
}

// resource makes one entity of each other kind, save keys.
func (g *generator) resource(n int) ([]domain.Change, error) {
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n))
	switch n {
	case 1:
		return g.catalog.CreateLayer(id, []byte(`{"name":"Checkout"}`))
	case 2:
		return g.catalog.CreateSegment(id, []byte(`{"name":"Staff","ids":["ada","grace","linus"]}`))
	case 3:
		return g.catalog.CreateMetric(id, []byte(`{"name":"Purchases","kind":"conversion","event":"purchase"}`))
	}
	return g.catalog.CreateHoldout(id, []byte(`{"name":"Nobody","share_ppm":10000}`))
}

func (g *generator) create() ([]domain.Change, error) {
	draft, err := domain.ParseExperimentDraft(Document(g.step))
	if err != nil {
		return nil, err
	}
	// Ids of tests must not depend on chance: the same filling, the same rows.
	draft.ID = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, g.step))
	g.live = append(g.live, draft.ID)
	return g.catalog.CreateExperiment(draft)
}

// Document is the creation of an experiment of about 1 KB, the n-th.
func Document(n int) []byte {
	return fmt.Appendf(nil, `{"key":"checkout-%[1]d","name":"Checkout %[1]d","owner":"growth","tags":["checkout","web"],
		"description":"Whether a shorter form sells more.","hypothesis":"Fewer fields, fewer who give up.",
		"variations":[{"key":"control","value":{"fields":9},"weight":1},{"key":"short","value":{"fields":5},"weight":1},
			{"key":"shortest","value":{"fields":3},"weight":2}],
		"audience":{"country":{"$in":["US","CA","GB","DE","FR"]},"app_version":{"$vgte":"2.%[1]d.0"}},
		"overrides":{"tester-%[1]d":"short"}}`, n)
}
