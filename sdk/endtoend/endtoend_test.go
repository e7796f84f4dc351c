// Package endtoend_test holds the SDK against a real server, its PostgreSQL and
// its end.
package endtoend_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/sdk"

	// What the server is made of: go test must not remember results over changes.
	_ "github.com/assaylabs/assay/edge"
	_ "github.com/assaylabs/assay/http"
	_ "github.com/assaylabs/assay/internal/control"
)

const patience = 30 * time.Second // bounds waits; no test passes by it

func TestMain(m *testing.M) { programs.Main(m) }

// server is an assay serve that may be killed and started again.
type server struct {
	*programs.Process
	ledger ledgertest.Ledger
}

func newServer(t *testing.T) *server {
	t.Helper()
	ledger := ledgertest.Migrate(t, pgtest.Database(t))
	s := &server{ledger: ledger, Process: programs.New(t, "assay", []string{"serve"},
		"DATABASE_URL="+ledger.App, "MIGRATE_DATABASE_URL="+ledger.Owner)}
	launch(t, s.Process)
	return s
}

// newEdge is an assay-edge that knows nothing but the server.
func (s *server) newEdge(t *testing.T) *programs.Process {
	t.Helper()
	e := programs.New(t, "assay-edge", nil, "ASSAY_CONTROL_URL="+s.URL(), "ASSAY_EDGE_TOKEN="+programs.RootToken)
	launch(t, e)
	return e
}

func launch(t *testing.T, p *programs.Process) {
	t.Helper()
	p.Begin(t)
	p.Ready(t)
}

// send makes a request as root, which must succeed, decodes the answer into into
// unless that is nil, and returns the position that it is of.
func (s *server) send(t *testing.T, method, path, body string, into any) int64 {
	t.Helper()
	res := s.Send(method, path, body)
	if !res.OK() {
		t.Fatalf("%s %s: %s", method, path, res)
	}
	if into != nil {
		if err := json.Unmarshal(res.Body, into); err != nil {
			t.Fatal(err)
		}
	}
	return res.Position()
}

func (s *server) toggle(t *testing.T, experiment string, active bool) int64 {
	t.Helper()
	status := "inactive"
	if active {
		status = "active"
	}
	return s.send(t, http.MethodPatch, "/experiments/"+experiment+"/status", `{"status":"`+status+`"}`, nil)
}

// key makes a key for SDKs.
func (s *server) key(t *testing.T) string {
	t.Helper()
	var made struct{ Token string }
	s.send(t, http.MethodPost, "/keys", `{"name":"shop","role":"server"}`, &made)
	return made.Token
}

func newClient(t *testing.T, cfg sdk.Config) *sdk.Client {
	t.Helper()
	cfg.Log, cfg.DisableTracking = slog.New(slog.DiscardHandler), true
	cfg.StaleAfter, cfg.Poll = 2*time.Second, 500*time.Millisecond
	client, err := sdk.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() }) // nothing is tracked
	return client
}

func units() []sdk.Unit {
	all := make([]sdk.Unit, 100)
	for i := range all {
		all[i] = sdk.Unit{ID: fmt.Sprintf("ünit-%d", i), Attributes: map[string]any{
			"country": []string{"US", "FR", "CA"}[i%3], "age": i, "device": i % 7, "beta": i%2 == 0,
		}}
	}
	return all
}

// answers is all that a client says, as text.
func answers(t *testing.T, client *sdk.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, unit := range units() {
		for key, d := range client.EvaluateAll(unit) {
			all[unit.ID+" "+key] = fmt.Sprint(d.Variation, " ", string(d.Value), " ", d.Reason)
		}
	}
	return all
}

func TestTheSDKAndAServer(t *testing.T) {
	s := newServer(t)
	s.send(t, http.MethodPost, "/layers", `{"key":"pages","name":"Pages"}`, nil)
	s.send(t, http.MethodPost, "/segments", `{"key":"friends","name":"Friends","ids":["ünit-3","ünit-4","ünit-5"]}`, nil)
	for _, body := range []string{
		`{"key":"button","name":"Button","variations":[{"key":"red","value":"red","weight":1},{"key":"blue","value":"blue","weight":2}]}`,
		`{"key":"limit","name":"Limit","traffic_ppm":500000,"variations":[{"key":"low","value":5,"weight":1},{"key":"high","value":50,"weight":1}]}`,
		`{"key":"left","name":"Left","layer":{"key":"pages","share_ppm":400000},"audience":{"country":{"$in":["US","CA"]}}}`,
		`{"key":"right","name":"Right","layer":{"key":"pages","share_ppm":300000},"overrides":{"ünit-9":"treatment"}}`,
		`{"key":"friendly","name":"Friendly","audience":{"$and":[{"id":{"$exists":false}},{"age":{"$gte":3}},{"friend":{"$notInGroup":"friends"}}]}}`,
		`{"key":"after","name":"After","prerequisites":[{"experiment":"button","variations":["blue"]}]}`,
		`{"key":"machine","name":"Machine","unit_type":"device"}`,
		`{"key":"moved","name":"Moved","hash":"gb2"}`,
		`{"key":"off","name":"Off"}`,
	} {
		s.send(t, http.MethodPost, "/experiments", body, nil)
	}
	s.send(t, http.MethodPost, "/holdouts", `{"key":"quiet","name":"Quiet","share_ppm":100000,"experiments":["button"]}`, nil)
	var position int64
	for _, key := range []string{"button", "limit", "left", "right", "friendly", "after", "machine", "moved"} {
		position = s.toggle(t, key, true)
	}
	dir, token := t.TempDir(), s.key(t)
	client := newClient(t, sdk.Config{URL: s.URL(), Token: token, CacheDir: dir})
	if err := client.WaitPosition(t.Context(), position); err != nil {
		t.Fatal(err)
	}
	if client.Stale() || client.Source() != "control" {
		t.Errorf("stale %v, from %s", client.Stale(), client.Source())
	}
	t.Run("agrees with the server", func(t *testing.T) { agree(t, s, client) })
	t.Run("follows commands", func(t *testing.T) { follow(t, s, client) })
	t.Run("survives the server", func(t *testing.T) {
		survive(t, s, client, sdk.Config{URL: s.URL(), Token: token, CacheDir: dir})
	})
}

