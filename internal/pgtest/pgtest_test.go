package pgtest_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var out string
	if err := conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func TestDatabasesAreApartAndDropped(t *testing.T) {
	var names []string
	t.Run("Ünïcode & a name that is much longer than what PostgreSQL takes for an identifier", func(t *testing.T) {
		first, second := pgtest.Database(t), pgtest.Database(t)
		names = append(names, query(t, first, "select current_database()"), query(t, second, "select current_database()"))
		if query(t, first, "show is_superuser") != "on" {
			t.Error("not the superuser")
		}
		// A session left open does not keep the database.
		conn, err := pgx.Connect(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn
	})
	if len(names) != 2 || names[0] == names[1] || !strings.HasPrefix(names[0], "t_testdatabasesareapart") {
		t.Errorf("names = %q", names)
	}
	left := query(t, pgtest.URL(t), "select count(*)::text from pg_database where datname in ('"+strings.Join(names, "','")+"')")
	if left != "0" {
		t.Errorf("%s of the databases are left", left)
	}
}

func TestSharedServerWaitsForNoDisk(t *testing.T) {
	if got := query(t, pgtest.Database(t), "show fsync"); got != "off" {
		t.Errorf("fsync = %s, want off", got)
	}
}

func TestDedicatedServerMayBeKilled(t *testing.T) {
	server := pgtest.Dedicated(t, map[string]string{"max_connections": "20"})
	url := server.URL(localpg.Superuser, "postgres")
	if got := query(t, url, "select current_setting('fsync')||' '||current_setting('max_connections')"); got != "on 20" {
		t.Errorf("fsync, max_connections = %s", got)
	}
	if url == pgtest.URL(t) {
		t.Error("it is the shared server")
	}
	server.Kill()
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		conn.Close(t.Context())
		t.Error("answers although killed")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, url, "select ''")
}
