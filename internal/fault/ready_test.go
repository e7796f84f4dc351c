package fault

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
)

// noticed is how soon GET /readyz has to tell that Postgres went, or came back:
// a console that asks each second is then read-only, or not, within 2 s or so.
const noticed = 1500 * time.Millisecond

type health struct {
	Status       string `json:"status"`
	Dependencies map[string]struct {
		State    string `json:"state"`
		Position int64  `json:"position"`
		Lag      int64  `json:"lag"`
	} `json:"dependencies"`
}

// tells says whether GET /readyz tells this of a dependency.
func (r *replica) tells(dependency, state string) error {
	var h health
	res := r.get("/readyz")
	if res.err != nil {
		return res.err
	}
	if err := json.Unmarshal(res.body, &h); err != nil {
		return err
	}
	if got := h.Dependencies[dependency].State; got != state {
		return fmt.Errorf("%s is %q, not %q: %s", dependency, got, state, res.body)
	}
	return nil
}

// The time counts here, as nowhere else: it is what a console promises.
func TestReadyTellsOfPostgresAtOnce(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t, nil)
	s := &stage{ledger: ledgertest.Migrate(t, server.URL(localpg.Superuser, "postgres")), redis: redistest.Real(t)}
	r := newReplica(t, "replica", s.env()...)
	s.replicas = []*replica{r}
	s.startAll(t)
	for range 3 {
		for _, step := range []struct {
			state string
			do    func() error
		}{
			{"down", func() error { server.Kill(); return nil }},
			{"up", func() error { return server.Restart(t.Context()) }},
		} {
			// Just before it happens the answer was the other one, which may be remembered.
			if err := r.tells("memory", "up"); err != nil {
				t.Error(err)
			}
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			took := eventually(t, func() error { return r.tells("postgres", step.state) })
			t.Logf("%s after %v", step.state, took.Round(time.Millisecond))
			if took > noticed {
				t.Errorf("it took %v to tell that Postgres is %s", took, step.state)
			}
		}
	}
}
