package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// staffSegment holds the people who work for the shop.
const staffSegment = "sim-staff"

// metrics are what the simulator's own experiments are judged by; between them
// they have every kind.
func metrics() []string {
	return []string{
		`{"key":"sim-purchase-rate","name":"Purchase rate","kind":"conversion","event":"purchase","window_hours":72}`,
		`{"key":"sim-revenue","name":"Revenue per user","kind":"sum","event":"purchase","cap":500,"cuped":true,"lookback_days":4}`,
		`{"key":"sim-visits","name":"Visits per user","kind":"count","event":"visit"}`,
		`{"key":"sim-order-value","name":"Value of an order","kind":"mean","event":"purchase"}`,
		`{"key":"sim-revenue-per-visit","name":"Revenue per visit","kind":"ratio","event":"purchase","denominator":"visit","cuped":true,"lookback_days":4}`,
		`{"key":"sim-retention","name":"Came back","kind":"retention","event":"visit","window_hours":168}`,
		`{"key":"sim-load-time","name":"Load time, 90th percentile","kind":"quantile","quantile":0.9,"event":"page_load","goal":"decrease"}`,
	}
}

// shop is the simulator's own experiments with the truth about them.
func shop() []own {
	const measured = `"metrics":[{"metric":"sim-purchase-rate","role":"primary"},{"metric":"sim-revenue","role":"secondary"},
		{"metric":"sim-order-value","role":"secondary"},{"metric":"sim-revenue-per-visit","role":"secondary"},
		{"metric":"sim-retention","role":"secondary"},{"metric":"sim-visits","role":"secondary"},{"metric":"sim-load-time","role":"guardrail"}]`
	return []own{
		{
			key: "sim-checkout", body: `"name":"Simulated checkout","hypothesis":"Buys 20 % more often",` + measured,
			truth: map[string]Effect{"treatment": {Conversion: 0.2}},
		},
		{key: "sim-same", body: `"name":"Simulated A/A","hypothesis":"Nothing differs",` + measured},
		{
			key: "sim-ranking", body: `"name":"Simulated ranking","hypothesis":"What is found is worth more, but slow; and novelty fades",
				"variations":[{"key":"control","weight":2},{"key":"vector","weight":1},{"key":"hybrid","weight":1}],` + measured,
			truth: map[string]Effect{"vector": {Value: 0.25, HalfLifeHours: 72}, "hybrid": {Value: 0.1, Latency: 0.15}},
		},
		{
			key: "sim-lossy", body: `"name":"Simulated loss","hypothesis":"One exposure in five of the treatment gets lost",` + measured,
			truth: map[string]Effect{"treatment": {Lost: 0.2}},
		},
		{
			key: "sim-device", body: `"name":"Simulated devices","unit_type":"device_id","hypothesis":"Devices come back more often",` + measured,
			truth: map[string]Effect{"treatment": {Return: 0.15}},
		},
	}
}

// own is one of the simulator's experiments.
type own struct {
	key, body string
	truth     map[string]Effect
}

// api speaks to the control plane.
type api struct {
	url, token string
	http       *http.Client
	position   int64 // of the last command
}

// prepare makes what is missing, and returns the experiments and the position
// from which on they are as they should be.
func (a *api) prepare(ctx context.Context, cfg *Config) ([]Experiment, int64, error) {
	truth, keys := map[string]map[string]Effect{}, cfg.Experiments
	if len(keys) == 0 {
		if err := a.open(ctx, cfg); err != nil {
			return nil, 0, err
		}
		for _, o := range shop() {
			keys, truth[o.key] = append(keys, o.key), o.truth
		}
	}
	var all []Experiment
	for _, key := range keys {
		e, err := a.experiment(ctx, key)
		if err != nil {
			return nil, 0, err
		}
		for i := range e.Variations {
			v := &e.Variations[i]
			v.Effect = truth[key][v.Key]
			if other, ok := cfg.Effects[key][v.Key]; ok {
				v.Effect = other
			}
		}
		all = append(all, e)
	}
	return all, a.position, known(cfg.Effects, all)
}

// known refuses effects of what is not there.
func known(effects map[string]map[string]Effect, all []Experiment) error {
	there := map[string]bool{}
	for _, e := range all {
		for _, v := range e.Variations {
			there[e.Key+"/"+v.Key] = true
		}
	}
	for key, variations := range effects {
		for variation := range maps.Keys(variations) {
			if !there[key+"/"+variation] {
				return fault("effect", key+"/"+variation+" is no variation of an experiment that is shown")
			}
		}
	}
	return nil
}

// open makes the simulator's own metrics, segment and experiments, and switches
// these on. What is there already stays as it is.
func (a *api) open(ctx context.Context, cfg *Config) error {
	analysis := `"analysis":{"dimensions":["country","device"]`
	if cfg.Staff > 0 {
		if err := a.create(ctx, "/segments", staffBody(cfg)); err != nil {
			return err
		}
		analysis += `,"exclude":["` + staffSegment + `"]`
	}
	for _, body := range metrics() {
		if err := a.create(ctx, "/metric-definitions", body); err != nil {
			return err
		}
	}
	for _, o := range shop() {
		body := fmt.Sprintf(`{"key":%q,"owner":"simulate","tags":["simulated"],%s,%s}}`, o.key, o.body, analysis)
		if err := a.create(ctx, "/experiments", body); err != nil {
			return err
		}
		if _, err := a.call(ctx, http.MethodPatch, "/experiments/"+o.key+"/status", `{"status":"active","reason":"simulation"}`); err != nil {
			return err
		}
	}
	return nil
}

func staffBody(cfg *Config) string {
	var ids strings.Builder
	for i := range cfg.Staff {
		if i > 0 {
			ids.WriteByte(',')
		}
		fmt.Fprintf(&ids, `"staff-%d"`, cfg.Bots+i)
	}
	return fmt.Sprintf(`{"key":%q,"name":"Simulated staff","ids":[%s]}`, staffSegment, ids.String())
}

func (a *api) create(ctx context.Context, path, body string) error {
	_, err := a.call(ctx, http.MethodPost, path, body)
	if refused := (*refusal)(nil); errors.As(err, &refused) && refused.status == http.StatusConflict {
		return nil
	}
	return err
}

// experiment reads one.
func (a *api) experiment(ctx context.Context, key string) (Experiment, error) {
	answer, err := a.call(ctx, http.MethodGet, "/experiments/"+url.PathEscape(key), "")
	if err != nil {
		return Experiment{}, fmt.Errorf("experiment %s: %w", key, err)
	}
	var e Experiment
	if err := json.Unmarshal(answer, &e); err != nil {
		return e, fmt.Errorf("experiment %s: %w", key, err)
	}
	return e, nil
}

// refusal is an answer that is no success.
type refusal struct {
	what   string
	status int
	answer []byte
}

func (r *refusal) Error() string { return fmt.Sprintf("%s: %d %.500s", r.what, r.status, r.answer) }

func (a *api) call(ctx context.Context, method, path, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.url, "/")+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := a.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		return nil, &refusal{method + " " + path, res.StatusCode, bytes.TrimSpace(answer)}
	}
	if position, err := strconv.ParseInt(res.Header.Get("Assay-Position"), 10, 64); err == nil && method != http.MethodGet {
		a.position = max(a.position, position)
	}
	return answer, nil
}
