package queries

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/stats"
	"github.com/assaylabs/assay/tracking/tally"
)

// phaseOf is an active experiment with its metrics, as the ledger would tell.
func phaseOf(rule domain.Analysis, metrics ...tally.Metric) *ruling {
	e := &domain.Experiment{
		Header: domain.Header{ID: uuid.MustParse("01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10"), Key: "x", Version: 2, Position: 9},
		Status: domain.Active, Phase: 1,
		Settings: domain.Settings{Name: "X", Analysis: rule},
		Split:    []domain.SplitRange{{Variation: "control", From: 0, To: 500_000}, {Variation: "treatment", From: 500_000, To: 1_000_000}},
	}
	u := &ruling{
		story: &story{last: e, rule: e, fixed: &FixedAt{Position: 9, Version: 2}, epochs: [][]domain.SplitRange{e.Split}},
		phase: 1, position: 9, metrics: map[string]domain.Metric{}, since: []string{},
		plan: tally.Plan{Experiment: e.ID, Phase: 1, Variations: []string{"control", "treatment"}, Metrics: metrics, Dimensions: rule.Dimensions},
	}
	for i, m := range metrics {
		role := "primary"
		if i > 0 {
			role = "guardrail"
		}
		e.Metrics = append(e.Metrics, domain.MetricUse{Metric: m.Key, Role: role})
		u.metrics[m.Key] = domain.Metric{Name: strings.ToUpper(m.Key), MetricKind: m.Kind, Goal: "increase"}
	}
	return u
}

// cells are made by hand, a unit at a time.
type cells map[tally.CellKey]tally.Cell

func (c cells) add(key tally.CellKey, n int64, places map[int]float64) {
	cell := c[key]
	cell.N += n
	for place, x := range places {
		scale := 1e6
		switch place {
		case tally.NumNum, tally.DenDen, tally.NumDen, tally.PrePre, tally.NumPre:
			scale = 1e12
		}
		if cell.Sums[place] == nil {
			cell.Sums[place] = new(big.Int)
		}
		cell.Sums[place].Add(cell.Sums[place], big.NewInt(int64(math.Round(x*scale))))
	}
	c[key] = cell
}

func day(n int) time.Time { return time.Date(2026, 3, 1+n, 0, 0, 0, 0, time.UTC) }

// visitors come for some days, half to each variation, and convert at a rate.
func visitors(metric string, days, perDay int, control, treatment float64) cells {
	c := cells{}
	for d := range days {
		for v, rate := range []float64{control, treatment} {
			converted := math.Round(float64(perDay) * rate)
			c.add(tally.CellKey{Variation: v, Day: day(d)}, int64(perDay), nil)
			c.add(tally.CellKey{Metric: metric, Variation: v, Day: day(d)}, int64(perDay), map[int]float64{tally.Num: converted, tally.NumNum: converted})
			country := []string{"DE", "US"}[d%2]
			c.add(tally.CellKey{Variation: v, Dimension: "country", Value: country}, int64(perDay), nil)
			c.add(tally.CellKey{Metric: metric, Variation: v, Dimension: "country", Value: country}, int64(perDay), map[int]float64{tally.Num: converted, tally.NumNum: converted})
		}
	}
	return c
}

func judged(t testing.TB, u *ruling, c cells, o ResultsOptions) *Results {
	t.Helper()
	r := newResults(nil, &postgres{}, nil)
	doc, err := r.judge(u, &counted{counts: countAll(u.plan, maps.Clone(c)), plan: u.plan, batch: 7}, Pair{9, 7}, o)
	if err != nil {
		t.Fatal(err)
	}
	made, err := seal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(made.Body), "NaN") || strings.Contains(string(made.Body), "Inf") {
		t.Errorf("no JSON: %s", made.Body)
	}
	return doc
}

func analysis(method string, rule domain.Rule) domain.Analysis {
	return domain.Analysis{Method: method, Alpha: 0.05, Correction: "holm", Rule: rule, Dimensions: []string{"country"}}
}

func conversion(key string) tally.Metric {
	return tally.Metric{Key: key, Kind: "conversion", Event: key}
}

