package projections_test

import (
	"context"
	"strings"
	"testing"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
)

// What Redis holds is compared too. That it is away, empty or behind is noted,
// since nobody is served anything wrong; that it holds something else is a
// mismatch, when nobody heals it.
func TestVerifyComparesRedis(t *testing.T) {
	t.Parallel()
	ctx := context.WithoutCancel(t.Context())
	for name, tt := range map[string]struct {
		spoil          string
		mismatch, note string
	}{
		"sound":   {"", "", ""},
		"emptied": {"flushall", "", "redis is empty"},
		"away":    {"shutdown nosave", "", "redis is down"},
		"behind":  {"behind", "", "redis stands at position 3, behind the ledger's 4"},
		"edited":  {"hset " + hashKey + " x y", "redis is corrupt", ""},
		"around":  {"hset " + contextKey + " x y", "redis is corrupt", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReplica(t, ledgertest.New(t))
			r.create(t, 3)
			client, err := projections.OpenRedis(redistest.Real(t).URL())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := projections.ReplayRedis(ctx, r.pool, client, "", projections.ReplayOptions{}); err != nil {
				t.Fatal(err)
			}
			switch words := strings.Fields(tt.spoil); {
			case tt.spoil == "behind":
				r.set(t, "e0", "active")
			case len(words) > 0:
				args := make([]any, len(words))
				for i, word := range words {
					args[i] = word
				}
				_ = client.Do(ctx, args...).Err() // shutdown does not answer
			}
			v, err := projections.Verify(ctx, r.pool, projections.VerifyOptions{Redis: client})
			if err != nil || v.Bad {
				t.Fatal(v, err)
			}
			check := func(what, want string, got []string) {
				t.Helper()
				if all := strings.Join(got, "; "); want == "" && all != "" || !strings.Contains(all, want) {
					t.Errorf("%s %q, want %q", what, all, want)
				}
			}
			check("mismatches", tt.mismatch, v.Mismatches)
			check("notes", tt.note, v.Notes)
		})
	}
}
