package edgefault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/internal/redistest"
)

// told is how soon GET /system has to tell what happened: as soon as people look.
// answered bounds each answer.
const (
	told     = 2 * time.Second
	answered = time.Second
)

type overview struct {
	Source   string `json:"source"`
	Replicas []struct {
		ID string `json:"id"`
	} `json:"replicas"`
	Edges []struct {
		ID       string    `json:"id"`
		Position int64     `json:"position"`
		Source   string    `json:"source"`
		SeenAt   time.Time `json:"seen_at"`
	} `json:"edges"`
	Dependencies map[string]struct {
		State string `json:"state"`
	} `json:"dependencies"`
}

// overview reads GET /system, and fails the test if that takes too long.
func (p *process) overview(t *testing.T) overview {
	t.Helper()
	start := time.Now()
	res := p.Send(http.MethodGet, "/system", "")
	if took := time.Since(start); took > answered {
		t.Errorf("GET /system took %v", took)
	}
	var o overview
	if err := json.Unmarshal(res.Body, &o); err != nil || res.Status != http.StatusOK {
		t.Fatalf("GET /system: %s, %v", res, err)
	}
	return o
}

// Two servers, an edge that knows the control plane alone and one that knows Redis
// alone: all are on the roll, wherever it is read, keys that edges see too, and
// what is down is told at once. The time counts here: people look at it.
func TestWhoIsThere(t *testing.T) {
	t.Parallel()
	postgres, redis := pgtest.Dedicated(t, nil), redistest.Real(t)
	ledger := ledgertest.Migrate(t, postgres.URL(localpg.Superuser, "postgres"))
	env := []string{"DATABASE_URL=" + ledger.App, "MIGRATE_DATABASE_URL=" + ledger.Owner, "REDIS_URL=" + redis.URL(), "ASSAY_EDGE_TOKEN=token-of-edges"}
	a, b := newProcess(t, "assay", []string{"serve"}, env...), newProcess(t, "assay", []string{"serve"}, env...)
	a.launch(t)
	b.launch(t)
	byControl := newProcess(t, "assay-edge", nil, "ASSAY_CONTROL_URL="+a.URL(), "ASSAY_EDGE_TOKEN=token-of-edges")
	byRedis := newProcess(t, "assay-edge", nil, "REDIS_URL="+redis.URL())
	byControl.launch(t)
	byRedis.launch(t)
	for _, p := range []*process{a, b} {
		programs.Eventually(t, func() error {
			o := p.overview(t)
			if len(o.Replicas) != 2 || len(o.Edges) != 2 || o.Source != "postgres" || o.Edges[0].Source == o.Edges[1].Source {
				return fmt.Errorf("%+v", o)
			}
			return nil
		})
	}
	for _, edge := range []*process{byControl, byRedis} {
		firstUse(t, a, edge)
	}
	for _, dependency := range []struct {
		name    string
		kill    func()
		restart func() error
		// source is what the answer is from meanwhile.
		source string
	}{
		{"postgres", postgres.Kill, func() error { return postgres.Restart(t.Context()) }, "memory"},
		{"redis", redis.Kill, func() error { return redis.Restart(t.Context()) }, "postgres"},
	} {
		tells := func(state, source string) {
			t.Helper()
			took := programs.Eventually(t, func() error {
				o := a.overview(t)
				if o.Dependencies[dependency.name].State != state || o.Source != source || len(o.Replicas) != 2 || len(o.Edges) != 2 {
					return fmt.Errorf("%s is not %s: %+v", dependency.name, state, o)
				}
				return nil
			})
			t.Logf("%s is %s: told after %v", dependency.name, state, took.Round(time.Millisecond))
			if took > told {
				t.Errorf("it took %v to tell that %s is %s", took, dependency.name, state)
			}
		}
		dependency.kill()
		tells("down", dependency.source)
		if err := dependency.restart(); err != nil {
			t.Fatal(err)
		}
		tells("up", "postgres")
	}
}

// firstUse makes a key, uses it at an edge and waits until a server shows that.
func firstUse(t *testing.T, server, edge *process) {
	t.Helper()
	res := server.Send(http.MethodPost, "/keys", `{"name":"`+edge.Addr+`","role":"client"}`)
	var key struct{ ID, Token string }
	if err := json.Unmarshal(res.Body, &key); err != nil || res.Status != http.StatusCreated {
		t.Fatalf("%s, %v", res, err)
	}
	programs.Eventually(t, func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, edge.URL()+"/evaluate", strings.NewReader(`{"unit":"u"}`))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+key.Token)
		req.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("the edge does not know the key yet: %s", answer.Status)
		}
		return nil
	})
	took := programs.Eventually(t, func() error {
		res := server.Send(http.MethodGet, "/keys/usage", "")
		if !strings.Contains(string(res.Body), key.ID) || !strings.Contains(string(res.Body), `"seen_by":"edge"`) {
			return fmt.Errorf("the use of %s does not show: %s", key.ID, res)
		}
		return nil
	})
	t.Logf("a first use shows after %v", took.Round(time.Millisecond))
}