func TestVerdictsFollowTheRule(t *testing.T) {
	rule := domain.Rule{MDE: 0.05}
	for _, tt := range []struct {
		name, method string
		rule         domain.Rule
		cells        cells
		code, text   string
	}{
		{"nothing came", "sequential", rule, cells{}, "not_enough_data", "not enough data yet"},
		{"a clear gain", "sequential", rule, visitors("buys", 14, 1000, 0.10, 0.14), "ship_treatment", "ship treatment"},
		{"a clear loss", "sequential", rule, visitors("buys", 14, 1000, 0.14, 0.10), "keep_control", "keep control: it does better"},
		{"too early", "sequential", domain.Rule{MinDays: 21}, visitors("buys", 14, 1000, 0.10, 0.14), "not_enough_data", "not enough data yet: 8 days left"},
		{"not yet", "fixed", rule, visitors("buys", 14, 500, 0.10, 0.101), "not_enough_data", "not enough data yet: "},
		{"nothing to have", "fixed", rule, visitors("buys", 14, 100_000, 0.10, 0.10), "no_difference", "no difference worth having: keep control"},
		{"bayesian gain", "bayesian", rule, visitors("buys", 14, 1000, 0.10, 0.14), "ship_treatment", "ship treatment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := judged(t, phaseOf(analysis(tt.method, tt.rule), conversion("buys")), tt.cells, ResultsOptions{})
			if doc.Verdict.Code != tt.code || !strings.HasPrefix(doc.Verdict.Text, tt.text) {
				t.Errorf("verdict %+v, want %s: %s", doc.Verdict, tt.code, tt.text)
			}
		})
	}
}

func TestABrokenSplitIsTheVerdict(t *testing.T) {
	c := visitors("buys", 14, 1000, 0.10, 0.14)
	c.add(tally.CellKey{Variation: 1, Day: day(3)}, 2000, nil)
	doc := judged(t, phaseOf(analysis("sequential", domain.Rule{}), conversion("buys")), c, ResultsOptions{})
	if doc.Verdict.Code != "traffic_broken" || !strings.HasPrefix(doc.Verdict.Text, "traffic is broken: SRM") || doc.SRM.Verdict != "mismatch" {
		t.Errorf("verdict %+v of %+v", doc.Verdict, doc.SRM)
	}
	e := doc.SRM.Epochs[0]
	if e.Variations[0].Observed != 14_000 || e.Variations[1].Observed != 16_000 || e.Variations[0].Expected != 15_000 || e.DF != 1 || *e.PValue > 1e-20 {
		t.Errorf("epoch %+v", e)
	}
	c = visitors("buys", 1, 1000, 0.1, 0.1)
	c.add(tally.CellKey{Variation: 1, Epoch: 1, Day: day(0)}, 3, nil)
	u := phaseOf(analysis("sequential", domain.Rule{}), conversion("buys"))
	u.epochs = append(u.epochs, []domain.SplitRange{{Variation: "control", From: 0, To: domain.Slots}})
	if doc := judged(t, u, c, ResultsOptions{}); doc.SRM.Verdict != "leak" || doc.Verdict.Code != "traffic_broken" {
		t.Errorf("units of a variation without a share: %+v, %+v", doc.SRM, doc.Verdict)
	}
}

func TestAGuardrailForbids(t *testing.T) {
	c := visitors("buys", 14, 1000, 0.10, 0.14)
	for key, cell := range visitors("stays", 14, 1000, 0.5, 0.3) {
		c[key] = cell
	}
	doc := judged(t, phaseOf(analysis("sequential", domain.Rule{}), conversion("buys"), conversion("stays")), c, ResultsOptions{})
	if doc.Verdict.Code != "guardrail_failed" || doc.Verdict.Text != "keep control: guardrail stays fails" || doc.Verdict.Metric != "stays" {
		t.Errorf("verdict %+v", doc.Verdict)
	}
	if guardrail := doc.Metrics[1]; guardrail.Role != "guardrail" || guardrail.Variations[1].PAdjusted != nil {
		t.Errorf("guardrail %+v", guardrail)
	}
}

