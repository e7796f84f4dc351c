package projections_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// tamperer changes a ledger as somebody could who may do everything, with the
// trigger off and no constraint left, and puts it right again.
type tamperer struct {
	*pgx.Conn
	last int64
}

func newTamperer(t testing.TB, l ledgertest.Ledger) *tamperer {
	t.Helper()
	c := &tamperer{Conn: l.Superuser(t)}
	exec(t, c.Conn, "alter table events disable trigger all; create schema backup")
	for _, table := range ledgerTables() {
		exec(t, c.Conn, "create table backup."+table+" as table public."+table)
	}
	drop := value[string](t, c.Conn, `select string_agg(format('alter table %s drop constraint %I', conrelid::regclass, conname), ';')
		from pg_constraint where connamespace = 'public'::regnamespace and conrelid::regclass::text = any ($1)`, ledgerTables())
	exec(t, c.Conn, drop)
	nullable := value[string](t, c.Conn, `select string_agg(format('alter table %I alter %I drop not null', table_name, column_name), ';')
		from information_schema.columns where table_schema = 'public' and table_name = any ($1)`, ledgerTables())
	exec(t, c.Conn, nullable)
	exec(t, c.Conn, "drop index if exists experiments_key, resources_key")
	c.last = value[int64](t, c.Conn, "select max(position) from events")
	return c
}

func (c *tamperer) restore(t testing.TB, table string) {
	t.Helper()
	exec(t, c.Conn, "truncate public."+table+"; insert into public."+table+" table backup."+table)
}

// differs says at which position the records first differ from those that were
// appended; one beyond the last, or without any position, follows the last.
func (c *tamperer) differs(t testing.TB) (position int64, ok bool) {
	t.Helper()
	first := value[*int64](t, c.Conn, `select min(coalesce(position, $1)) from (
			select position, e::text from events e except all select position, e::text from backup.events e
			union all
			(select position, e::text from backup.events e except all select position, e::text from events e)
		) d where position is not null or not exists (
			select from backup.events where position not in (select position from events where position is not null))`, c.last+1)
	if first == nil {
		return 0, false
	}
	return min(*first, c.last+1), true
}

// others are values of a column's type other than the one it has, which stands
// for %s.
func others(typ string) []string {
	switch typ {
	case "bigint", "integer":
		return []string{"%s + 1", "%s - 1", "0", "-%s", "%s + 1000000", "null"}
	case "text":
		return []string{"%s || 'x'", "' ' || %s", "''", "upper(%s)", "null"}
	case "json":
		return []string{
			`('{ ' || substr(%s::text, 2))::json`, `(%s::text || ' ')::json`, `replace(%s::text, '1', '2')::json`,
			`(left(%s::text, -1) || case when %[1]s::text = '{}' then '' else ',' end || '"x":1}')::json`, `'null'`, "null",
		}
	case "bytea":
		return []string{"set_byte(%s, 7, get_byte(%[1]s, 7) # 1)", "substring(%s from 2)", `%s || '\x00'::bytea`, "''", "null"}
	case "uuid":
		return []string{"gen_random_uuid()", "null"}
	case "timestamp with time zone":
		return []string{"%s + interval '1 microsecond'", "%s - interval '1 day'", "'infinity'", "null"}
	case "boolean":
		return []string{"not %s", "null"}
	case "date":
		return []string{"%s + 1", "'infinity'", "null"}
	}
	return nil
}

