package fault

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
)

// The server starts first, Postgres comes later, with an empty database.
func TestStartsWithoutPostgres(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t, nil)
	owner := server.URL(localpg.Superuser, "postgres")
	conn := connect(t, owner)
	if _, err := conn.Exec(t.Context(), "create role serving login"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	server.Kill()

	s := &stage{ledger: ledgertest.Ledger{Owner: owner, App: server.URL("serving", "postgres")}, redis: redistest.Real(t)}
	r := newReplica(t, "replica", s.env()...)
	s.replicas = []*replica{r}
	if err := r.launch(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return r.answers("/healthz", http.StatusOK) })
	for _, q := range []request{
		{method: http.MethodGet, path: "/readyz"},
		{method: http.MethodPost, path: "/experiments", body: `{"name":"x"}`},
		{method: http.MethodGet, path: "/experiments"},
		{method: http.MethodGet, path: "/reports/daily/2026-01-01"},
	} {
		res := r.send(http.DefaultClient, q)
		if err := res.fault(); err != nil || res.status != http.StatusServiceUnavailable {
			t.Errorf("%s %s without Postgres: %s, %v", q.method, q.path, res, err)
		}
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := r.awaitReady(); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready %v after Postgres", time.Since(start).Round(time.Millisecond))
	s.create(t, `{"name":"x"}`)
	list(t, r, "redis", 1)
	feed := s.feed(t)
	s.verify(t, fmt.Sprintf("1:%s", feed[0].Hash))
}

// Nobody could administer a server without a root token or an admin key.
func TestRefusesToStartWithoutAdmin(t *testing.T) {
	t.Parallel()
	s := &stage{ledger: ledgertest.New(t), redis: redistest.Real(t)}
	r := newReplica(t, "replica", s.env()...)
	r.env = append(r.env, "ASSAY_ROOT_TOKEN=")
	if err := r.launch(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.child.Done():
	case <-time.After(patience):
		t.Fatal("it starts")
	}
	log := r.tail()
	if code := exitOf(r.cmd); code != 2 {
		t.Errorf("ended with %d", code)
	}
	if !strings.HasPrefix(log, "assay: ASSAY_ROOT_TOKEN: ") || strings.Count(log, "\n") != 1 {
		t.Errorf("said %q", log)
	}

	// With an admin key it starts.
	keys := command("keys", "create", "--name", "ops", "--role", "admin")
	keys.Env = r.env
	if out, err := keys.CombinedOutput(); err != nil {
		t.Fatalf("assay keys create: %v\n%s", err, out)
	}
	if err := r.restart(); err != nil {
		t.Fatal(err)
	}
}

// A wrong environment is told in one line, without the values.
func TestRefusesAWrongEnvironment(t *testing.T) {
	t.Parallel()
	for variable, value := range map[string]string{
		"DATABASE_URL": "", "REDIS_URL": "secret://x", "LISTEN_ADDR": "secret", "ASSAY_NAMESPACE": "Secret", "ASSAY_LOG": "secret",
	} {
		cmd := command("serve")
		cmd.Env = []string{"DATABASE_URL=postgres://app:secret@127.0.0.1:1/x", "ASSAY_ROOT_TOKEN=" + rootToken, variable + "=" + value}
		out, err := cmd.CombinedOutput()
		if err == nil || exitOf(cmd) != 2 || !bytes.HasPrefix(out, []byte("assay: "+variable+": ")) ||
			bytes.Count(out, []byte("\n")) != 1 || bytes.Contains(out, []byte("ecret")) {
			t.Errorf("%s=%q: %v: %s", variable, value, err, out)
		}
	}
}