// ramp is a phase in which the base rate doubles when the split goes from 9:1 to
// 1:1: nobody does anything for it.
func ramp() (*ruling, cells) {
	u := phaseOf(analysis("fixed", domain.Rule{}), conversion("buys"))
	u.epochs = [][]domain.SplitRange{
		{{Variation: "control", From: 0, To: 900_000}, {Variation: "treatment", From: 900_000, To: domain.Slots}}, u.epochs[0],
	}
	c := cells{}
	for d := range 14 {
		epoch := d / 7
		rate, units := []float64{0.1, 0.2}[epoch], [][]int64{{900, 100}, {500, 500}}[epoch]
		for v, n := range units {
			converted := map[int]float64{tally.Num: float64(n) * rate, tally.NumNum: float64(n) * rate}
			c.add(tally.CellKey{Variation: v, Epoch: epoch, Day: day(d)}, n, nil)
			c.add(tally.CellKey{Metric: "buys", Variation: v, Epoch: epoch, Day: day(d)}, n, converted)
			c.add(tally.CellKey{Variation: v, Epoch: epoch, Dimension: "country", Value: "DE"}, n, nil)
			c.add(tally.CellKey{Metric: "buys", Variation: v, Epoch: epoch, Dimension: "country", Value: "DE"}, n, converted)
		}
	}
	return u, c
}

// Simpson's paradox: of the treatment more came late, when all bought more.
func TestAChangeOfWeightsIsNoEffect(t *testing.T) {
	u, c := ramp()
	doc := judged(t, u, c, ResultsOptions{Dimension: "country"})
	buys := doc.Metrics[0]
	for where, got := range map[string][]VariationResult{"all": buys.Variations, "DE": doc.Breakdown.Values[0].Metrics[0].Variations} {
		control, treatment := got[0], got[1]
		if treatment.Significant || *treatment.Effect != 0 || *treatment.Lift != 0 || *control.Mean != *treatment.Mean {
			t.Errorf("%s: effect %v, significant %v, means %v and %v", where, *treatment.Effect, treatment.Significant, *control.Mean, *treatment.Mean)
		}
		if control.Units != 7*1400 || treatment.Units != 7*600 {
			t.Errorf("%s: %d and %d units", where, control.Units, treatment.Units)
		}
	}
	for _, at := range buys.Series {
		if v := at.Variations[1]; *v.Lift != 0 || *v.Mean != *at.Variations[0].Mean {
			t.Errorf("%v: lift %v", at.Date, *v.Lift)
		}
	}
	if end := buys.Series[13].Variations[1]; *end.Mean != *buys.Variations[1].Mean || *end.LiftCI[0] != *buys.Variations[1].LiftCI[0] {
		t.Errorf("the last day has %+v, the whole %+v", end, buys.Variations[1])
	}
	if doc.Verdict.Code == "ship_treatment" || doc.SRM.Verdict != "ok" {
		t.Errorf("verdict %+v, split %+v", doc.Verdict, doc.SRM)
	}
}

// What came before the treatment had a share compares nothing, and says so.
func TestAnEpochOfOneVariationIsLeftOut(t *testing.T) {
	u, c := ramp()
	for key := range c {
		if key.Variation == 1 && key.Epoch == 0 {
			delete(c, key)
		}
	}
	doc := judged(t, u, c, ResultsOptions{})
	control, treatment := doc.Metrics[0].Variations[0], doc.Metrics[0].Variations[1]
	if treatment.Significant || *control.Mean != 0.2 || *treatment.Mean != 0.2 || !slices.Contains(treatment.Flags, "epochs_left_out") {
		t.Errorf("means %v and %v, %+v", *control.Mean, *treatment.Mean, treatment)
	}
	if first := doc.Metrics[0].Series[0].Variations[0]; *first.Mean != 0.1 {
		t.Errorf("first day %+v", first)
	}
}

