package migrations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connect(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// newRole makes a role of that name for the database, and returns its name and
// its URL.
func newRole(t *testing.T, superuser, prefix string) (role, roleURL string) {
	t.Helper()
	u, err := url.Parse(superuser)
	if err != nil {
		t.Fatal(err)
	}
	// Capitals and a blank: the name must be quoted wherever it goes.
	role = prefix + " X " + strings.Trim(u.Path, "/")[len("t_"):][:20] + fmt.Sprint(time.Now().UnixNano()%1e9)
	conn := connect(t, superuser)
	exec(t, conn, "create role "+quote(role)+" login")
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, superuser)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close(ctx) }()
		if _, err := conn.Exec(ctx, "drop owned by "+quote(role)+" cascade; drop role "+quote(role)); err != nil {
			t.Error(err)
		}
	})
	u.User = url.User(role)
	return role, u.String()
}

func run(t *testing.T, ownerURL, schema, role string) {
	t.Helper()
	if err := Run(t.Context(), ownerURL, schema, role); err != nil {
		t.Fatal(err)
	}
}

// applied lists the versions that goose has recorded, in order of recording.
func applied(t *testing.T, conn *pgx.Conn, schema string) []int {
	t.Helper()
	rows, err := conn.Query(t.Context(), "select version_id from "+quote(schema)+".goose_db_version where version_id > 0 order by id")
	if err != nil {
		t.Fatal(err)
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	return versions
}

func wantApplied(t *testing.T, conn *pgx.Conn, schema string) {
	t.Helper()
	files, err := fs.Glob(steps, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var want []int
	for i := range files {
		want = append(want, i+1)
	}
	if got := applied(t, conn, schema); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("schema %s has had migrations %v, want %v", schema, got, want)
	}
}

func TestRunMakesTheTablesOnce(t *testing.T) {
	owner := pgtest.Database(t)
	run(t, owner, "", "")
	run(t, owner, "", "")
	conn := connect(t, owner)
	wantApplied(t, conn, "public")
	exec(t, conn, "select position, recorded_at, hash from public.event_head")
	exec(t, conn, "select ledger_clock()")
}

// Who migrates and then goes on must not keep others from starting.
func TestRunLetsGoOfItsLock(t *testing.T) {
	owner := pgtest.Database(t)
	run(t, owner, "", "")
	conn := connect(t, owner)
	exec(t, conn, "set lock_timeout = '10s'")
	exec(t, conn, fmt.Sprintf("select pg_advisory_lock(%d)", lockID(defaultSchema)))
}

func TestSchemasDoNotMeet(t *testing.T) {
	owner := pgtest.Database(t)
	run(t, owner, `Team "A"`, "")
	run(t, owner, "staging", "")
	conn := connect(t, owner)
	wantApplied(t, conn, `Team "A"`)
	wantApplied(t, conn, "staging")
	var public int
	err := conn.QueryRow(t.Context(), `select count(*) from pg_class where relnamespace = 'public'::regnamespace`).Scan(&public)
	if err != nil || public != 0 {
		t.Errorf("public has %d relations, %v", public, err)
	}
}

func TestConcurrentRuns(t *testing.T) {
	owner := pgtest.Database(t)
	role, _ := newRole(t, owner, "app")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := Run(t.Context(), owner, "staging", role); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantApplied(t, connect(t, owner), "staging")
}

// A replica starts while another, which is up, makes the partition of a day.
func TestRunBesideAServer(t *testing.T) {
	owner := pgtest.Database(t)
	role, _ := newRole(t, owner, "app")
	run(t, owner, "", role)
	conn := connect(t, owner)
	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan struct{})
	defer close(done)
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			_, err := conn.Exec(context.Background(), `do $$
				declare part text;
				begin
					perform pg_advisory_xact_lock(hashtextextended('tracked ' || current_schema(), 0));
					for part in select inhrelid::regclass::text from pg_inherits where inhparent = 'tracked'::regclass loop
						execute 'drop table ' || part;
					end loop;
					perform track_partitions();
				end $$`)
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 20 {
		run(t, owner, "", role)
	}
}

func TestServingRoleMayOnlyServe(t *testing.T) {
	for _, schema := range []string{"", "Staging"} {
		t.Run("schema "+schema, func(t *testing.T) {
			owner := pgtest.Database(t)
			role, roleURL := newRole(t, owner, "app")
			// As it is before Postgres 15.
			exec(t, connect(t, owner), "grant create on schema public to public")
			run(t, owner, schema, role)
			run(t, owner, schema, role) // grants may be given again
			conn := connect(t, roleURL)
			if schema != "" {
				exec(t, conn, "set search_path to "+quote(schema))
			}
			exec(t, conn, "select ledger_clock()")
			exec(t, conn, "select * from events")
			exec(t, conn, "update event_head set position = position")
			exec(t, conn, "select sweep_verifications()")
			for _, sql := range []string{
				"update events set reason = ''",
				"delete from events",
				"truncate events",
				"drop table events",
				"alter table events disable trigger all",
				"delete from event_head",
				"update event_head set began_at = now()",
				"insert into goose_db_version (version_id, is_applied) values (99, true)",
				"delete from verifications",
				"update verifications set ok = true",
				"create table mine ()",
				"create or replace function ledger_clock() returns timestamptz language sql as 'select now()'",
			} {
				_, err := conn.Exec(t.Context(), sql)
				var refused *pgconn.PgError
				if !errors.As(err, &refused) || refused.Code != "42501" {
					t.Errorf("%s: %v, want insufficient privilege", sql, err)
				}
			}
		})
	}
}

func TestOwnerThatServesKeepsItsRights(t *testing.T) {
	superuser := pgtest.Database(t)
	role, roleURL := newRole(t, superuser, "owner")
	// It owns its schema and may make no other in the database.
	exec(t, connect(t, superuser), "create schema staging authorization "+quote(role))
	run(t, roleURL, "staging", role)
	conn := connect(t, roleURL)
	exec(t, conn, "set search_path to staging; update event_head set position = position; create table mine ()")

	err := Run(t.Context(), roleURL, "other", "")
	if err == nil || !strings.Contains(err.Error(), "make schema other") {
		t.Errorf("got %v, want that the schema cannot be made", err)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	owner := pgtest.Database(t)
	unreachable := "postgres://u:secret@127.0.0.1:1/x?connect_timeout=1"
	for _, tt := range []struct{ name, url, role, want string }{
		{"no such role", owner, "nobody here", `grant rights to role nobody here: ERROR: role "nobody here" does not exist`},
		{"no server", unreachable, "", "connect as the owner: "},
		{"not a URL", "postgres://u:secret@host:port/x", "", "owner's database URL: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Run(t.Context(), tt.url, "", tt.role)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	owner := pgtest.Database(t)
	conn := connect(t, owner)
	exec(t, conn, fmt.Sprintf("select pg_advisory_lock(%d)", lockID(defaultSchema)))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := Run(ctx, owner, "", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	exec(t, conn, fmt.Sprintf("select pg_advisory_unlock(%d)", lockID(defaultSchema)))
	run(t, owner, "", "")
}
