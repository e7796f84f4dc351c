package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/simulate"
)

type simulateOptions struct {
	cfg                      simulate.Config
	effects                  []string
	values, returns, latency []string
	novelty, losses          []string
	until, record            string
	asJSON                   bool
}

func (p *program) simulate() *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use: "simulate", Short: "Drive a server with made-up traffic whose truth is known", Args: cobra.NoArgs,
		Long: `Plays the people of a shop against running servers, over HTTP. They come by day
and by week, on phones and desktops, some without an account at first; they see
experiments as the Go SDK evaluates them, load pages (page_load, with
milliseconds as its value), fill carts (add_to_cart) and buy (purchase, with its
price). Each visit is an event of its own (visit). Experiments change what they
do by effects that you know, so that you can judge what results say.

Without --experiment it makes experiments, metrics and a segment of its own, all
called sim-…: one that sells more, one that does nothing, one of three variations
whose novelty fades, one that loses exposures, and one of devices. The token then
needs the role editor, else that of a server.

The same seed, --until and variations give the same events with the same ids: a
run that is repeated counts once. What the servers do not take (429, 503, no
answer) is sent again, to the next of them, for as long as --patience.

--record writes JSON lines: {"truth":…}, then {"event":…} for each before it is
sent, and {"delivery":…} with the ids that a server has acknowledged, rejected,
or left unknown.`,
		Example: `  assay simulate --token dev
  assay simulate --units 100000 --days 28 --duplicates 0.05 --late 0.02 --reorder 500 --record run.jsonl --json
  assay simulate --experiment new-checkout --effect new-checkout/treatment=+10% --lose new-checkout/treatment=5%
  assay simulate --live --rate 50 --duration 10m --url http://10.0.0.1:8080 --url http://10.0.0.2:8080`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runSimulate(cmd, &o) },
	}
	f, c := cmd.Flags(), &o.cfg
	f.StringSliceVar(&c.URLs, "url", []string{"http://" + control.DefaultListenAddr}, "base URL of a server or edge; repeat it for more")
	f.StringVar(&c.Token, "token", "", "bearer token (default $ASSAY_ROOT_TOKEN)")
	f.Uint64Var(&c.Seed, "seed", 1, "what everything follows from")
	f.IntVar(&c.Units, "units", 10_000, "how many people")
	f.IntVar(&c.Days, "days", 14, "how many days their events are spread over")
	f.IntVar(&c.Warmup, "warmup", 4, "of these, the days before the experiments are seen")
	f.StringVar(&o.until, "until", "", "the end of these days, RFC 3339 (default now)")
	f.BoolVar(&c.Live, "live", false, "events happen now, without end: needs --rate")
	f.Int64Var(&c.Events, "events", 0, "stop after so many events")
	f.DurationVar(&c.Duration, "duration", 0, "stop after so long")
	f.Float64Var(&c.Rate, "rate", 0, "events a second (default as fast as they are taken)")
	f.StringSliceVar(&c.Experiments, "experiment", nil, "key of an experiment that is there; repeat it for more")
	f.StringSliceVar(&o.effects, "effect", nil, "KEY/VARIATION=CHANGE of the chance to buy: +10% or 0.1")
	f.StringSliceVar(&o.values, "value-effect", nil, "the same of the value of a purchase")
	f.StringSliceVar(&o.returns, "return-effect", nil, "the same of the chance to come back")
	f.StringSliceVar(&o.latency, "latency-effect", nil, "the same of the time to load a page")
	f.StringSliceVar(&o.novelty, "novelty", nil, "KEY/VARIATION=HOURS in which its effects halve")
	f.StringSliceVar(&o.losses, "lose", nil, "KEY/VARIATION=SHARE of units whose exposures get lost")
	f.IntVar(&c.Bots, "bots", 0, "how many of the people are programs with 12,000 page loads")
	f.IntVar(&c.Staff, "staff", 0, "how many of the people work for the shop, and are left out by a segment")
	f.Float64Var(&c.Duplicates, "duplicates", 0, "share of events that are delivered twice")
	f.Float64Var(&c.Late, "late", 0, "share of events that arrive up to 50,000 events late")
	f.IntVar(&c.Reorder, "reorder", 0, "shuffle among so many events")
	f.IntVar(&c.Batch, "batch", 100, "events a request")
	f.IntVar(&c.Workers, "workers", 8, "requests at a time")
	f.DurationVar(&c.Patience, "patience", time.Minute, "for how long a request is sent again before it is given up")
	f.StringVar(&o.record, "record", "", "file for the record")
	jsonFlag(cmd, &o.asJSON)
	return cmd
}

