package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
)

// sharing stops the PostgreSQL that the scripts share when they have run.
type sharing struct{ m *testing.M }

func (s sharing) Run() int { return pgtest.Run(s.m) }

func TestMain(m *testing.M) {
	testscript.Main(sharing{m}, map[string]func(){"assay": main, "sql": sql})
}

// TestScripts runs each script with a database, a serving role and a Redis of
// its own.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			owner, app := databases(t)
			redis := redistest.Memory(t).URL()
			testscript.Run(t, testscript.Params{
				Files: []string{file}, RequireExplicitExec: true,
				Setup: func(env *testscript.Env) error {
					env.Setenv("OWNER_URL", owner)
					env.Setenv("MIGRATE_DATABASE_URL", owner)
					env.Setenv("DATABASE_URL", app)
					env.Setenv("REDIS_URL", redis)
					return nil
				},
			})
		})
	}
}

// databases makes an empty database and a serving role, and returns the URLs of
// its owner and of the role.
func databases(t *testing.T) (owner, app string) {
	t.Helper()
	owner = pgtest.Database(t)
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	role := "app_" + strings.Trim(u.Path, "/")
	execute(t, owner, "create role "+pgx.Identifier{role}.Sanitize()+" login")
	t.Cleanup(func() {
		execute(t, owner, "drop owned by "+pgx.Identifier{role}.Sanitize()+" cascade; drop role "+pgx.Identifier{role}.Sanitize())
	})
	u.User = url.User(role)
	return owner, u.String()
}