// A guardrail cannot be got rid of by taking it out.
func TestTheRuleNeedsItsMetrics(t *testing.T) {
	u := phaseOf(analysis("sequential", domain.Rule{}), conversion("buys"))
	before := *u.last
	before.Metrics = append(slices.Clone(before.Metrics), domain.MetricUse{Metric: "stays", Role: "guardrail"})
	u.story.rule = &before
	doc := judged(t, u, visitors("buys", 14, 1000, 0.10, 0.14), ResultsOptions{})
	if doc.Verdict.Code != "metric_missing" || doc.Verdict.Metric != "stays" {
		t.Errorf("verdict %+v", doc.Verdict)
	}
}

// Whoever has no rule gets no verdict: the primary metric that is found after
// looking at them all is no primary metric.
func TestWithoutARuleThereIsNoVerdict(t *testing.T) {
	u := phaseOf(analysis("sequential", domain.Rule{}), conversion("buys"))
	before := *u.last
	before.Metrics = nil
	u.story.rule = &before
	doc := judged(t, u, visitors("buys", 14, 1000, 0.10, 0.14), ResultsOptions{})
	if doc.Verdict.Code != "no_primary" || !doc.Metrics[0].Added || doc.Metrics[0].Variations[1].PAdjusted != nil {
		t.Errorf("verdict %+v, metric %+v", doc.Verdict, doc.Metrics[0])
	}
	u.fixed = nil
	if doc := judged(t, u, cells{}, ResultsOptions{}); doc.Verdict.Code != "not_started" {
		t.Errorf("verdict %+v", doc.Verdict)
	}
}

func TestSeriesAndBreakdownAgreeWithTheWhole(t *testing.T) {
	u := phaseOf(analysis("fixed", domain.Rule{}), conversion("buys"), conversion("stays"))
	c := visitors("buys", 10, 1000, 0.10, 0.14)
	for key, cell := range visitors("stays", 10, 1000, 0.5, 0.5) {
		c[key] = cell
	}
	doc := judged(t, u, c, ResultsOptions{Dimension: "country"})
	if doc.Days != 10 || doc.Since.String() != "2026-03-01" || doc.Through.String() != "2026-03-10" {
		t.Errorf("%v to %v, %d days", doc.Since, doc.Through, doc.Days)
	}
	buys := doc.Metrics[0]
	if len(buys.Series) != 10 || doc.Metrics[1].Series != nil {
		t.Fatalf("series of %d and %d days", len(buys.Series), len(doc.Metrics[1].Series))
	}
	end := buys.Series[9].Variations[1]
	if end.Units != buys.Variations[1].Units || *end.Lift != *buys.Variations[1].Lift || *end.LiftCI[0] != *buys.Variations[1].LiftCI[0] {
		t.Errorf("the last day has %+v, the whole %+v", end, buys.Variations[1])
	}
	if first := buys.Series[0].Variations[0]; first.Units != 1000 || *first.Mean != 0.1 || first.Lift != nil {
		t.Errorf("first day %+v", first)
	}
	var units int64
	for _, value := range doc.Breakdown.Values {
		units += value.Metrics[0].Variations[1].Units
	}
	if len(doc.Breakdown.Values) != 2 || units != 10_000 || doc.Breakdown.More != 0 {
		t.Errorf("breakdown of %d units: %+v", units, doc.Breakdown)
	}
	doc = judged(t, u, c, ResultsOptions{Metrics: []string{"stays"}})
	if len(doc.Metrics[1].Series) != 10 || doc.Breakdown != nil {
		t.Errorf("asked for, the series has %d days", len(doc.Metrics[1].Series))
	}
}

func TestResultsRefuseWhatIsNotThere(t *testing.T) {
	u := phaseOf(analysis("fixed", domain.Rule{}), conversion("buys"))
	for _, tt := range []struct {
		o     ResultsOptions
		field string
	}{
		{ResultsOptions{Dimension: "plan"}, "dimension"},
		{ResultsOptions{Metrics: []string{"buys", "stays"}}, "metric"},
	} {
		_, err := newResults(nil, &postgres{}, nil).judge(u, &counted{counts: countAll(u.plan, nil)}, Pair{1, 0}, tt.o)
		if invalid, ok := err.(*domain.InvalidError); !ok || invalid.Field != tt.field {
			t.Errorf("%+v: %v", tt.o, err)
		}
	}
}

