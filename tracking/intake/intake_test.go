package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/intake"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// started returns a running intake of the serving role, one replica's.
func started(t testing.TB, l ledgertest.Ledger, cfg intake.Config) *intake.Intake {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	in := intake.New(l.Pool(t), cfg)
	ledgertest.Run(t, in.Run)
	return in
}

func at(second int) time.Time {
	return time.Date(2026, 1, 6, 12, 0, second, 123_456_000, time.UTC)
}

// purchase is the n-th event of some unit.
func purchase(n int) tracking.Event {
	return tracking.Event{
		ID: uuid.UUID{0: byte(n >> 8), 1: byte(n), 15: 1}, Type: tracking.Custom, At: at(0), Unit: fmt.Sprint("u", n%100),
		Name: "purchase", Value: new(tracking.Amount(n)),
	}
}

func purchases(from, to int) []tracking.Event {
	var all []tracking.Event
	for n := from; n < to; n++ {
		all = append(all, purchase(n))
	}
	return all
}

func store(t testing.TB, in *intake.Intake, events ...tracking.Event) tracking.Stored {
	t.Helper()
	stored, err := in.Store(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// row is one of tracked.
type row struct {
	Batch                 int64
	Shard                 int
	ID                    uuid.UUID
	UnitType, UnitID      string
	At                    time.Time
	Name                  string
	Value                 *int64
	Experiment, Variation string
	Position              int64
	Attributes            *string
}

func rows(t testing.TB, l ledgertest.Ledger) []row {
	t.Helper()
	got, err := l.Superuser(t).Query(t.Context(), `select batch, shard, id, unit_type, unit_id, at, name, value, experiment, variation, position, attributes::text
		from tracked order by batch, id, unit_type`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(got, pgx.RowToStructByPos[row])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func count(t testing.TB, l ledgertest.Ledger, query string) (n int) {
	t.Helper()
	conn := l.Superuser(t)
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// checkBatches wants each stored id once, and batches that are dense.
func checkBatches(t testing.TB, l ledgertest.Ledger, ids int) {
	t.Helper()
	for query, want := range map[string]int{
		`select count(*) from tracked_ids`:                                                                         ids,
		`select count(distinct id) from tracked`:                                                                   ids,
		`select count(*) from (select id, unit_type from tracked group by 1, 2) s`:                                 count(t, l, `select count(*) from tracked`),
		`select count(*) from tracked t full join tracked_ids i on t.id = i.id where t.id is null or i.id is null`: 0,
		`select max(batch) - count(distinct batch) from tracked`:                                                   0,
		`select batch - (select max(batch) from tracked) from track_head`:                                          0,
	} {
		if got := count(t, l, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

func TestStoreKeepsEventsAsTheyCame(t *testing.T) {
	l := ledgertest.New(t)
	moveLedger(t, l, 1<<53-1)
	in := started(t, l, intake.Config{})
	shown := tracking.Event{
		ID: uuid.UUID{1}, Type: tracking.Exposure, At: at(1), Unit: "ünit\n1", UnitType: "device", Units: map[string]string{"user_id": "u1", "household": "h"},
		Experiment: "checkout", Variation: "treatment", Position: 1<<53 - 1, Attributes: json.RawMessage(`{"a": 1,"b":"é"}`),
	}
	bought := tracking.Event{ID: uuid.UUID{2}, Type: tracking.Custom, At: at(2), Unit: "u1", Name: "purchase", Value: new(tracking.Amount(-1e18))}
	seen := tracking.Event{ID: uuid.UUID{3}, Type: tracking.Custom, At: time.Date(1999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), Unit: "u1", Name: "view"}
	if got := store(t, in, seen, bought, shown); got.New != 3 || got.Duplicates != 0 || got.Refused != nil {
		t.Errorf("%+v", got)
	}
	exposed := row{
		Batch: 1, ID: shown.ID, At: shown.At, Experiment: "checkout", Variation: "treatment", Position: 1<<53 - 1, Attributes: new(`{"a": 1,"b":"é"}`),
	}
	want := []row{exposed, exposed, exposed, {
		Batch: 1, ID: bought.ID, UnitType: "user_id", UnitID: "u1", At: bought.At, Name: "purchase", Value: new(int64(-1e18)),
	}, {
		Batch: 1, ID: seen.ID, UnitType: "user_id", UnitID: "u1", At: seen.At, Name: "view",
	}}
	for i, unit := range [][2]string{{"device", "ünit\n1"}, {"household", "h"}, {"user_id", "u1"}} {
		want[i].UnitType, want[i].UnitID = unit[0], unit[1]
	}
	for i := range want {
		want[i].Shard = tracking.ShardOf(want[i].UnitType, want[i].UnitID)
	}
	if diff := cmp.Diff(want, rows(t, l)); diff != "" {
		t.Error(diff)
	}
	if n := count(t, l, `select count(*) from tracked where day = (ledger_clock() at time zone 'UTC')::date`); n != len(want) {
		t.Errorf("%d rows are of today", n)
	}
}

// moveLedger makes the ledger end at a position.
func moveLedger(t testing.TB, l ledgertest.Ledger, position int64) {
	t.Helper()
	if _, err := l.Superuser(t).Exec(t.Context(), `update event_head set position = $1`, position); err != nil {
		t.Fatal(err)
	}
}

// What an exposure does not tell of the ledger must not depend on how far the
// ledger is when somebody looks.
func TestPositionsThatTheLedgerHasNot(t *testing.T) {
	l := ledgertest.New(t)
	in := started(t, l, intake.Config{})
	var want []int64
	for n, tt := range []struct{ ledger, given, want int64 }{
		{0, 0, 0}, {0, 1, 0}, {7, 0, -7}, {7, 1, 1}, {7, 7, 7}, {8, 9, -8},
	} {
		moveLedger(t, l, tt.ledger)
		store(t, in, tracking.Event{
			ID: uuid.UUID{byte(n + 1)}, Type: tracking.Exposure, At: at(1), Unit: "u", Experiment: "x", Variation: "control", Position: tt.given,
		}, purchase(n))
		want = append(want, tt.want)
	}
	var have []int64
	for _, r := range rows(t, l) {
		if r.Experiment != "" {
			have = append(have, r.Position)
		} else if r.Position != 0 {
			t.Errorf("%+v", r)
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("%d, want %d", have, want)
	}
}

func TestTheFirstOfAnIDCounts(t *testing.T) {
	l := ledgertest.New(t)
	in := started(t, l, intake.Config{})
	other := purchase(1)
	other.Name = "other"
	if got := store(t, in, purchase(1), other, purchase(2), purchase(1)); got.New != 2 || got.Duplicates != 2 {
		t.Errorf("within one request: %+v", got)
	}
	if got := store(t, in, other, purchase(3), purchase(2)); got.New != 1 || got.Duplicates != 2 {
		t.Errorf("in a later request: %+v", got)
	}
	if got := store(t, started(t, l, intake.Config{}), purchase(1), purchase(2)); got.New != 0 || got.Duplicates != 2 {
		t.Errorf("of another replica: %+v", got)
	}
	if got := store(t, in); got.New+got.Duplicates != 0 {
		t.Errorf("of nothing: %+v", got)
	}
	checkBatches(t, l, 3)
	if n := count(t, l, `select count(*) from tracked where name = 'other'`); n != 0 {
		t.Errorf("%d rows with other content", n)
	}
	if n := count(t, l, `select batch from track_head`); n != 2 {
		t.Errorf("%d batches: one without news is none", n)
	}
}

// Those who wait while a transaction is under way share the next one.
func TestCallersShareTransactions(t *testing.T) {
	l := ledgertest.New(t)
	in := started(t, l, intake.Config{Timeout: time.Minute})
	store(t, in, purchase(0))
	tx, err := l.Pool(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `update track_head set batch = batch`); err != nil {
		t.Fatal(err)
	}
	const callers = 50
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			// Each with an event of its neighbour's.
			if got, err := in.Store(t.Context(), purchases(n+1, n+3)); err != nil || got.New+got.Duplicates != 2 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	// Until all wait: the lock's timeout is 2 s.
	for in.Waiting() < 2*callers {
		time.Sleep(time.Millisecond)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	checkBatches(t, l, callers+2)
	if n := count(t, l, `select batch from track_head`); n > 5 {
		t.Errorf("%d transactions for %d callers", n-1, callers)
	}
}

// What the database refuses is named, and nothing else is lost by it.
func TestPoisonGoesAlone(t *testing.T) {
	l := ledgertest.New(t)
	if _, err := l.Superuser(t).Exec(t.Context(), `alter table tracked add constraint palatable check (name not like 'poison%')`); err != nil {
		t.Fatal(err)
	}
	in := started(t, l, intake.Config{})
	events := purchases(0, 100)
	for _, i := range []int{0, 41, 42, 99} {
		events[i].Name = "poison"
	}
	same := events[41] // the id of poison, with content that is none
	same.Name = "antidote"
	events = append(events, same, same)
	got := store(t, in, events...)
	var places []int
	for _, r := range got.Refused {
		places = append(places, r.Index)
		if r.Reason != tracking.Refused || r.Problem == "" {
			t.Errorf("%+v", r)
		}
	}
	slices.Sort(places)
	if got.New != 97 || got.Duplicates != 1 || !slices.Equal(places, []int{0, 41, 42, 99}) {
		t.Errorf("%d new, %d duplicates, refused %v", got.New, got.Duplicates, places)
	}
	checkBatches(t, l, 97)
}

func TestFullIsSaid(t *testing.T) {
	l := ledgertest.New(t)
	in := intake.New(l.Pool(t), intake.Config{MaxEvents: 10, MaxBytes: 10_000, Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := in.Store(ctx, purchases(0, 9)); !errors.Is(err, tracking.ErrDown) {
			t.Errorf("one that was given up: %v", err)
		}
	})
	for in.Waiting() < 9 {
		time.Sleep(time.Millisecond)
	}
	if _, err := in.Store(t.Context(), purchases(9, 11)); !errors.Is(err, tracking.ErrFull) {
		t.Errorf("more than ten: %v", err)
	}
	large := purchase(9)
	large.Attributes = json.RawMessage(`"` + string(make([]byte, 10_000)) + `"`)
	if _, err := in.Store(t.Context(), []tracking.Event{large}); !errors.Is(err, tracking.ErrFull) {
		t.Errorf("more than ten thousand bytes: %v", err)
	}
	cancel()
	wg.Wait()
	if n := in.Waiting(); n != 0 {
		t.Errorf("%d still wait for nobody", n)
	}
	ledgertest.Run(t, in.Run)
	// However large one request is: it would never come through otherwise.
	if got := store(t, in, purchases(0, 20)...); got.New != 20 {
		t.Errorf("%+v", got)
	}
	checkBatches(t, l, 20)
}

func TestWhoWaitsAtTheEndIsTold(t *testing.T) {
	l := ledgertest.New(t)
	in := intake.New(l.Pool(t), intake.Config{Timeout: time.Minute})
	answer := make(chan error)
	go func() {
		_, err := in.Store(t.Context(), purchases(0, 1))
		answer <- err
	}()
	for in.Waiting() < 1 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = in.Run(ctx)
	if err := <-answer; err != nil && !errors.Is(err, tracking.ErrDown) {
		t.Error(err)
	}
}

// Days come and go while it runs; nobody made their partitions.
func TestPartitionsOfEachDay(t *testing.T) {
	l := ledgertest.New(t)
	in := started(t, l, intake.Config{})
	for day := range 4 {
		l.SetClock(t, time.Duration(day*3)*24*time.Hour)
		if got := store(t, in, purchases(day*10, day*10+10)...); got.New != 10 {
			t.Errorf("%+v", got)
		}
	}
	checkBatches(t, l, 40)
	if n := count(t, l, `select count(distinct tableoid) from tracked`); n != 4 {
		t.Errorf("they lie in %d partitions", n)
	}
	// Any number at once, by the serving role, which may not make tables itself.
	l.SetClock(t, 100*24*time.Hour)
	pool := l.Pool(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := pool.Exec(t.Context(), `select track_partitions()`); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(t, l, `select count(*) from pg_inherits where inhparent = 'tracked'::regclass`); n != 10 {
		t.Errorf("%d partitions, want ten", n)
	}
}

// Who serves may add to what was tracked, and nothing else.
// Who counts looks at no day before that of the batch that he has come to.
func TestDaysNeverFall(t *testing.T) {
	l := ledgertest.New(t)
	l.SetClock(t, 100*24*time.Hour)
	in := started(t, l, intake.Config{})
	store(t, in, purchase(1))
	l.SetClock(t, 97*24*time.Hour)
	store(t, in, purchase(2))
	if n := count(t, l, `select count(distinct day) from tracked`); n != 1 {
		t.Errorf("two batches are of %d days: the clock stepped back", n)
	}
	checkBatches(t, l, 2)
}

func TestTheServingRoleMayOnlyStore(t *testing.T) {
	l := ledgertest.New(t)
	store(t, started(t, l, intake.Config{}), purchases(0, 3)...)
	pool := l.Pool(t)
	partition := "tracked_" + time.Now().UTC().Format("20060102")
	for _, sql := range []string{
		"update tracked set name = 'forged'", "delete from tracked", "truncate tracked", "delete from tracked_ids", "update tracked_ids set id = id",
		"truncate tracked_ids", "delete from track_head", "insert into track_head values (false, 1)", "update track_head set one = one",
		"delete from " + partition, "insert into " + partition + " select * from tracked", "drop table " + partition,
		"alter table tracked detach partition " + partition, "create table mine partition of tracked for values from ('2000-01-01') to ('2000-01-02')",
		"create or replace function track_partitions() returns void language sql as 'select'", "drop function track_partitions()",
	} {
		_, err := pool.Exec(t.Context(), sql)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: %v, want insufficient privilege", sql, err)
		}
	}
	// Tables of its own by the same names are not taken for the others.
	l.SetClock(t, 50*24*time.Hour)
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, sql := range []string{"create temp table tracked (day date) partition by range (day)", "select track_partitions()", "drop table pg_temp.tracked"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, l, `select count(*) from pg_inherits where inhparent = 'public.tracked'::regclass`); n != 4 {
		t.Errorf("%d partitions, want four", n)
	}
	checkBatches(t, l, 3)
}
