package eventstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/internal/ledgertest"
)

// digest is all that the ledger's tables, rights and functions are.
const digest = `select md5(concat_ws('|',
	(select string_agg(e::text, ',' order by position) from public.events e),
	(select string_agg(concat_ws(' ', relname, relkind, relowner, relacl::text, relhasrules, relrowsecurity), ',' order by relname)
		from pg_class where relnamespace = 'public'::regnamespace),
	(select string_agg(concat_ws(' ', tgname, tgenabled, tgfoid), ',' order by tgname) from pg_trigger where not tgisinternal),
	(select string_agg(concat_ws(' ', proname, proowner, prosrc, proacl::text), ',' order by proname) from pg_proc where pronamespace = 'public'::regnamespace),
	(select string_agg(concat_ws(' ', conname, convalidated), ',' order by conname) from pg_constraint where connamespace = 'public'::regnamespace),
	(select nspacl::text from pg_namespace where nspname = 'public')))`

func digestOf(t testing.TB, admin *pgx.Conn) (sum string) {
	t.Helper()
	if err := admin.QueryRow(t.Context(), digest).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// attacks on the ledger, by whoever has a session of the serving role.
func attacks(role string) []string {
	return []string{
		"update events set reason = 'forged'",
		"update events set position = position where false",
		"update only events set hash = '' where position = 1",
		"delete from events",
		"delete from events using event_head where events.position = event_head.position",
		"truncate events",
		"truncate events, event_head cascade",
		"with gone as (delete from events returning *) select * from gone",
		"merge into events e using event_head h on e.position = h.position when matched then update set reason = 'forged'",
		"merge into events e using event_head h on e.position = h.position when matched then delete",
		"insert into events select * from events where position = 1 on conflict (position) do update set reason = 'forged'",
		"select * from events for update",
		"do $$ begin lock table events in access exclusive mode; end $$",
		"alter table events disable trigger append_only",
		"alter table events disable trigger all",
		"alter table events enable replica trigger append_only",
		"alter table events add column more text",
		"alter table events drop column reason",
		"alter table events alter column reason type varchar(1)",
		"alter table events alter column reason set default 'forged'",
		"alter table events drop constraint events_pkey",
		"alter table events enable row level security",
		"alter table events rename to old_events",
		"alter table events set schema pg_temp",
		"alter table events owner to " + role,
		"alter table events inherit event_head",
		"drop table events",
		"drop table events cascade",
		"drop trigger append_only on events",
		"drop function refuse_change() cascade",
		"create trigger more before insert on events for each row execute function refuse_change()",
		"create rule more as on insert to events do instead nothing",
		"create policy more on events using (false)",
		"create index more on events (reason)",
		"comment on table events is 'forged'",
		"create or replace function refuse_change() returns trigger language plpgsql as 'begin return null; end'",
		"create or replace function ledger_clock() returns timestamptz language sql as 'select now()'",
		"alter function ledger_clock() rename to old_clock",
		"drop function ledger_clock() cascade",
		"create table more ()",
		"create table events_too (like events)",
		"create view more as select * from events",
		"create materialized view more as select * from events",
		"create function more() returns int language sql as 'select 1'",
		"create schema more",
		"create extension pg_trgm",
		"alter schema public rename to private",
		"drop schema public cascade",
		"drop owned by postgres",
		"reassign owned by postgres to " + role,
		"set session_replication_role = replica",
		"set role postgres",
		"set session authorization postgres",
		"alter role " + role + " superuser",
		"alter role " + role + " set session_replication_role = replica",
		"grant postgres to " + role,
		"alter system set session_replication_role = replica",
		"alter database postgres set session_replication_role = replica",
		"update pg_class set relowner = 0 where relname = 'events'",
		"update pg_trigger set tgenabled = 'D'",
		"copy events to program 'true'",
		"copy events from '/etc/passwd'",
		"delete from event_head",
		"truncate event_head",
		"insert into event_head select false, position, recorded_at, hash, began_at from event_head",
		"update event_head set began_at = now()",
		"update daily_reports set report = '{}'",
		"delete from daily_reports",
		"update status_history set new_status = 'active'",
		"delete from status_history",
		"delete from experiments",
		"update idempotency_keys set answer = '{}'",
		"delete from idempotency_keys",
		"do $$ begin execute 'truncate events'; end $$",
	}
}

func TestTheServingRoleCannotTouchTheLedger(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	for i := range 3 {
		execute(t, s, createMetric(fmt.Sprint("m", i)))
	}
	admin := l.Superuser(t)
	before := digestOf(t, admin)
	config, err := pgx.ParseConfig(l.App)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range attacks(pgx.Identifier{config.User}.Sanitize()) {
		_, err := conn.Exec(t.Context(), sql)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: %v, want insufficient privilege", sql, err)
		}
	}
	// These are no errors; they have no effect.
	for _, sql := range []string{
		"grant update, delete, truncate on events to public",
		"grant create on schema public to public",
		"create temp table events (position bigint); create temp view event_head as select 1 as position; drop table pg_temp.events cascade",
	} {
		_, _ = conn.Exec(t.Context(), sql)
	}
	if digestOf(t, admin) != before {
		t.Error("something was changed")
	}
	execute(t, s, createMetric("after"))
	verify(t, l)
}

// The owner, a superuser even, has to disable the trigger first: a slip of the
// hand does not suffice, nor does the setting that restores use.
func TestTheOwnerIsRefusedToo(t *testing.T) {
	l := ledgertest.New(t)
	s := l.Store(t)
	execute(t, s, createMetric("m"))
	admin := l.Superuser(t)
	before := digestOf(t, admin)
	for _, role := range []string{"origin", "local", "replica"} {
		if _, err := admin.Exec(t.Context(), "set session_replication_role = "+role); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{
			"update events set reason = 'forged'",
			"update events set reason = 'forged' where false",
			"delete from events where position = 1",
			"truncate events",
			"truncate events, event_head",
			"insert into events select * from events on conflict (position) do update set reason = 'forged'",
			"merge into events e using event_head h on e.position = h.position when matched then delete",
			"with gone as (delete from events returning *) select * from gone",
		} {
			_, err := admin.Exec(t.Context(), sql)
			var refused *pgconn.PgError
			if !errors.As(err, &refused) || refused.Code != "42501" || !strings.Contains(refused.Message, "append-only") {
				t.Errorf("%s as %s: %v", sql, role, err)
			}
		}
	}
	if digestOf(t, admin) != before {
		t.Error("something was changed")
	}
	verify(t, l)
}