// columns lists the columns of a table with their types.
func (c *tamperer) columns(t testing.TB, table string) map[string]string {
	t.Helper()
	rows, err := c.Query(t.Context(), `select column_name, data_type from information_schema.columns
		where table_schema = 'public' and table_name = $1`, table)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	var name, typ string
	if _, err := pgx.ForEachRow(rows, []any{&name, &typ}, func() error {
		types[name] = typ
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return types
}

// forgery draws a change of the rows of events other than of one column.
func (c *tamperer) forgery(random *rand.Rand) string {
	some := func() int64 { return 1 + random.Int64N(c.last) }
	p, q := some(), some()
	switch random.IntN(8) {
	case 0:
		return fmt.Sprintf("delete from events where position = %d", p)
	case 1:
		return fmt.Sprintf("delete from events where position >= %d", p)
	case 2: // twice the same position, or one that nothing had
		at := []any{q, c.last + 1, c.last + 2, 0, -3, "null"}[random.IntN(6)]
		return fmt.Sprintf(`create temp table forged on commit drop as select * from events where position = %d;
			update forged set position = %v; insert into events table forged`, p, at)
	case 3: // exchanged
		return fmt.Sprintf(`update events set position = case position when %[1]d then %[2]d else %[1]d end where position in (%[1]d, %[2]d)`, p, q)
	case 4: // exchanged but for their positions and hashes
		return fmt.Sprintf(`update events e set stream_id = o.stream_id, version = o.version, type = o.type, data = o.data, data_hash = o.data_hash
			from events o where (e.position, o.position) in ((%[1]d, %[2]d), (%[2]d, %[1]d))`, p, q)
	case 5: // removed, and the rest moved up
		return fmt.Sprintf("delete from events where position = %[1]d; update events set position = position - 1 where position > %[1]d", p)
	case 6: // the rest moved down, and one inserted
		return fmt.Sprintf(`update events set position = position + 1 where position >= %[1]d;
			create temp table forged on commit drop as select * from events where position = %[2]d + (%[2]d >= %[1]d)::int;
			update forged set position = %[1]d; insert into events table forged`, p, q)
	default:
		return fmt.Sprintf("update events set position = %[1]d + %[2]d - position where position between %[1]d and %[2]d", min(p, q), max(p, q))
	}
}

// Whatever is done to the records, Verify names the first that is not as it was
// appended.
func TestVerifyNamesTheFirstBadPosition(t *testing.T) {
	l, _ := chronicle(t)
	c, pool := newTamperer(t, l), l.Pool(t)
	if v := verify(t, pool, ""); !v.OK() || v.Records != c.last {
		t.Fatalf("before anything was done: %+v", v)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	tried := 0
	try := func(sql string) {
		t.Helper()
		exec(t, c.Conn, sql)
		if want, ok := c.differs(t); ok {
			tried++
			if v := verify(t, pool, ""); !v.Bad || v.FirstBad != want {
				t.Errorf("seed %d: %s: found %+v, want position %d", seed, sql, v, want)
			}
		}
		c.restore(t, "events")
	}
	for column, typ := range c.columns(t, "events") {
		for _, other := range others(typ) {
			if !strings.Contains(other, "%") {
				other += "%.0s"
			}
			try(fmt.Sprintf("update events set %s = %s where position = %d", column, fmt.Sprintf(other, column), 1+random.Int64N(c.last)))
		}
	}
	byColumn := tried
	for range 150 {
		try(c.forgery(random))
	}
	try("truncate events")
	if byColumn < 50 || tried < 200 {
		t.Errorf("%d changes of columns and %d in all are too few", byColumn, tried)
	}
	if v := verify(t, pool, ""); !v.OK() {
		t.Errorf("after all was put right: %+v", v)
	}
}

func TestVerifySeesThatTheHeadWasMoved(t *testing.T) {
	l, _ := chronicle(t)
	c, pool := newTamperer(t, l), l.Pool(t)
	n := c.last
	for set, want := range map[string]int64{
		"position = position - 1":                           n,
		"position = position + 1":                           n + 1,
		"position = 0":                                      1,
		"hash = set_byte(hash, 31, get_byte(hash, 31) # 1)": n,
		`hash = hash || '\x00'`:                             n,
		"recorded_at = recorded_at - interval '1 hour'":     n,
		"recorded_at = recorded_at + interval '1 hour'":     n,
	} {
		exec(t, c.Conn, "update event_head set "+set)
		if v := verify(t, pool, ""); !v.Bad || v.FirstBad != want {
			t.Errorf("%s: found %+v, want position %d", set, v, want)
		}
		c.restore(t, "event_head")
	}
	first := value[int64](t, c.Conn, "select min(position) from events where type = 'day.closed'")
	for set, want := range map[string]int64{
		"began_at = began_at + interval '1 day'": 1, // after the first record
		"began_at = began_at - interval '1 day'": first,
	} {
		exec(t, c.Conn, "update event_head set "+set)
		if v := verify(t, pool, ""); !v.Bad || v.FirstBad != want {
			t.Errorf("%s: found %+v, want position %d", set, v, want)
		}
		c.restore(t, "event_head")
	}
	exec(t, c.Conn, "truncate event_head")
	if _, err := projections.Verify(t.Context(), pool, projections.VerifyOptions{}); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("without a head: %v", err)
	}
}

// Another type of the data's column is no way round its hash.
func TestVerifySeesThatDataIsNoLongerText(t *testing.T) {
	l, _ := chronicle(t)
	c := newTamperer(t, l)
	exec(t, c.Conn, "alter table events alter data type jsonb using data::jsonb")
	want, _ := c.differs(t)
	if v := verify(t, l.Pool(t), ""); !v.Bad || v.FirstBad != want {
		t.Errorf("found %+v, want position %d", v, want)
	}
}

// rewrite changes the record at a position and computes all hashes from there
// on anew, the head's and the open day's too: what is left is a chain like any
// other.
func (c *tamperer) rewrite(t testing.TB, records []eventstore.Record, from int64) {
	t.Helper()
	var previous domain.Hash
	if from > 1 {
		previous = records[from-2].Hash
	}
	for _, r := range records[from-1:] {
		if r.Position == from {
			r.Reason = "forged"
		}
		r.Hash = r.Chain(previous)
		previous = r.Hash
		exec(t, c.Conn, "update events set reason = $2, hash = $3 where position = $1", r.Position, r.Reason, r.Hash[:])
	}
	exec(t, c.Conn, "update event_head set hash = $1", previous[:])
	exec(t, c.Conn, "update daily_state set hash = $1 where to_position = $2", previous[:], c.last)
}

func TestACheckpointShowsWhatAChainCannot(t *testing.T) {
	l, w := chronicle(t)
	c, pool := newTamperer(t, l), l.Pool(t)
	records, err := w.store.ReadAll(t.Context(), 0, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := func(position int64) string { return domain.Checkpoint(position, records[position-1].Hash) }
	putRight := func() {
		for _, table := range []string{"events", "event_head", "daily_state"} {
			c.restore(t, table)
		}
	}
	found := func(what, checkpoint string, want int64) {
		t.Helper()
		v := verify(t, pool, checkpoint)
		if v.Bad != (want != 0) || v.FirstBad != want || !v.Bad && !v.OK() {
			t.Errorf("%s, checkpoint %.10s: found %+v, want position %d", what, checkpoint, v, want)
		}
	}
	for _, position := range []int64{1, c.last / 2, c.last} {
		found("as it was", checkpoint(position), 0)
	}
	found("as it was, another's checkpoint", domain.Checkpoint(3, domain.Hash{1}), 3)
	if _, err := projections.Verify(t.Context(), pool, projections.VerifyOptions{Checkpoint: "3:ab"}); err == nil {
		t.Error("half a checkpoint is taken")
	}

	from := c.last - 5
	c.rewrite(t, records, from)
	found("written anew", "", 0)
	found("written anew", checkpoint(from-1), 0)
	for position := from; position <= c.last; position++ {
		found("written anew", checkpoint(position), position)
	}
	putRight()

	exec(t, c.Conn, "delete from events where position > $1", from)
	exec(t, c.Conn, "update event_head set position = $1, hash = $2, recorded_at = $3", from, records[from-1].Hash[:], records[from-1].RecordedAt)
	v := verify(t, pool, "")
	if v.Bad || v.OK() {
		t.Errorf("cut off with its head: found %+v, want nothing but other read models", v)
	}
	found("cut off", checkpoint(c.last), from+1)
	putRight()

	// Its own hash anew: the record after it no longer follows.
	middle := records[from-10]
	middle.Actor = "eve"
	middle.Hash = middle.Chain(records[from-11].Hash)
	exec(t, c.Conn, "update events set actor = $2, hash = $3 where position = $1", middle.Position, middle.Actor, middle.Hash[:])
	found("one record with its hash", "", middle.Position+1)
}

// A closing cannot say what the records before it do not, nor come too early,
// whatever the hashes.
func TestVerifyDerivesReportsAnew(t *testing.T) {
	l, w := chronicle(t)
	c, pool := newTamperer(t, l), l.Pool(t)
	records, err := w.store.ReadAll(t.Context(), 0, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	var last eventstore.Record
	for _, r := range records {
		if r.Type == "day.closed" {
			last = r
		}
	}
	for name, forge := range map[string]func(*domain.DailyReport){
		"another count": func(r *domain.DailyReport) { r.Active++ },
		"another day":   func(r *domain.DailyReport) { r.Date++ },
		"closed before": func(r *domain.DailyReport) { r.Date-- },
		"not final":     func(r *domain.DailyReport) { r.Final = false },
	} {
		report := last.Event.(domain.DayClosed).Report
		forge(&report)
		c.forgeData(t, records, last.Position, domain.DayClosed{Report: report})
		if v := verify(t, pool, ""); !v.Bad || v.FirstBad != last.Position {
			t.Errorf("%s: found %+v, want position %d", name, v, last.Position)
		}
		c.restore(t, "events")
	}
	early, before := last, records[last.Position-2]
	early.RecordedAt = before.RecordedAt
	early.Hash = early.Chain(before.Hash)
	exec(t, c.Conn, "update events set recorded_at = $2, hash = $3 where position = $1", early.Position, early.RecordedAt, early.Hash[:])
	if v := verify(t, pool, ""); !v.Bad || v.FirstBad != last.Position {
		t.Errorf("closed too early: found %+v, want position %d", v, last.Position)
	}
}

// forgeData gives a record other data, with hashes that fit.
func (c *tamperer) forgeData(t testing.TB, records []eventstore.Record, position int64, event domain.Event) {
	t.Helper()
	data, err := domain.Encode(event)
	if err != nil {
		t.Fatal(err)
	}
	r := records[position-1]
	r.Data = data
	r.DataHash = hashOf(data)
	r.Hash = r.Chain(records[position-2].Hash)
	exec(t, c.Conn, "update events set data = $2::text::json, data_hash = $3, hash = $4 where position = $1",
		position, string(data), r.DataHash[:], r.Hash[:])
}

// A redacted record is bad until Verify is told of it; then it is noted, and all
// else is verified as ever. A replay takes what is left.
func TestVerifyOfARedactedLedger(t *testing.T) {
	l, w := chronicle(t)
	admin, pool := l.Superuser(t), l.Pool(t)
	exec(t, admin, "alter table events disable trigger all")
	records, err := w.store.ReadAll(t.Context(), 0, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	first := slices.IndexFunc(records, func(r eventstore.Record) bool { return r.Type == "segment.members_changed" })
	position := records[first].Position
	exec(t, admin, `update events set data = '{"added":["u1","u2","redacted"]}' where position = $1`, position)
	if v := verify(t, pool, ""); v.FirstBad != position {
		t.Errorf("found %+v, want position %d", v, position)
	}
	options := projections.VerifyOptions{Redacted: []int64{position}}
	v, err := projections.Verify(t.Context(), pool, options)
	if err != nil || v.Bad || v.OK() || !strings.HasPrefix(v.Mismatches[0], "segment_members:") {
		t.Errorf("with its text in the read models: %+v, %v", v, err)
	}
	owner := l.OwnerPool(t)
	if _, err := projections.Replay(t.Context(), owner, projections.Tables(), projections.ReplayOptions{}); err == nil {
		t.Error("a replay does not see what was redacted")
	}
	if _, err := projections.Replay(t.Context(), owner, projections.Tables(), projections.ReplayOptions{Redacted: options.Redacted}); err != nil {
		t.Fatal(err)
	}
	v, err = projections.Verify(t.Context(), pool, options)
	if err != nil || !v.OK() || len(v.Notes) != 1 || v.Records != int64(len(records)) {
		t.Errorf("redacted and replayed: %+v, %v", v, err)
	}
	exec(t, admin, "update events set data = '{}' where position = $1", position+1)
	if v, err := projections.Verify(t.Context(), pool, options); err != nil || v.FirstBad != position+1 {
		t.Errorf("found %+v, %v, want position %d", v, err, position+1)
	}
	exec(t, admin, "update events set data_hash = sha256('forged') where position = $1", position)
	if v, err := projections.Verify(t.Context(), pool, options); err != nil || v.FirstBad != position {
		t.Errorf("found %+v, %v, want position %d", v, err, position)
	}
}

// Every cell of every read model is compared.
func TestVerifyComparesReadModels(t *testing.T) {
	l, _ := chronicle(t)
	c, pool := newTamperer(t, l), l.Pool(t)
	for _, table := range projections.Tables() {
		try := func(sql string) {
			t.Helper()
			if exec(t, c.Conn, sql) != 1 {
				t.Errorf("%s changed not one row", sql)
			}
			if v := verify(t, pool, ""); v.Bad || len(v.Mismatches) == 0 || !strings.HasPrefix(v.Mismatches[0], table+":") {
				t.Errorf("%s: found %+v", sql, v)
			}
			c.restore(t, table)
		}
		row := " where ctid = (select ctid from " + table + " order by random() limit 1)"
		for column, typ := range c.columns(t, table) {
			for _, other := range others(typ) {
				if !strings.Contains(other, "%") {
					other += "%.0s"
				}
				to := fmt.Sprintf(other, column)
				try(fmt.Sprintf(`update %[1]s set %[2]s = %[3]s where ctid = (select ctid from %[1]s
					where (%[3]s)::text is distinct from %[2]s::text order by random() limit 1)`, table, column, to))
			}
		}
		if table == "segment_members" {
			// The null comes last, behind a row that has what is missing.
			try(`update segment_members set segment_id = null where ctid = (
				select ctid from segment_members order by segment_id desc, member collate "C" desc limit 1)`)
		}
		try("delete from " + table + row)
		try("insert into " + table + " select * from " + table + row)
	}
	if v := verify(t, pool, ""); !v.OK() {
		t.Errorf("after all was put right: %+v", v)
	}
}

// A ledger that is longer than what is read ahead: the verdict on an early
// record does not wait for the last, and an end of the context is no verdict.
func TestVerifyStopsEarly(t *testing.T) {
	l := ledgertest.New(t)
	fill(t, l, 24_000)
	pool := l.Pool(t)
	c := l.Superuser(t)

	ctx, cancel := context.WithCancel(t.Context())
	v, err := projections.Verify(ctx, pool, projections.VerifyOptions{Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) || v.Bad {
		t.Errorf("cancelled: %+v, %v", v, err)
	}
	exec(t, c, "alter table events disable trigger all; update events set data = '{}' where position = 1000")
	if v := verify(t, pool, ""); !v.Bad || v.FirstBad != 1000 {
		t.Errorf("found %+v, want position 1000", v)
	}
}
