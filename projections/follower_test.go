package projections_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
)

// shown is the follower's state, as its readers see it.
func shown(f *projections.Follower) state {
	v := f.View()
	s := state{position: fmt.Sprint(v.Position), docs: map[string]string{}}
	for _, d := range v.Docs {
		s.docs[d.Experiment.ID.String()] = string(d.JSON)
	}
	return s
}

// consistent checks that the parts of a view agree.
func consistent(v *projections.View) error {
	if len(v.Docs) != len(v.ByID) || len(v.Docs) != len(v.ByKey) {
		return fmt.Errorf("%d documents, %d by id, %d by key", len(v.Docs), len(v.ByID), len(v.ByKey))
	}
	for i, d := range v.Docs {
		if i > 0 && d.Experiment.ID.String() <= v.Docs[i-1].Experiment.ID.String() {
			return fmt.Errorf("document %d is out of order", i)
		}
		if v.ByID[d.Experiment.ID] != d || v.ByKey[d.Experiment.Key] != d {
			return fmt.Errorf("document %d is not what its id and key lead to", i)
		}
	}
	return nil
}

// history makes a ledger with every kind of change of experiments, keys used
// again included, and returns its records.
func history(t testing.TB, r *replica) []eventstore.Record {
	t.Helper()
	r.create(t, 5)
	for i := range 5 {
		r.set(t, fmt.Sprintf("e%d", i), "active")
	}
	for _, key := range []string{"e1", "e3"} {
		if _, err := r.DeleteExperiment(t.Context(), commands.Call{}, key); err != nil {
			t.Fatal(err)
		}
		if _, err := r.CreateExperiment(t.Context(), commands.Call{}, []byte(`{"name":"again","key":"`+key+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.CreateResource(t.Context(), commands.Call{}, domain.KindSegment, []byte(`{"name":"staff"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PatchExperiment(t.Context(), commands.Call{}, "e0", []byte(`{"description":"changed"}`)); err != nil {
		t.Fatal(err)
	}
	records, err := r.store.ReadAll(t.Context(), 0, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// However what this process commits and what it reads overlap, the catalog is
// the ledger's.
func TestFollowerTakesRecordsInAnyOrder(t *testing.T) {
	t.Parallel()
	r := newReplica(t, ledgertest.New(t))
	followers := make([]*projections.Follower, 200)
	for i := range followers {
		if followers[i] = r.unread(); i%10 != 0 {
			catchUp(t, followers[i]) // loaded at position 0
		}
	}
	records := history(t, r)
	want := truth(t, r.ledger)
	for seed, f := range followers {
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		for range random.IntN(20) {
			from := random.IntN(len(records))
			to := from + random.IntN(len(records)-from+1)
			switch random.IntN(20) {
			case 0:
				catchUp(t, f)
			case 1, 2, 3:
				if err := consistent(f.View()); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			default:
				// Mostly what fits, so that a half of the ledger comes this way.
				if random.IntN(2) == 0 {
					from = min(from, int(f.Position()))
				}
				f.Offer(records[from:to])
			}
		}
		catchUp(t, f)
		if got := shown(f); !got.is(want) {
			t.Fatalf("seed %d: view %v, want %v", seed, got, want)
		}
		if err := errors.Join(consistent(f.View()), f.Stopped()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// Views taken at every record, or now and then, come to the same.
func TestViewByPieces(t *testing.T) {
	t.Parallel()
	whole := newReplica(t, ledgertest.New(t))
	fresh := whole.still(t) // loaded at position 0
	records := history(t, whole)
	want := truth(t, whole.ledger)
	var kept []*projections.View
	var copies []map[uuid.UUID]*projections.Doc
	for i := range records {
		fresh.Offer(records[i : i+1])
		v := fresh.View()
		if err := consistent(v); err != nil || v.Position != records[i].Position || v.Hash != records[i].Hash {
			t.Fatalf("view at %d of record %d: %v", v.Position, records[i].Position, err)
		}
		kept, copies = append(kept, v), append(copies, maps.Clone(v.ByID))
	}
	if got := shown(fresh); !got.is(want) {
		t.Errorf("view %v, want %v", got, want)
	}
	for i, v := range kept {
		if !maps.Equal(v.ByID, copies[i]) {
			t.Errorf("the view at %d changed after it was handed out", v.Position)
		}
	}
}

// poison appends a record of an unknown type as a superuser would, with a right
// hash.
func poison(t testing.TB, ledger ledgertest.Ledger) int64 {
	t.Helper()
	store := ledger.Store(t)
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := eventstore.Record{
		Position: head.Position + 1, Stream: "experiment/" + domain.Stream(uuid.NewString()), Version: 1,
		Type: "experiment.exploded", SchemaVersion: 1, Data: []byte(`{}`), CommandID: uuid.New(), RecordedAt: head.Now.UTC(),
	}
	r.DataHash = sha256.Sum256(r.Data)
	r.Hash = r.Chain(head.Hash)
	_, err = ledger.Superuser(t).Exec(t.Context(), `with new as (
			insert into events (position, stream_id, version, type, schema_version, data, data_hash, command_id,
				actor, key_id, reason, request_id, correlation_id, recorded_at, hash)
			values ($1, $2, $3, $4, $5, $6, $7, $8, '', '', '', '', '', $9, $10) returning *)
		update event_head set position = new.position, recorded_at = new.recorded_at, hash = new.hash from new`,
		r.Position, string(r.Stream), r.Version, r.Type, r.SchemaVersion, r.Data, r.DataHash[:], r.CommandID, r.RecordedAt, r.Hash[:])
	if err != nil {
		t.Fatal(err)
	}
	return r.Position
}

// A record that cannot be applied stops the follower, which says so and keeps
// serving what it had. Nothing after it is applied.
func TestFollowerStopsAtPoison(t *testing.T) {
	t.Parallel()
	r := newReplica(t, ledgertest.New(t))
	r.create(t, 2)
	client := open(t, redistest.Memory(t).URL())
	p := r.project(t, client, "")
	before := truth(t, r.ledger)
	settles(t, client, "", before)
	position := poison(t, r.ledger)
	eventually(t, healTime, func() error {
		if err := r.follower.Stopped(); err == nil || !strings.Contains(err.Error(), "exploded") || !strings.Contains(err.Error(), fmt.Sprint(position)) {
			return fmt.Errorf("stopped: %v", err)
		}
		return nil
	})
	if got := shown(r.follower); !got.is(before) {
		t.Errorf("view %v, want %v", got, before)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := r.follower.Wait(ctx, position); !errors.Is(err, domain.ErrUnavailable) || ctx.Err() != nil {
		t.Errorf("wait: %v", err)
	}
	if err := r.follower.CatchUp(t.Context()); err == nil {
		t.Error("catching up worked")
	}
	later := eventstore.Record{Position: position + 1, Stream: "days", Version: 1}
	r.follower.Offer([]eventstore.Record{later})
	if got := r.follower.Position(); got != position-1 {
		t.Errorf("position %d, want %d", got, position-1)
	}
	// Redis is kept at the last good state, and healed to it.
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	settles(t, client, "", before)
	collected := gather(t, r.follower, p)
	for _, want := range []string{
		`assay_projection_stopped{projection="memory"} 1`,
		`assay_projection_lag_positions{projection="memory"} 1`,
		`assay_projection_lag_positions{projection="redis"} 1`,
	} {
		if !strings.Contains(collected, want) {
			t.Errorf("no %s in\n%s", want, collected)
		}
	}
}

// gather is the text that a scrape gets.
func gather(t testing.TB, collectors ...prometheus.Collector) string {
	t.Helper()
	var text strings.Builder
	for _, family := range families(t, collectors...) {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

func families(t testing.TB, collectors ...prometheus.Collector) []*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	for _, c := range collectors {
		if err := registry.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Postgres is killed and comes back: what it had is kept meanwhile, what it
// gets afterwards is followed.
func TestFollowerOutlivesPostgres(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t, nil)
	r := newReplica(t, ledgertest.Migrate(t, server.URL(localpg.Superuser, "postgres")))
	r.create(t, 3)
	want := truth(t, r.ledger)
	eventually(t, healTime, func() error {
		if got := shown(r.follower); !got.is(want) {
			return fmt.Errorf("view %v, want %v", got, want)
		}
		return nil
	})
	server.Kill()
	if err := r.follower.CatchUp(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("catching up without Postgres: %v", err)
	}
	if got := shown(r.follower); !got.is(want) {
		t.Errorf("view %v, want %v", got, want)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := newReplica(t, r.ledger)
	eventually(t, healTime, func() error {
		_, err := other.SetStatus(t.Context(), commands.Call{}, "e0", "active")
		return err
	})
	eventually(t, healTime, func() error {
		if got, now := shown(r.follower), truth(t, r.ledger); !got.is(now) {
			return fmt.Errorf("view %v, want %v", got, now)
		}
		return r.follower.Stopped()
	})
}

// Restored to an earlier moment, with another history after it or none, the
// ledger is read anew.
// What this process appended its follower was handed: it does not ask Postgres for it.
func TestFollowerReadsNothingTwice(t *testing.T) {
	ledger := ledgertest.New(t)
	var reads reads
	pool, err := eventstore.Open(t.Context(), ledger.App, eventstore.PoolConfig{Tracer: &reads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	r := follow(t, ledger, pool)
	const n = 200
	for i := range n {
		if _, err := r.CreateExperiment(t.Context(), commands.Call{}, fmt.Appendf(nil, `{"name":"e%d"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.follower.Wait(t.Context(), n); err != nil {
		t.Error(err)
	}
	// Once a second it makes sure that nothing was missed.
	if got := reads.Load(); got > n/4 {
		t.Errorf("%d reads of records for %d appends", got, n)
	}
}

// reads counts queries for records.
type reads struct{ atomic.Int64 }

func (r *reads) TraceQueryStart(ctx context.Context, _ *pgx.Conn, query pgx.TraceQueryStartData) context.Context {
	if strings.Contains(query.SQL, "from events where position >") {
		r.Add(1)
	}
	return ctx
}

func (*reads) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestFollowerOfARewrittenLedger(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]int{"shorter": 0, "as long": 3, "longer": 9} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, ledgertest.New(t))
			r.create(t, 3)
			restore := r.ledger.Backup(t)
			for i := range 3 {
				r.set(t, fmt.Sprintf("e%d", i), "active")
			}
			restore()
			other := newReplica(t, r.ledger)
			for i := range after {
				other.set(t, "e1", []string{"active", "inactive"}[i%2])
			}
			want := truth(t, r.ledger)
			eventually(t, healTime, func() error {
				if got := shown(r.follower); !got.is(want) {
					return fmt.Errorf("view %v, want %v", got, want)
				}
				return r.follower.Stopped()
			})
			if !strings.Contains(gather(t, r.follower), `assay_projection_reloads_total{projection="memory"} 1`) {
				t.Error("the reload is not counted")
			}
		})
	}
}

func TestMetricsAreWellFormed(t *testing.T) {
	t.Parallel()
	r := newReplica(t, ledgertest.New(t))
	r.create(t, 1)
	client := open(t, redistest.Memory(t).URL())
	p := r.project(t, client, "")
	settles(t, client, "", truth(t, r.ledger))
	well(t, p)
	problems, err := promlint.NewWithMetricFamilies(families(t, r.follower, p)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	text := gather(t, r.follower, p)
	for _, want := range []string{
		`assay_projection_position{projection="memory"} 1`,
		`assay_projection_position{projection="redis"} 1`,
		`assay_projection_lag_seconds{projection="redis"} 0`,
		`assay_projection_stopped{projection="memory"} 0`,
		"assay_redis_up 1",
		"assay_redis_healed_total 0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
