package commands_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
)

// bench is the commands on a ledger, and a way to read what they appended.
type bench struct {
	*commands.Service
	store *eventstore.Store
}

func newBench(t *testing.T) bench {
	t.Helper()
	s := ledgertest.New(t).Store(t)
	return bench{commands.New(s), s}
}

// records reads the whole ledger.
func (b bench) records(t *testing.T) []eventstore.Record {
	t.Helper()
	all, err := b.store.ReadAll(t.Context(), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// said writes what the ledger holds after a position as "type version reason".
func (b bench) said(t *testing.T, after int) string {
	t.Helper()
	var lines []string
	for _, r := range b.records(t)[after:] {
		lines = append(lines, fmt.Sprintf("%s %d %s", r.Type, r.Version, r.Reason))
	}
	return strings.Join(lines, "\n")
}

func op(name, id, body string) commands.BatchCommand {
	return commands.BatchCommand{Op: name, ID: id, Body: jsontext.Value(body)}
}

func TestBatchSeesItsOwnCommands(t *testing.T) {
	b := newBench(t)
	const own = "0193a0d2-0000-7000-8000-000000000001"
	got, err := b.Batch(t.Context(), by("ann"), []commands.BatchCommand{
		op("create", "", `{"name":"a","id":"`+own+`","reason":"why not"}`),
		op("create", "", `{"name":"b","prerequisites":[{"experiment":"a","variations":["treatment"]}]}`),
		op("status", "a", `{"status":"active","reason":"launch"}`),
		op("status", own, `{"status":"active"}`),
		op("patch", own, `{"owner":"growth"}`),
		{Op: "status", ID: "a", Body: jsontext.Value(`{"status":"inactive"}`), IfMatch: 3},
		op("delete", "b", ""),
		op("create", "", `{"key":"b","name":"another"}`),
		op("delete", "b", `{"reason":"wrong"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `experiment.created 1 why not
experiment.created 1 test
experiment.status_changed 2 launch
experiment.changed 3 test
experiment.status_changed 4 test
experiment.deleted 2 test
experiment.created 1 test
experiment.deleted 2 wrong`
	if said := b.said(t, 0); said != want {
		t.Errorf("the ledger says\n%s", said)
	}
	if got.Position != 8 || got.Results[2].Position != 3 || got.Results[3].Changed || got.Results[3].Version != 2 ||
		got.Results[5].Version != 4 || got.Results[7].ID == got.Results[1].ID {
		t.Errorf("got %+v", got)
	}
}

func TestBatchIsAllOrNothing(t *testing.T) {
	b := newBench(t)
	first, err := b.Batch(t.Context(), by("ann"), []commands.BatchCommand{
		op("create", "", `{"name":"ran"}`), op("status", "ran", `{"status":"active"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	good := []commands.BatchCommand{op("create", "", `{"name":"x"}`), op("status", "ran", `{"status":"inactive"}`)}
	for _, tt := range []struct {
		name  string
		bad   commands.BatchCommand
		field string
		is    any
	}{
		{"unknown experiment", op("patch", "nobody", `{}`), "", domain.ErrNotFound},
		{"unknown op", op("revert", "ran", `{}`), "op", nil},
		{"no id", op("patch", "", `{}`), "id", nil},
		{"id to create", op("create", "y", `{"name":"y"}`), "id", nil},
		{"version to create", commands.BatchCommand{Op: "create", IfMatch: 1, Body: jsontext.Value(`{"name":"y"}`)}, "If-Match", nil},
		{"bad document", op("create", "", `{"name":7}`), "name", nil},
		{"no document", op("create", "", ``), "body", nil},
		{"no status", op("status", "ran", `{}`), "status", nil},
		{"unknown status", op("status", "ran", `{"status":"paused"}`), "status", nil},
		{"unknown member", op("status", "ran", `{"status":"active","x":1}`), "x", nil},
		{"unknown member to delete", op("delete", "ran", `{"x":1}`), "x", nil},
		{"long reason", op("delete", "ran", `{"reason":"`+strings.Repeat("x", 1001)+`"}`), "reason", nil},
		{"reason of a patch", op("patch", "ran", `{"reason":"x"}`), "reason", nil},
		{"phase not said", op("patch", "ran", `{"salt":"s"}`), "phase", nil},
		{"key taken in the batch", op("create", "", `{"key":"x","name":"y"}`), "", &domain.ConflictError{}},
		{"circle in the batch", op("patch", "x", `{"prerequisites":[{"experiment":"x","variations":["control"]}]}`), "prerequisites[0].experiment", nil},
		{"stale version", commands.BatchCommand{Op: "delete", ID: "ran", IfMatch: 2}, "", &domain.VersionError{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.Batch(t.Context(), by("ann"), append(good[:2:2], tt.bad, op("create", "", `{"name":"z"}`)))
			var at *commands.BatchError
			if !errors.As(err, &at) || at.Index != 2 {
				t.Fatalf("got %v, want a fault of command 2", err)
			}
			var invalid *domain.InvalidError
			var conflict *domain.ConflictError
			var version *domain.VersionError
			switch is := tt.is.(type) {
			case nil:
				if !errors.As(err, &invalid) || invalid.Field != tt.field {
					t.Errorf("got %v, want a fault of %s", err, tt.field)
				}
			case *domain.ConflictError:
				if !errors.As(err, &conflict) {
					t.Errorf("got %v", err)
				}
			case *domain.VersionError:
				if !errors.As(err, &version) {
					t.Errorf("got %v", err)
				}
			case error:
				if !errors.Is(err, is) {
					t.Errorf("got %v", err)
				}
			}
			if n := len(b.records(t)); n != int(first.Position) {
				t.Errorf("the ledger has %d records", n)
			}
		})
	}
	for _, n := range []int{0, commands.MaxBatch + 1} {
		if _, err := b.Batch(t.Context(), by("ann"), make([]commands.BatchCommand, n)); err == nil {
			t.Errorf("%d commands were accepted", n)
		}
	}
}

// A chain of prerequisites made in one batch cannot be closed in it.
func TestBatchKeepsPrerequisitesAcyclic(t *testing.T) {
	b := newBench(t)
	all := []commands.BatchCommand{op("create", "", `{"name":"e0"}`)}
	for i := range 100 {
		all = append(all, op("create", "", fmt.Sprintf(`{"name":"e%d","prerequisites":[{"experiment":"e%d","variations":["control"]}]}`, i+1, i)))
	}
	closing := op("patch", "e0", `{"prerequisites":[{"experiment":"e100","variations":["control"]}]}`)
	var at *commands.BatchError
	if _, err := b.Batch(t.Context(), by("ann"), append(all[:101:101], closing)); !errors.As(err, &at) || at.Index != 101 {
		t.Errorf("got %v", err)
	}
	if _, err := b.Batch(t.Context(), by("ann"), all); err != nil {
		t.Error(err)
	}
	if n := len(b.records(t)); n != 101 {
		t.Errorf("%d records", n)
	}
}
