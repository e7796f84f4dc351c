package trackfault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/internal/simulate"
	"github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

// sumNames are the model's words for the places of tally's sums.
func sumNames() []string {
	return []string{
		"Num", "NumNum", "Den", "DenDen", "NumDen", "Pre", "PrePre", "NumPre", "PreDen", "PreDenPreDen",
		"PrePreDen", "DenPreDen", "NumPreDen", "DenPre",
	}
}

// traffic is what a record tells: all events, and which a server has
// acknowledged.
type traffic struct {
	events       []*event
	acknowledged map[string]bool
}

func readRecord(t testing.TB, text []byte) *traffic {
	t.Helper()
	tr := &traffic{acknowledged: map[string]bool{}}
	for line := range strings.Lines(string(text)) {
		var l simulate.Line
		decode(t, []byte(line), &l)
		switch {
		case l.Event != nil:
			e := &event{}
			decode(t, l.Event, e)
			tr.events = append(tr.events, e)
		case l.Delivery != nil:
			for _, id := range l.Delivery.Acknowledged {
				tr.acknowledged[id.String()] = true
			}
			if len(l.Delivery.Rejected) > 0 {
				t.Errorf("rejected: %v", l.Delivery.Problems)
			}
		}
	}
	return tr
}

// stored settles which events are stored: all that were acknowledged must be,
// none that was not sent may be, each once.
func (s *stage) stored(t testing.TB, tr *traffic) []*event {
	t.Helper()
	ids, err := s.query(t.Context(), "select id::text from tracked_ids")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, id := range ids {
		there[id] = true
	}
	var all []*event
	unknown, rows := 0, 0
	for _, e := range tr.events {
		switch {
		case there[e.ID]:
			if !tr.acknowledged[e.ID] {
				unknown++
			}
			rows += 1 + len(e.Units)
			all = append(all, e)
		case tr.acknowledged[e.ID]:
			t.Errorf("%s of %s was acknowledged and is lost", e.ID, e.Unit)
		}
	}
	if len(all) != len(ids) {
		t.Errorf("%d ids are stored, %d of them were sent", len(ids), len(all))
	}
	counts, err := s.query(t.Context(), "select count(*)::text from tracked union all select count(*)::text from (select distinct id, unit_type from tracked) x")
	if err != nil || len(counts) == 0 {
		t.Fatal(counts, err)
	}
	for _, n := range counts {
		if n != fmt.Sprint(rows) {
			t.Errorf("%v rows are stored, want %d", counts, rows)
		}
	}
	t.Logf("%d events sent, %d acknowledged, %d stored, %d of these without an answer", len(tr.events), len(tr.acknowledged), len(all), unknown)
	return all
}

// check holds the sums of all phases of the experiments against the model's.
func (s *stage) check(t testing.TB, keys []string, tr *traffic, staff []string) {
	t.Helper()
	p := newPast(t, s.history(t))
	stored := s.stored(t, tr)
	happened := map[string]map[string][]*event{}
	for _, e := range stored {
		if e.Type != "event" {
			continue
		}
		of := map[string]string{e.unitType(): e.Unit}
		maps.Copy(of, e.Units)
		for unitType, unit := range of {
			if happened[unitType] == nil {
				happened[unitType] = map[string][]*event{}
			}
			happened[unitType][unit] = append(happened[unitType][unit], e)
		}
	}
	seen := map[string]int{}
	for _, key := range keys {
		for phase := 1; phase <= p.now(key).Phase; phase++ {
			r := s.recount(t, p, key, phase)
			got, err := fold.Read(t.Context(), s.pool, uuid.MustParse(r.ID), phase)
			if err != nil {
				t.Fatal(err)
			}
			r.leaveOut(p, staff, got.Position)
			r.all(p, stored, happened)
			r.compare(t, got)
			for cell, sum := range r.cells {
				if metric, _, _ := strings.Cut(cell, "|"); sum.n != 0 {
					seen[metric] += int(sum.n)
				}
			}
		}
	}
	t.Logf("compared: %v", seen)
	for _, metric := range []string{"", "!crossovers", "!excluded", "!bots", "!disagreements", "!overridden"} {
		if seen[metric] == 0 {
			t.Errorf("the traffic had no %q", metric)
		}
	}
}

// recount is how the model counts a phase: by the experiment as it was left
// there, and by metrics as they are.
func (s *stage) recount(t testing.TB, p *past, key string, phase int) *recount {
	t.Helper()
	r := &recount{cells: cells{}, excluded: map[string]bool{}}
	for _, stood := range p.stood[p.streams[key]] {
		if stood.Phase == phase {
			r.settings = stood.settings
		}
	}
	for _, use := range r.Metrics {
		var m metric
		decode(t, must(t, s.servers[0], http.MethodGet, "/metric-definitions/"+use.Metric, ""), &m)
		r.metrics = append(r.metrics, m)
	}
	return r
}

