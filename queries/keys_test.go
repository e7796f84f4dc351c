package queries

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
)

func (s *stack) key(t testing.TB, config string) (commands.Answer, string) {
	t.Helper()
	a, token, err := s.commands.CreateKey(t.Context(), commands.Call{}, []byte(config))
	if err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	return a, token
}

// Only the very token of a key that exists and has not expired opens anything.
func TestAuthenticate(t *testing.T) {
	ledger := ledgertest.New(t)
	s := stackOn(t, ledger, redistest.Memory(t).URL())
	made, token := s.key(t, `{"name":"ann","role":"editor"}`)
	deleted, deletedToken := s.key(t, `{"name":"bob","role":"editor"}`)
	_, brief := s.key(t, fmt.Sprintf(`{"name":"brief","role":"viewer","expires_at":%q}`, time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)))
	if key, err := s.Authenticate(t.Context(), brief); err != nil || key.Name != "brief" {
		t.Errorf("before it expires: %+v, %v", key, err)
	}
	if _, err := s.Authenticate(t.Context(), deletedToken); err != nil {
		t.Errorf("before the deletion: %v", err)
	}
	if _, err := s.commands.DeleteResource(t.Context(), commands.Call{}, domain.KindKey, deleted.ID.String()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if key, err := s.Authenticate(t.Context(), token); err != nil || key.Name != "ann" || key.Role != domain.Editor {
		t.Errorf("%+v, %v", key, err)
	}
	otherSecret, _ := domain.NewToken(domain.Editor, made.ID, [32]byte{1})
	otherRole, _ := domain.NewToken(domain.Admin, made.ID, [32]byte{1})
	unknown, _ := domain.NewToken(domain.Admin, uuid.New(), [32]byte{1})
	for name, token := range map[string]string{
		"empty": "", "word": "assay_admin", "cut": token[:len(token)-1], "longer": token + "x",
		"another secret": otherSecret, "another role": otherRole, "unknown": unknown,
		"deleted": deletedToken, "expired": brief,
	} {
		if key, err := s.Authenticate(t.Context(), token); !errors.Is(err, domain.ErrNotFound) || key.Name != "" {
			t.Errorf("%s: %+v, %v", name, key, err)
		}
	}
	// What another process has just made is known at once.
	other := stackOn(t, ledger, redistest.Memory(t).URL())
	for i := range 5 {
		_, token := other.key(t, fmt.Sprintf(`{"name":"n%d","role":"client"}`, i))
		if _, err := s.Authenticate(t.Context(), token); err != nil {
			t.Errorf("another process's key: %v", err)
		}
	}
}

// Without Postgres the keys that are known still open; of others it cannot be
// said that there are none. Experiments are read from memory.
func TestQueriesWithoutPostgres(t *testing.T) {
	server := pgtest.Dedicated(t, nil)
	redis := redistest.Memory(t)
	redisURL := redis.URL()
	ledger := ledgertest.Migrate(t, server.URL("postgres", "postgres"))
	s := stackOn(t, ledger, redisURL)
	_, token := s.key(t, `{"name":"ann","role":"editor"}`)
	s.create(t, `{"name":"one"}`)
	s.settle(t)
	server.Kill()
	if _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Errorf("a known key: %v", err)
	}
	unknown, _ := domain.NewToken(domain.Admin, uuid.New(), [32]byte{})
	if _, err := s.Authenticate(t.Context(), unknown); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("an unknown key: %v", err)
	}
	// A process that starts now has Redis alone.
	fresh := stackOn(t, ledger, redisURL)
	within(t, func() error { _, err := fresh.Experiments(t.Context(), ListOptions{}); return err })
	for name, s := range map[string]*stack{"running": s, "fresh": fresh} {
		list, err := s.Experiments(t.Context(), ListOptions{})
		if err != nil || list.Source != FromRedis || len(list.Items) != 1 {
			t.Errorf("%s: list %+v, %v", name, list, err)
		}
		doc, version, position, err := s.Experiment(t.Context(), "one", Moment{})
		if err != nil || version != 1 || position != 2 || string(doc) != string(list.Items[0]) {
			t.Errorf("%s: %s version %d position %d, %v", name, doc, version, position, err)
		}
		if _, _, _, err := s.Experiment(t.Context(), "two", Moment{}); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%s: an unknown key: %v", name, err)
		}
		for what, ask := range map[string]func() error{
			"history": func() error { _, err := s.History(t.Context(), "one", HistoryOptions{}); return err },
			"past":    func() error { _, _, _, err := s.Experiment(t.Context(), "one", Moment{Version: 1}); return err },
			"report":  func() error { _, err := s.DailyReport(t.Context(), domain.DateOf(time.Now())); return err },
			"events":  func() error { _, err := s.Events(t.Context(), EventOptions{}); return err },
		} {
			if err := ask(); !errors.Is(err, domain.ErrUnavailable) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		if h := s.Health(t.Context()); h.Status == Ready || h.Dependencies["postgres"].State != Down || h.Dependencies["redis"].State != Up {
			t.Errorf("%s: health %+v", name, h)
		}
	}
	// Health is for everybody: it names neither hosts nor roles.
	redis.Stop()
	within(t, func() error {
		if d := s.Health(t.Context()).Dependencies["redis"]; d.State != Down {
			return fmt.Errorf("redis is %+v", d)
		}
		return nil
	})
	for name, d := range s.Health(t.Context()).Dependencies {
		if strings.ContainsAny(d.Detail, "/0123456789") || strings.Contains(d.Detail, "postgres") {
			t.Errorf("%s: %s", name, d.Detail)
		}
	}
}
