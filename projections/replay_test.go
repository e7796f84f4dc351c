package projections_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

func replay(t testing.TB, pool *pgxpool.Pool, tables ...string) projections.Replayed {
	t.Helper()
	done, err := projections.Replay(t.Context(), pool, tables, projections.ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// made describes the read models' tables: all that a migration gave them.
func made(t testing.TB, l ledgertest.Ledger) map[string]string {
	t.Helper()
	rows, err := l.Superuser(t).Query(t.Context(), `
		select 'table ' || relname, concat_ws(' ', relkind, relpersistence, reloptions::text, relreplident, relrowsecurity, pg_get_userbyid(relowner),
			(select string_agg(regexp_replace(a::text, '^"?app_\w+', 'app'), ' ' order by a::text) from unnest(relacl) a))
		from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'S', 'v')
		union all
		select 'column ' || attrelid::regclass || '.' || attnum, concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull,
			attstorage, attcompression, attcollation::regcollation, pg_get_expr(adbin, adrelid), regexp_replace(attacl::text, 'app_\w+', 'app', 'g'))
		from pg_attribute a join pg_class c on c.oid = attrelid left join pg_attrdef on adrelid = attrelid and adnum = attnum
		where relnamespace = 'public'::regnamespace and attnum > 0
		union all
		select 'index ' || i.indexrelid::regclass, concat_ws(' ', pg_get_indexdef(i.indexrelid), indisprimary, indisunique, indisvalid, reloptions::text)
		from pg_index i join pg_class c on c.oid = i.indexrelid where relnamespace = 'public'::regnamespace
		union all
		select 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
		from pg_constraint where connamespace = 'public'::regnamespace
		union all
		select 'trigger ' || tgrelid::regclass || '.' || tgname, concat_ws(' ', tgenabled, pg_get_triggerdef(oid)) from pg_trigger where not tgisinternal`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var name, text string
	if _, err := pgx.ForEachRow(rows, []any{&name, &text}, func() error {
		all[name] = text
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(all["table experiments"], "fillfactor=40") || len(all) < 100 {
		t.Fatalf("%d things are described: %v", len(all), all)
	}
	return all
}

func TestReplayedTablesAreAsMigrated(t *testing.T) {
	want := made(t, ledgertest.New(t))
	l, _ := chronicle(t)
	for range 2 {
		replay(t, l.OwnerPool(t), projections.Tables()...)
		if diff := cmp.Diff(want, made(t, l)); diff != "" {
			t.Errorf("migrated (-), replayed (+):\n%s", diff)
		}
	}
	agrees(t, l)
}

func TestReplayPutsReadModelsRight(t *testing.T) {
	l, w := chronicle(t)
	admin, owner := l.Superuser(t), l.OwnerPool(t)
	for i, table := range projections.Tables() {
		if n := exec(t, admin, "delete from "+table); n == 0 {
			t.Fatalf("%s was empty", table)
		}
		if v := verify(t, l.Pool(t), ""); v.OK() {
			t.Fatalf("nobody noticed that %s is empty", table)
		}
		done := replay(t, owner, table)
		if v := agrees(t, l); v.Records != done.Records {
			t.Errorf("replayed %d records of %d", done.Records, v.Records)
		}
		// Whoever serves goes on with the new table.
		w.done(w.SetStatus(t.Context(), caller, "a1", []string{"inactive", "active"}[i%2]))
		l.SetClock(t, time.Duration(5+i)*day)
		closeDays(t, w.store)
		if agrees(t, l); w.err != nil {
			t.Error(w.err)
		}
	}
}

func TestReplayRefuses(t *testing.T) {
	l, _ := chronicle(t)
	pool := l.OwnerPool(t)
	var invalid *domain.InvalidError
	if _, err := projections.Replay(t.Context(), pool, []string{"experiments", "events"}, projections.ReplayOptions{}); !errors.As(err, &invalid) {
		t.Errorf("an unknown projection: %v", err)
	}

	second := func(int64, int64) {
		var conflict *domain.ConflictError
		if _, err := projections.Replay(t.Context(), pool, projections.Tables(), projections.ReplayOptions{}); !errors.As(err, &conflict) {
			t.Errorf("a second replay meanwhile: %v", err)
		}
	}
	if _, err := projections.Replay(t.Context(), pool, projections.Tables(), projections.ReplayOptions{Progress: second}); err != nil {
		t.Errorf("the first: %v", err)
	}
	replay(t, pool, projections.Tables()...)

	before := made(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := projections.Replay(ctx, pool, projections.Tables(), projections.ReplayOptions{Progress: func(int64, int64) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := projections.Replay(t.Context(), l.Pool(t), projections.Tables(), projections.ReplayOptions{}); err == nil {
		t.Error("the serving role may replay")
	}

	exec(t, l.Superuser(t), "alter table events disable trigger all; update events set data = '{}' where position = 7")
	if _, err := projections.Replay(t.Context(), pool, projections.Tables(), projections.ReplayOptions{}); err == nil || !strings.Contains(err.Error(), "record 7") {
		t.Errorf("of a forged ledger: %v", err)
	}
	exec(t, l.Superuser(t), "alter table events enable always trigger append_only")
	if diff := cmp.Diff(before, made(t, l)); diff != "" {
		t.Errorf("what failed left something:\n%s", diff)
	}
}

// Replicas append while the tables change places: nothing is lost, and whoever
// reads sees one state of all tables, the new ones' or the old ones'.
func TestReplayWhileOthersWriteAndRead(t *testing.T) {
	l, _ := chronicle(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 3 {
		w := newWriter(t, l)
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("w%d-%d", i, n)
				w.done(w.CreateExperiment(t.Context(), caller, fmt.Appendf(nil, `{"key":%q,"name":"N"}`, key)))
				w.done(w.SetStatus(t.Context(), caller, key, "active"))
				w.done(w.ChangeMembers(t.Context(), caller, "segment-0", []string{key}, nil))
			}
			if w.err != nil {
				t.Error(w.err)
			}
		})
	}
	reading := l.Pool(t)
	wg.Go(func() {
		for ctx.Err() == nil {
			if v := verify(t, reading, ""); !v.OK() {
				t.Errorf("a reader of one state saw %+v", v)
			}
		}
	})
	wg.Go(func() { // each statement by itself
		for last := 0; ctx.Err() == nil; {
			var n int
			if err := reading.QueryRow(t.Context(), "select count(*) from experiments").Scan(&n); err != nil || n < last {
				t.Errorf("%d experiments after %d, %v", n, last, err)
			}
			last = n
		}
	})
	owner := l.OwnerPool(t)
	for range 3 {
		if done := replay(t, owner, projections.Tables()...); done.Blocked <= 0 {
			t.Errorf("got %+v", done)
		}
	}
	cancel()
	wg.Wait()
	agrees(t, l)
}

// A snapshot that was taken before a swap must not read tables that were filled
// after it: they would be empty.
func TestReplayWaitsForSnapshots(t *testing.T) {
	l, w := chronicle(t)
	owner := l.OwnerPool(t)
	replayed := make(chan error, 1)
	started := false
	v, err := projections.Verify(t.Context(), l.Pool(t), projections.VerifyOptions{Progress: func(int64, int64) {
		if started {
			return
		}
		started = true
		go func() {
			_, err := projections.Replay(t.Context(), owner, projections.Tables(), projections.ReplayOptions{})
			replayed <- err
		}()
		select {
		case err := <-replayed:
			replayed <- err
		case <-time.After(500 * time.Millisecond):
		}
		// The swap that waits does not keep writers waiting.
		w.done(w.SetStatus(t.Context(), caller, "a2", "inactive"))
	}})
	if err != nil || !v.OK() {
		t.Errorf("read %+v, %v", v, err)
	}
	if err := <-replayed; err != nil || w.err != nil {
		t.Errorf("replay: %v, command: %v", err, w.err)
	}
	agrees(t, l)
}

// While something vacuums a table that will be replaced, its end is waited for
// with nothing held that a writer or a reader needs.
func TestReplayWaitsForVacuumBesideWriters(t *testing.T) {
	l, w := chronicle(t)
	admin := l.Superuser(t)
	exec(t, admin, "begin; lock table status_history in share update exclusive mode") // as vacuum and analyze do
	owner := l.OwnerPool(t)
	replayed := make(chan error, 1)
	go func() {
		_, err := projections.Replay(t.Context(), owner, projections.Tables(), projections.ReplayOptions{})
		replayed <- err
	}()
	eventually(t, healTime, func() error {
		waiting := value[*string](t, admin, `select min(mode) from pg_locks where not granted and relation = 'status_history'::regclass`)
		if waiting == nil {
			return errors.New("the replay does not wait")
		}
		if *waiting != "ShareUpdateExclusiveLock" {
			t.Fatalf("the replay waits for %s", *waiting)
		}
		return nil
	})
	w.done(w.SetStatus(t.Context(), caller, "a2", "inactive"))
	if value[int64](t, admin, `select count(*) from pg_locks where not granted and relation = 'status_history'::regclass`) != 1 {
		t.Error("the replay no longer waits")
	}
	exec(t, admin, "commit")
	if err := <-replayed; err != nil || w.err != nil {
		t.Errorf("replay: %v, command: %v", err, w.err)
	}
	agrees(t, l)
}

// The bounds of a serving pool are not those of a replay of a long ledger.
func TestReplayMayTakeItsTime(t *testing.T) {
	l, _ := chronicle(t)
	exec(t, l.Superuser(t), `alter table events rename to slow;
		create view events as select slow.* from slow, lateral (select pg_sleep(0.025 + 0 * position)) s`)
	pool, err := eventstore.Open(t.Context(), l.Owner+"&statement_timeout=1500ms", eventstore.PoolConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if done := replay(t, pool, projections.Tables()...); done.Records < 100 {
		t.Errorf("replayed %+v", done)
	}
}
