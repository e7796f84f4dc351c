package simulate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assaylabs/assay/internal/setup"
)

// server answers POST /track as its script says, then takes everything.
type server struct {
	*httptest.Server

	mu     sync.Mutex
	bodies []string // mu guards
	script []func(w http.ResponseWriter)
}

func newServer(t *testing.T, script ...func(http.ResponseWriter)) *server {
	t.Helper()
	s := &server{script: script}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

// received is the bodies so far: a request that was cut off may still run.
func (s *server) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, string(body))
	if n := len(s.bodies); n <= len(s.script) {
		s.script[n-1](w)
		return
	}
	var batch struct{ Events []json.RawMessage }
	_ = json.Unmarshal(body, &batch)
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"accepted":%d,"rejected":[]}`, len(batch.Events))
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { http.Error(w, "no", code) }
}

func cut(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func accept(receipt string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, receipt)
	}
}

// delivering is a delivery of two events to servers, and its record.
func delivering(t *testing.T, patience time.Duration, servers ...*server) (*delivery, []*parcel, *bytes.Buffer) {
	t.Helper()
	record := &bytes.Buffer{}
	cfg := &Config{Token: "x", Patience: patience, Record: record}
	for _, s := range servers {
		cfg.URLs = append(cfg.URLs, s.URL)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	d := newDelivery(cfg)
	var batch []*parcel
	for i := range uint64(2) {
		e := event{id: eventID(cfg.Until, i), at: cfg.Until, unit: "u", unitType: unitUser, name: "visit"}
		p := &parcel{id: e.id, encoded: e.encode()}
		if err := d.begin(p); err != nil {
			t.Fatal(err)
		}
		batch = append(batch, p)
	}
	return d, batch, record
}

func TestDelivery(t *testing.T) {
	for _, tt := range []struct {
		name     string
		script   []func(http.ResponseWriter)
		patience time.Duration
		want     Summary
		err      string
	}{
		{name: "taken", want: Summary{Acknowledged: 2, Requests: 1}},
		{
			name: "taken at last", script: []func(http.ResponseWriter){status(429), status(503), cut, status(502)},
			want: Summary{Acknowledged: 2, Requests: 5, Retries: 4},
		},
		{
			name: "one of them rejected", script: []func(http.ResponseWriter){accept(`{"accepted":1,"rejected":[{"index":1,"problem":"at: no"}]}`)},
			want: Summary{Acknowledged: 1, Rejected: 1, Requests: 1},
		},
		{
			name: "given up", script: []func(http.ResponseWriter){cut, cut, cut}, patience: time.Nanosecond,
			want: Summary{Unknown: 2, Requests: 1},
		},
		{name: "not allowed", script: []func(http.ResponseWriter){status(403)}, want: Summary{Unknown: 2, Requests: 1}, err: "answers 403: no"},
		{
			name: "a receipt of something else", script: []func(http.ResponseWriter){accept(`{"accepted":7}`)},
			want: Summary{Unknown: 2, Requests: 1}, err: "answers 2 events with",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, tt.script...)
			d, batch, _ := delivering(t, tt.patience, s)
			err := d.deliver(t.Context(), batch)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			var got Summary
			d.fill(&got)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			bodies := s.received()
			for _, body := range bodies {
				if body != bodies[0] {
					t.Errorf("sent again as %s, was %s", body, bodies[0])
				}
			}
		})
	}
}

func TestTheNextURLMayTakeIt(t *testing.T) {
	down, up := newServer(t, cut), newServer(t)
	d, batch, _ := delivering(t, 0, down, up)
	if err := d.deliver(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if len(down.received()) != 1 || len(up.received()) != 1 {
		t.Errorf("%d and %d requests", len(down.received()), len(up.received()))
	}
}

func TestRecord(t *testing.T) {
	d, batch, record := delivering(t, 0, newServer(t, accept(`{"accepted":1,"rejected":[{"index":0,"problem":"at: no"}]}`)))
	if err := d.record.truth(d.cfg, []Experiment{{Key: "x", Variations: []Variation{{Key: "a", Effect: Effect{Lost: 0.1}}}}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.deliver(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	var lines []Line
	for decoder := json.NewDecoder(record); decoder.More(); {
		var l Line
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 5 || string(lines[0].Event) != string(batch[0].encoded) || lines[2].Truth.Experiments[0].Variations[0].Effect.Lost != 0.1 {
		t.Fatalf("%d lines: %+v", len(lines), lines)
	}
	first, second := lines[3].Delivery, lines[4].Delivery
	if len(first.Rejected) != 1 || first.Rejected[0] != batch[0].id || first.Acknowledged[0] != batch[1].id || first.Problems[0].Problem != "at: no" {
		t.Errorf("%+v", first)
	}
	if len(second.Acknowledged) != 2 {
		t.Errorf("%+v", second)
	}
	var got Summary
	if d.fill(&got); got.Acknowledged != 1 || got.Rejected != 1 || got.Unknown != 0 {
		t.Errorf("%+v", got) // the first answer decides
	}
}

func TestConfigCheck(t *testing.T) {
	good := func() Config { return Config{URLs: []string{"http://x"}, Token: "t"} }
	for _, tt := range []struct {
		name  string
		spoil func(*Config)
		want  string
	}{
		{"no URL", func(c *Config) { c.URLs = nil }, "--url"},
		{"a URL of nothing", func(c *Config) { c.URLs[0] = "localhost" }, "--url"},
		{"no token", func(c *Config) { c.Token = "" }, "--token"},
		{"negative units", func(c *Config) { c.Units = -1 }, "--units"},
		{"a warm-up without end", func(c *Config) { c.Warmup = 14 }, "--warmup"},
		{"more staff than people", func(c *Config) { c.Units, c.Bots, c.Staff = 10, 5, 6 }, "--staff"},
		{"no share", func(c *Config) { c.Late = 1.5 }, "--late"},
		{"live without a rate", func(c *Config) { c.Live = true }, "--rate"},
		{"an impossible effect", func(c *Config) { c.Effects = map[string]map[string]Effect{"x": {"y": {Return: -2}}} }, "--effect"},
		{"an impossible loss", func(c *Config) { c.Effects = map[string]map[string]Effect{"x": {"y": {Lost: 2}}} }, "--effect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			if err := c.Check(); err != nil {
				t.Fatalf("before it was spoilt: %v", err)
			}
			tt.spoil(&c)
			var fault *setup.ConfigError
			if err := c.Check(); !errors.As(err, &fault) || !strings.Contains(fault.Variable, tt.want) {
				t.Errorf("got %v, want a fault of %s", err, tt.want)
			}
		})
	}
}
