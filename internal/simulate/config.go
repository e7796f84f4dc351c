package simulate

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/assaylabs/assay/internal/setup"
)

// attemptTimeout bounds one request.
const attemptTimeout = 15 * time.Second

// Config says whose traffic to make, and how it goes over the wire. URLs and
// Token are needed.
type Config struct {
	// URLs are those of servers or edges; requests go to each in turn, commands
	// and the snapshot to the first.
	URLs  []string
	Token string

	// Seed and all that is below make the same people do the same things, as long
	// as the server gives them the same variations.
	Seed  uint64
	Units int // people: 10,000 when 0
	// Days of event time end at Until, which is now when zero; experiments are
	// seen from Warmup days after their beginning.
	Days, Warmup int
	Until        time.Time
	// Live events happen now and go on until a bound is reached.
	Live bool
	// Events bounds how many are made, Duration for how long; 0 does not.
	Events   int64
	Duration time.Duration
	// Rate is how many events a second are made; 0 is as many as are taken.
	Rate float64

	// Experiments are keys of those to show; none makes the simulator's own.
	Experiments []string
	// Effects are the truth by experiment and variation; of the simulator's own
	// experiments, what differs from theirs.
	Effects map[string]map[string]Effect
	// Bots is how many people are programs that load 12,000 pages; Staff how many
	// work for the shop.
	Bots, Staff int

	// Duplicates is the share of events that are delivered twice, Late that which
	// arrives up to 50,000 events after its time, Reorder among how many events
	// all others are shuffled.
	Duplicates, Late float64
	Reorder          int

	Batch    int           // events a request: 100 when 0
	Workers  int           // requests at a time: 8 when 0
	Patience time.Duration // after it a batch is given up: a minute when 0

	// Record gets JSON lines: the truth, every event before it is sent, and what
	// came of each delivery. Nil keeps none.
	Record io.Writer
	// Progress, if any, is told how many events are made, and about how many there
	// will be, -1 where there is no telling.
	Progress func(made, total int64)
	Client   *http.Client // nil is one of the simulator's own
	Log      *slog.Logger // nil is silence
}

func (c *Config) setDefaults() {
	c.Units = cmp.Or(c.Units, 10_000)
	c.Days = cmp.Or(c.Days, 14)
	c.Batch = cmp.Or(c.Batch, 100)
	c.Workers = cmp.Or(c.Workers, 8)
	c.Patience = cmp.Or(c.Patience, time.Minute)
	if c.Until.IsZero() {
		c.Until = time.Now()
	}
	c.Until = c.Until.UTC().Truncate(time.Millisecond)
	if c.Progress == nil {
		c.Progress = func(int64, int64) {}
	}
	if c.Client == nil {
		c.Client = newHTTPClient(c.Workers)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Check names what is wrong as the command line does, or returns nothing.
func (c *Config) Check() error {
	c.setDefaults()
	if len(c.URLs) == 0 {
		return fault("url", "must be given")
	}
	for _, text := range c.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fault("url", "must be like http://127.0.0.1:8080")
		}
	}
	if c.Token == "" {
		return fault("token", "must be given, or be in ASSAY_ROOT_TOKEN")
	}
	for _, whole := range []struct {
		name          string
		is, low, high int
	}{
		{"units", c.Units, 1, 50_000_000},
		{"days", c.Days, 1, 390},
		{"warmup", c.Warmup, 0, c.Days - 1},
		{"bots", c.Bots, 0, c.Units},
		{"staff", c.Staff, 0, c.Units - c.Bots},
		{"reorder", c.Reorder, 0, 1_000_000},
		{"batch", c.Batch, 1, 5_000},
		{"workers", c.Workers, 1, 1_000},
	} {
		if whole.is < whole.low || whole.is > whole.high {
			return fault(whole.name, fmt.Sprintf("must be %d to %d", whole.low, whole.high))
		}
	}
	for name, share := range map[string]float64{"duplicates": c.Duplicates, "late": c.Late} {
		if !(share >= 0 && share <= 1) {
			return fault(name, "must be a share from 0 to 1")
		}
	}
	switch {
	case c.Events < 0 || c.Duration < 0 || c.Patience < 0:
		return fault("events, duration, patience", "must not be negative")
	case !(c.Rate >= 0 && c.Rate <= 10_000_000):
		return fault("rate", "must be 0 to 10000000 events a second")
	case c.Live && c.Rate == 0:
		return fault("rate", "must be given for live traffic")
	}
	return c.checkEffects()
}

func (c *Config) checkEffects() error {
	for key, variations := range c.Effects {
		for variation, e := range variations {
			for _, change := range []float64{e.Conversion, e.Value, e.Return, e.Latency} {
				if !(change >= -1 && change <= 100) {
					return fault("effect", key+"/"+variation+" must change by -100 % to +10000 %")
				}
			}
			if !(e.Lost >= 0 && e.Lost <= 1) || !(e.HalfLifeHours >= 0) {
				return fault("effect", key+"/"+variation+" must lose a share from 0 to 1 and have no negative half life")
			}
		}
	}
	return nil
}

func fault(flag, problem string) error {
	return &setup.ConfigError{Variable: "--" + flag, Problem: problem}
}