// Given the values of many units, when they are put into cells, then the arms are
// those of the values.
func TestArmsAreThoseOfTheUnits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	m := tally.Metric{Key: "spend", Kind: "sum", Event: "buy"}
	ratio := tally.Metric{Key: "basket", Kind: "mean", Event: "buy"}
	c := cells{}
	var want [2]struct{ n, sum, squares, num, den float64 }
	for i := range 5000 {
		v, x, n := i%2, math.Round(random.ExpFloat64()*1e4)/1e2, float64(random.IntN(4))
		at := day(random.IntN(20))
		c.add(tally.CellKey{Variation: v, Day: at}, 1, nil)
		c.add(tally.CellKey{Metric: "spend", Variation: v, Day: at}, 1, map[int]float64{tally.Num: x, tally.NumNum: x * x})
		c.add(tally.CellKey{Metric: "basket", Variation: v, Day: at}, 1, map[int]float64{
			tally.Num: x * n, tally.NumNum: x * n * x * n, tally.Den: n, tally.DenDen: n * n, tally.NumDen: x * n * n,
		})
		w := &want[v]
		w.n, w.sum, w.squares, w.num, w.den = w.n+1, w.sum+x, w.squares+x*x, w.num+x*n, w.den+n
	}
	doc := judged(t, phaseOf(analysis("fixed", domain.Rule{}), m, ratio), c, ResultsOptions{})
	for v, w := range want {
		got, basket := doc.Metrics[0].Variations[v], doc.Metrics[1].Variations[v]
		mean := w.sum / w.n
		se := math.Sqrt((w.squares/w.n - mean*mean) / (w.n - 1))
		if float64(got.Units) != w.n || !near(*got.Mean, mean) || !near(*got.StdError, se) || !near(*basket.Mean, w.num/w.den) {
			t.Errorf("variation %d: %d units of %v ± %v, basket %v; want %v of %v ± %v, %v",
				v, got.Units, *got.Mean, *got.StdError, *basket.Mean, w.n, mean, se, w.num/w.den)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

// Given latencies of units that have a pace of their own, when they are put into
// buckets, then the quantile is that of the values, and its error the one that it
// has from sample to sample.
func TestQuantilesAreThoseOfTheValues(t *testing.T) {
	bounds := tally.NewBounds()
	random := rand.New(rand.NewPCG(3, 4))
	var found, claimed []float64
	for range 40 {
		var s sums
		s.sketch = tally.Sketch{}
		var values []float64
		for range 800 {
			pace := math.Exp(random.NormFloat64() * 0.5)
			var own []float64
			for range 1 + random.IntN(5) {
				own = append(own, 100*pace*math.Exp(random.NormFloat64()*0.3))
			}
			s.n++
			values = append(values, own...)
			sketch(s.sketch, bounds, own)
		}
		slices.Sort(values)
		exact := values[len(values)*9/10]
		arm := s.arm(&tally.Metric{Kind: "quantile", Quantile: 0.9}, bounds)
		result := stats.Analyze(stats.Spec{}, []stats.Arm{arm}).Arms[0]
		if math.Abs(result.Mean/exact-1) > 0.011 {
			t.Errorf("quantile %v, of the values %v", result.Mean, exact)
		}
		found, claimed = append(found, result.Mean), append(claimed, result.StdError)
	}
	var mean, spread, error float64
	for i := range found {
		mean += found[i] / 40
		error += claimed[i] / 40
	}
	for _, x := range found {
		spread += (x - mean) * (x - mean) / 39
	}
	if ratio := error / math.Sqrt(spread); ratio < 0.7 || ratio > 1.4 {
		t.Errorf("the error is said to be %v, is %v", error, math.Sqrt(spread))
	}
}

// sketch adds the values of one unit.
func sketch(to tally.Sketch, bounds tally.Bounds, values []float64) {
	own := map[int32]int64{}
	for _, v := range values {
		own[bounds.Bucket(int64(math.Round(v*1e6)))]++
	}
	var before int64
	for _, bucket := range slices.Sorted(maps.Keys(own)) {
		upTo, all := before+own[bucket], int64(len(values))
		b := to[bucket]
		b.Events += own[bucket]
		b.Squares += upTo*upTo - before*before
		b.Products += (upTo - before) * all
		to[bucket] = b
		before = upTo
	}
}

func TestResultsCSV(t *testing.T) {
	u := phaseOf(analysis("fixed", domain.Rule{}), conversion("buys"))
	u.last.Key = "=1+1"
	doc := judged(t, u, visitors("buys", 2, 1000, 0.10, 0.14), ResultsOptions{Dimension: "country"})
	var buf bytes.Buffer
	if err := WriteResultsCSV(&buf, doc); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&buf).ReadAll()
	if err != nil || len(rows) != 1+2+2*2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows[1][1] != "'=1+1" || rows[2][8] != "treatment" || rows[2][9] != "2000" || rows[3][4] != "DE" {
		t.Errorf("%q", rows)
	}
	if got := fmt.Sprint(rows[1][12], rows[1][13]); got != "" {
		t.Errorf("the control has an effect: %s", got)
	}
}

// TestAPlannedEndIsLookedAtDaily: what today brought so far is no part of any look,
// nor is what comes after the end.
func TestAPlannedEndIsLookedAtDaily(t *testing.T) {
	rule := domain.Rule{MaxDays: 14, MDE: 0.05}
	c := visitors("buys", 20, 1000, 0.10, 0.112)
	for _, tt := range []struct {
		days, look int
		label      string
		through    *domain.Date
	}{
		{0, 0, "group sequential, before the first of 14 looks", nil},
		{1, 0, "group sequential, before the first of 14 looks", nil},
		{2, 1, "group sequential, look 1 of 14", new(domain.DateOf(day(0)))},
		{9, 8, "group sequential, look 8 of 14", new(domain.DateOf(day(7)))},
		{15, 14, "group sequential, look 14 of 14", new(domain.DateOf(day(13)))},
		{20, 14, "group sequential, look 14 of 14", new(domain.DateOf(day(13)))},
	} {
		some := cells{}
		for key, cell := range c {
			if key.Dimension == "" && key.Day.Before(day(tt.days)) {
				some[key] = cell
			}
		}
		doc := judged(t, phaseOf(analysis("sequential", rule), conversion("buys")), some, ResultsOptions{})
		if doc.Test.Label != tt.label || doc.Test.Look == nil || doc.Test.Look.Number != tt.look || doc.Test.Look.Of != 14 {
			t.Errorf("%d days: %+v, look %+v, want %s", tt.days, doc.Test, doc.Test.Look, tt.label)
			continue
		}
		if through := doc.Test.Look.Through; (through == nil) != (tt.through == nil) || through != nil && *through != *tt.through {
			t.Errorf("%d days: through %v, want %v", tt.days, through, tt.through)
		}
		v := &doc.Metrics[0].Variations[1]
		units := int64(1000 * max(tt.look, min(tt.days, 1)))
		if v.Units != units || v.Mean != nil && len(doc.Metrics[0].Series) != max(tt.look, 1) {
			t.Errorf("%d days: %d units and %d days of series, want %d units", tt.days, v.Units, len(doc.Metrics[0].Series), units)
		}
		if tt.look == 0 && (v.Significant || v.PValue != nil && *v.PValue != 1) {
			t.Errorf("%d days: %+v claims something", tt.days, v)
		}
		if n := len(doc.Metrics[0].Series); n > 0 && tt.look > 0 {
			last := doc.Metrics[0].Series[n-1].Variations[1]
			if *last.LiftCI[0] != *v.LiftCI[0] || *last.Lift != *v.Lift {
				t.Errorf("%d days: the series ends with %v, the whole has %v", tt.days, *last.LiftCI[0], *v.LiftCI[0])
			}
		}
	}
}

// TestAPlannedEndKeepsPower finds at the end what a confidence sequence does not.
func TestAPlannedEndKeepsPower(t *testing.T) {
	c := visitors("buys", 15, 1000, 0.10, 0.109)
	open := judged(t, phaseOf(analysis("sequential", domain.Rule{}), conversion("buys")), c, ResultsOptions{})
	ends := judged(t, phaseOf(analysis("sequential", domain.Rule{MaxDays: 14}), conversion("buys")), c, ResultsOptions{Dimension: "country"})
	if open.Metrics[0].Variations[1].Significant || open.Verdict.Code != "not_enough_data" || open.Test.Look != nil {
		t.Errorf("without an end: %+v, %+v", open.Verdict, open.Test)
	}
	if !ends.Metrics[0].Variations[1].Significant || ends.Verdict.Code != "ship_treatment" {
		t.Errorf("with one: %+v, p %v", ends.Verdict, *ends.Metrics[0].Variations[1].PValue)
	}
	if *ends.Metrics[0].Power.Reached <= *open.Metrics[0].Power.Reached {
		t.Errorf("power %v with an end, %v without", *ends.Metrics[0].Power.Reached, *open.Metrics[0].Power.Reached)
	}
	if len(ends.Breakdown.Values) != 2 {
		t.Errorf("breakdown %+v", ends.Breakdown)
	}
}

// TestLooksOfDays puts looks on the days that there are.
func TestLooksOfDays(t *testing.T) {
	for _, tt := range []struct {
		name           string
		days           []domain.Date
		whole, planned int
		steps          []int
		number, of     int
		shown          int
	}{
		{"nothing", nil, 0, 14, []int{}, 0, 14, 0},
		{"the first day", []domain.Date{100}, 0, 14, []int{0}, 0, 14, 1},
		{"a day without anything", []domain.Date{100, 102, 103}, 3, 14, []int{1, 3, 0}, 3, 14, 2},
		{"beyond the end", []domain.Date{100, 101, 102, 103}, 4, 2, []int{1, 2, 0, 0}, 2, 2, 2},
		{"every second day", []domain.Date{100, 101, 102, 103, 104}, 5, 119, []int{0, 1, 0, 2, 0}, 2, 60, 4},
		{"an odd last look", []domain.Date{100, 218}, 119, 119, []int{1, 60}, 60, 60, 2},
	} {
		l := looksOf(tt.days, tt.whole, tt.planned)
		if !slices.Equal(l.steps, tt.steps) || l.number != tt.number || l.plan.Planned != tt.of || l.shown != tt.shown {
			t.Errorf("%s: steps %v, look %d of %d, %d days shown; want %+v", tt.name, l.steps, l.number, l.plan.Planned, l.shown, tt)
		}
	}
}

// TestAPriorShrinks is what a prior is for: an effect that it thinks unlikely is
// believed less.
func TestAPriorShrinks(t *testing.T) {
	c := visitors("buys", 14, 1000, 0.10, 0.11)
	plain, wary := analysis("bayesian", domain.Rule{}), analysis("bayesian", domain.Rule{})
	wary.Prior = &domain.Prior{Mean: 0, SD: 0.02}
	flat := judged(t, phaseOf(plain, conversion("buys")), c, ResultsOptions{})
	shrunk := judged(t, phaseOf(wary, conversion("buys")), c, ResultsOptions{Dimension: "country"})
	if flat.Test.Label != "bayesian, flat prior" || flat.Test.Prior != nil {
		t.Errorf("%+v", flat.Test)
	}
	if shrunk.Test.Label != "bayesian, prior of the lift normal(0, 0.02)" || *shrunk.Test.Prior != *wary.Prior {
		t.Errorf("%+v", shrunk.Test)
	}
	v, was := &shrunk.Metrics[0].Variations[1], &flat.Metrics[0].Variations[1]
	// The posterior's precision is the sum of the two; the control counts as known.
	se := *was.EffectError / *shrunk.Metrics[0].Variations[0].Mean
	want := *was.Lift * 0.02 * 0.02 / (0.02*0.02 + se*se)
	if math.Abs(*v.Lift-want) > 1e-9 || *v.ChanceToWin >= *was.ChanceToWin || v.Significant != (*v.LiftCI[0] > 0) {
		t.Errorf("lift %v, want %v; chance %v, flat %v", *v.Lift, want, *v.ChanceToWin, *was.ChanceToWin)
	}
}