// agree asks both for every experiment and unit.
func agree(t *testing.T, s *server, client *sdk.Client) {
	reasons := map[sdk.Reason]int{}
	for _, unit := range units() {
		body, err := json.Marshal(map[string]any{"unit": unit.ID, "attributes": unit.Attributes})
		if err != nil {
			t.Fatal(err)
		}
		var remote struct {
			Position    int64
			Assignments map[string]struct {
				Variation string
				Value     json.RawMessage
				Reason    sdk.Reason
			}
		}
		s.send(t, http.MethodPost, "/evaluate", string(body), &remote)
		local := client.EvaluateAll(unit)
		if len(local) != 9 || len(remote.Assignments) != 9 {
			t.Fatalf("%d here, %d there", len(local), len(remote.Assignments))
		}
		for key, there := range remote.Assignments {
			here := local[key]
			if here.Variation != there.Variation || here.Reason != there.Reason || !bytes.Equal(here.Value, there.Value) {
				t.Errorf("%s for %s: %+v here, %+v there", key, unit.ID, here, there)
			}
			reasons[here.Reason]++
		}
	}
	for _, reason := range []sdk.Reason{
		sdk.ReasonSplit, sdk.ReasonInactive, sdk.ReasonOverride, sdk.ReasonHoldout, sdk.ReasonAudience,
		sdk.ReasonPrerequisite, sdk.ReasonLayer, sdk.ReasonTraffic,
	} {
		if reasons[reason] == 0 {
			t.Errorf("nobody had %s", reason)
		}
	}
}

// follow sees each command's effect by its position alone.
func follow(t *testing.T, s *server, client *sdk.Client) {
	changes := make(chan sdk.Change, 100)
	defer client.OnChange(func(c sdk.Change) { changes <- c })()
	var took []time.Duration
	for i := range 30 {
		active := i%2 == 1
		position := s.toggle(t, "moved", active)
		start := time.Now()
		if err := client.WaitPosition(t.Context(), position); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(start))
		if d := client.Peek("moved", sdk.Unit{ID: "u1"}); (d.Reason == sdk.ReasonSplit) != active || d.Position < position {
			t.Errorf("after the command at %d: %+v", position, d)
		}
		if c := <-changes; !slices.Equal(c.Experiments, []string{"moved"}) {
			t.Errorf("told of %+v", c)
		}
	}
	slices.Sort(took)
	t.Logf("acknowledged to answered: median %v, longest %v", took[len(took)/2], took[len(took)-1])
}

// survive kills the server, starts another client meanwhile, and lets the server
// come back with news.
func survive(t *testing.T, s *server, client *sdk.Client, cfg sdk.Config) {
	before := answers(t, client)
	position := client.Position()
	programs.Eventually(t, func() error { // the copy on disk is written beside
		offline := newClient(t, sdk.Config{URL: "http://127.0.0.1:1", Token: "x", CacheDir: cfg.CacheDir, StartWait: 100 * time.Millisecond})
		if offline.Position() != position {
			return fmt.Errorf("the copy is at %d", offline.Position())
		}
		return nil
	})
	s.Kill()
	programs.Eventually(t, func() error {
		if !client.Stale() {
			return errors.New("not stale")
		}
		return nil
	})
	cfg.StartWait = 100 * time.Millisecond
	restarted := newClient(t, cfg)
	if !restarted.Stale() || restarted.Source() != "disk" || restarted.Position() != position {
		t.Errorf("restarted: stale %v, from %s, at %d", restarted.Stale(), restarted.Source(), restarted.Position())
	}
	for name, c := range map[string]*sdk.Client{"running": client, "restarted": restarted} {
		after := answers(t, c)
		if len(after) != len(before) {
			t.Errorf("%s: %d answers, had %d", name, len(after), len(before))
		}
		for what, answer := range after {
			if answer != before[what] {
				t.Errorf("%s: %s is %s, was %s", name, what, answer, before[what])
			}
		}
		if d := c.StringDetail("button", sdk.Unit{ID: "u1"}, ""); d.Err != nil || !d.Stale {
			t.Errorf("%s: %+v", name, d)
		}
	}
	launch(t, s.Process)
	position = s.toggle(t, "off", true)
	for name, c := range map[string]*sdk.Client{"running": client, "restarted": restarted} {
		if err := c.WaitPosition(t.Context(), position); err != nil {
			t.Fatal(name, err)
		}
		if d := c.Peek("off", sdk.Unit{ID: "u1"}); d.Reason != sdk.ReasonSplit || d.Stale || c.Source() != "control" {
			t.Errorf("%s: %+v from %s", name, d, c.Source())
		}
	}
}