// leaveOut takes the members of the one segment from the ledger, as it was when
// the plan was made: for members alone no new one is made at once.
func (r *recount) leaveOut(p *past, staff []string, position int64) {
	if len(r.Analysis.Exclude) == 0 {
		return
	}
	for _, id := range staff {
		r.excluded[id] = true
	}
	for _, record := range p.records[:position] {
		if record.Type == "segment.members_changed" && bytes.Contains(record.Data, []byte(lateMember)) {
			r.excluded[lateMember] = true
		}
	}
}

// all counts all units.
func (r *recount) all(p *past, stored []*event, happened map[string]map[string][]*event) {
	units := map[string]*unit{}
	for _, e := range stored {
		if e.Experiment != r.Key {
			continue
		}
		ruling, then := p.judge(e)
		if ruling == unknown || then.Phase != r.Phase {
			continue
		}
		if ruling != agrees {
			name := map[verdict]string{disagrees: "!disagreements", overridden: "!overridden"}[ruling]
			r.cells.at(cellKey(name, r.place(e.Variation), 0, "", "", e.At.UTC())).n++
			continue
		}
		if units[e.Unit] == nil {
			units[e.Unit] = &unit{events: happened[r.UnitType][e.Unit]}
		}
		units[e.Unit].exposures = append(units[e.Unit].exposures, exposure{e, then})
	}
	for id, u := range units {
		r.count(id, u)
	}
}

// compare holds what the servers have counted against the model.
func (r *recount) compare(t testing.TB, got fold.Reading) {
	t.Helper()
	read := map[string]string{}
	for key, cell := range got.Cells {
		if text := counted(cell).String(); text != "" {
			read[cellKey(key.Metric, key.Variation, key.Epoch, key.Dimension, key.Value, key.Day)] = text
		}
	}
	wrong := 0
	tell := func(key, got, want string) {
		if wrong++; wrong <= 5 {
			t.Errorf("%s phase %d, %s:\n got %s\nwant %s", r.Key, r.Phase, key, got, want)
		}
	}
	for key, sum := range r.cells {
		if want := sum.String(); want != read[key] {
			tell(key, read[key], want)
		}
		delete(read, key)
	}
	for key, text := range read {
		tell(key, text, "")
	}
	if wrong > 0 {
		t.Errorf("%s phase %d: %d of %d cells are wrong", r.Key, r.Phase, wrong, len(r.cells))
	}
}

// counted is a cell in the model's words.
func counted(c tally.Cell) *sums {
	s := &sums{n: c.N, of: map[string]*big.Int{}, buckets: map[int][3]int64{}}
	for i, name := range sumNames() {
		if c.Sums[i] != nil {
			s.of[name] = c.Sums[i]
		}
	}
	for n, b := range c.Sketch {
		s.buckets[int(n)] = [3]int64{b.Events, b.Squares, b.Products}
	}
	return s
}

// String tells all that is not 0.
func (s *sums) String() string {
	var parts []string
	if s.n != 0 {
		parts = append(parts, fmt.Sprint("n ", s.n))
	}
	for _, name := range slices.Sorted(maps.Keys(s.of)) {
		if s.of[name].Sign() != 0 {
			parts = append(parts, name+" "+s.of[name].String())
		}
	}
	for _, n := range slices.Sorted(maps.Keys(s.buckets)) {
		if s.buckets[n] != [3]int64{} {
			parts = append(parts, fmt.Sprint(n, " ", s.buckets[n]))
		}
	}
	return strings.Join(parts, ", ")
}

// settles waits until all that is stored is counted, by plans that hold what the
// experiments ask for now.
func (s *stage) settles(t testing.TB) time.Duration {
	t.Helper()
	return programs.Eventually(t, func() error {
		var behind, building int64
		err := s.pool.QueryRow(t.Context(), `select (select batch from track_head) - (select batch from track_rounds where state = 'serving'),
			(select count(*) from track_plans where state = 'building')`).Scan(&behind, &building)
		if err == nil && (behind > 0 || building > 0) {
			err = fmt.Errorf("%d batches are not counted, %d plans not built", behind, building)
		}
		return err
	})
}

// plans waits until a metric is counted in each of the experiments' last phases.
func (s *stage) plans(t testing.TB, p *past, metric string, keys ...string) {
	t.Helper()
	for _, key := range keys {
		now := p.now(key)
		programs.Eventually(t, func() error {
			r, err := fold.Read(context.WithoutCancel(t.Context()), s.pool, uuid.MustParse(now.ID), now.Phase)
			if err == nil && !slices.ContainsFunc(r.Plan.Metrics, func(m tally.Metric) bool { return m.Key == metric }) {
				doc, _ := json.Marshal(r.Plan)
				err = fmt.Errorf("%s is counted by %s", key, doc)
			}
			return err
		})
	}
}