func (p *program) runSimulate(cmd *cobra.Command, o *simulateOptions) (err error) {
	cfg := &o.cfg
	cfg.Token = cmp.Or(cfg.Token, p.getenv("ASSAY_ROOT_TOKEN"))
	if cfg.Effects, err = o.truth(); err != nil {
		return err
	}
	if o.until != "" {
		if cfg.Until, err = time.Parse(time.RFC3339, o.until); err != nil {
			return &control.ConfigError{Variable: "--until", Problem: "must be a time like 2026-01-31T00:00:00Z"}
		}
	}
	if err := cfg.Check(); err != nil {
		return err
	}
	if o.record != "" {
		file, err := os.Create(o.record)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(file, 1<<20)
		cfg.Record = w
		defer func() { err = errors.Join(err, w.Flush(), file.Close()) }()
	}
	report, end := p.progress("simulate")
	cfg.Progress = report
	summary, err := simulate.Run(cmd.Context(), *cfg)
	end()
	if cmd.Context().Err() != nil {
		err = errors.New("interrupted: what was under way may have been stored")
		if cfg.Live {
			err = nil // there is no other end
		}
	}
	if summary == nil {
		return err
	}
	if o.asJSON {
		return errors.Join(err, p.printJSON(summary))
	}
	return errors.Join(err, p.printSummary(summary))
}

// truth reads what the flags say of effects.
func (o *simulateOptions) truth() (map[string]map[string]simulate.Effect, error) {
	all := map[string]map[string]simulate.Effect{}
	for _, flag := range []struct {
		name  string
		texts []string
		set   func(*simulate.Effect, float64)
	}{
		{"effect", o.effects, func(e *simulate.Effect, x float64) { e.Conversion = x }},
		{"value-effect", o.values, func(e *simulate.Effect, x float64) { e.Value = x }},
		{"return-effect", o.returns, func(e *simulate.Effect, x float64) { e.Return = x }},
		{"latency-effect", o.latency, func(e *simulate.Effect, x float64) { e.Latency = x }},
		{"novelty", o.novelty, func(e *simulate.Effect, x float64) { e.HalfLifeHours = x }},
		{"lose", o.losses, func(e *simulate.Effect, x float64) { e.Lost = x }},
	} {
		for _, text := range flag.texts {
			where, change, _ := strings.Cut(text, "=")
			key, variation, ok := strings.Cut(where, "/")
			number, percent := strings.CutSuffix(change, "%")
			x, err := strconv.ParseFloat(number, 64)
			if !ok || err != nil {
				return nil, &control.ConfigError{Variable: "--" + flag.name, Problem: "must be like new-checkout/treatment=10%"}
			}
			if percent {
				x /= 100
			}
			if all[key] == nil {
				all[key] = map[string]simulate.Effect{}
			}
			e := all[key][variation]
			flag.set(&e, x)
			all[key][variation] = e
		}
	}
	return all, nil
}

func (p *program) printSummary(s *simulate.Summary) error {
	fmt.Fprintf(p.stdout, "%d people made %d events (%d exposures, %d of them lost) in %.1f s\n", s.Units, s.Events, s.Exposures, s.Lost, s.Seconds)
	fmt.Fprintf(p.stdout, "%d acknowledged, %d rejected, %d unknown; %d delivered twice; %d requests, %d of them again\n",
		s.Acknowledged, s.Rejected, s.Unknown, s.Duplicates, s.Requests, s.Retries)
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "experiment\tvariation\tunits\ttruth")
	for _, e := range s.Experiments {
		for _, v := range e.Variations {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", e.Key, v.Key, v.Units, v.Effect)
		}
	}
	return w.Flush()
}
