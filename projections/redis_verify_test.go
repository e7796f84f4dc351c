package projections_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/zeebo/xxh3"

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
		"forged":  {"forged", "redis: context at is 2026-01-01T00:00:00Z and should be", ""},
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
			case tt.spoil == "forged":
				forge(t, client, "at", "2026-01-01T00:00:00Z")
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

// forge changes a field of the context, and the digest so that it fits.
func forge(t testing.TB, client redis.UniversalClient, field, value string) {
	t.Helper()
	before, err := client.HGet(t.Context(), contextKey, field).Result()
	digest, err2 := client.Get(t.Context(), digestKey).Result()
	part := strings.Split(digest, ":")
	if err != nil || err2 != nil || len(part) != 6 {
		t.Fatal(digest, err, err2)
	}
	sum, err := strconv.ParseUint(part[4], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	seed := xxh3.HashString(field)
	part[4] = fmt.Sprintf("%016x", sum-xxh3.HashStringSeed(before, seed)+xxh3.HashStringSeed(value, seed))
	err = client.HSet(t.Context(), contextKey, field, value).Err()
	if err := errors.Join(err, client.Set(t.Context(), digestKey, strings.Join(part, ":"), 0).Err()); err != nil {
		t.Fatal(err)
	}
}
