package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/stats"
)

// powerQuestion is what is asked of a test before it begins.
type powerQuestion struct {
	Kind     string  `json:"kind"`
	Baseline float64 `json:"baseline"`
	SD       float64 `json:"sd,omitzero"`
	// MDE is the relative effect to find; 0 asks for the smallest that Units can.
	MDE   float64 `json:"mde,omitzero"`
	Alpha float64 `json:"alpha"`
	Power float64 `json:"power"`
	// Split are the weights of the variations, the control first.
	Split []float64 `json:"split"`
	// Units are those there will be in all; 0 asks how many there must be.
	Units float64 `json:"units,omitzero"`
	// DailyUnits come each day; 0 is unknown.
	DailyUnits float64 `json:"daily_units,omitzero"`
}

// powerAnswer is what one method of judging needs, or can find.
type powerAnswer struct {
	Method string `json:"method"`
	// Units of all variations together, and of each.
	Units     int64   `json:"units"`
	Each      []int64 `json:"each"`
	MDE       float64 `json:"mde"`
	Power     float64 `json:"power"`
	Days      int     `json:"days,omitzero"`
	Reachable bool    `json:"reachable"`
}

func (p *program) power() *cobra.Command {
	q := powerQuestion{}
	var split string
	var variations int
	var asJSON bool
	cmd := &cobra.Command{
		Use: "power", Short: "Plan how many units an experiment needs", Args: cobra.NoArgs,
		Long: `Says how many units find a relative effect (--mde) with a power, or, with --units,
what that many can find. Each is answered for a fixed horizon, looked at once,
and for a sequential test, looked at as often as wanted. The level is shared
among the comparisons with the control; the variation with the least weight
decides.`,
		Example: `  assay power --baseline 0.05 --mde 0.1 --daily-units 4000
  assay power --kind mean --baseline 31.5 --sd 80 --units 20000 --split 9:1`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if q.Split, err = parseSplit(split, variations); err == nil {
				err = q.check()
			}
			if err != nil {
				return err
			}
			answers := []powerAnswer{q.answer("fixed", 0), q.answer("sequential", stats.DefaultTuning)}
			if asJSON {
				return p.printJSON(struct {
					powerQuestion
					Answers []powerAnswer `json:"answers"`
				}{q, answers})
			}
			return printPower(p.stdout, q, answers)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Kind, "kind", "conversion", "conversion or mean")
	f.Float64Var(&q.Baseline, "baseline", 0, "the control's rate, or its mean")
	f.Float64Var(&q.SD, "sd", 0, "of a mean: the standard deviation over units")
	f.Float64Var(&q.MDE, "mde", 0, "the relative effect to find, such as 0.05")
	f.Float64Var(&q.Alpha, "alpha", 0.05, "level, two-sided")
	f.Float64Var(&q.Power, "power", 0.8, "chance to find the effect")
	f.IntVar(&variations, "variations", 2, "how many variations share the units evenly")
	f.StringVar(&split, "split", "", "weights instead, the control first, such as 9:1")
	f.Float64Var(&q.Units, "units", 0, "how many units there will be in all")
	f.Float64Var(&q.DailyUnits, "daily-units", 0, "how many units come each day")
	_ = cmd.MarkFlagRequired("baseline") // it is there
	cmd.MarkFlagsMutuallyExclusive("variations", "split")
	cmd.MarkFlagsOneRequired("mde", "units")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// parseSplit reads weights such as 9:1, or makes even ones.
func parseSplit(split string, variations int) ([]float64, error) {
	const most = 64
	var weights []float64
	for part := range strings.SplitSeq(split, ":") {
		weight, err := strconv.ParseFloat(part, 64)
		if split != "" && (err != nil || !(weight > 0) || weight > 1e6) {
			return nil, &control.ConfigError{Variable: "--split", Problem: "must be weights above 0, such as 9:1"}
		}
		weights = append(weights, weight)
	}
	if split == "" {
		if variations < 2 || variations > most {
			return nil, &control.ConfigError{Variable: "--variations", Problem: "must be 2 to 64"}
		}
		weights = make([]float64, variations)
		for i := range weights {
			weights[i] = 1
		}
	}
	if len(weights) < 2 || len(weights) > most {
		return nil, &control.ConfigError{Variable: "--split", Problem: "must be 2 to 64 weights"}
	}
	return weights, nil
}

func (q powerQuestion) check() error {
	for _, rule := range []struct {
		ok            bool
		flag, problem string
	}{
		{q.Kind == "conversion" || q.Kind == "mean", "--kind", "must be conversion or mean"},
		{q.Kind != "conversion" || q.Baseline > 0 && q.Baseline < 1, "--baseline", "must be a rate above 0 and below 1"},
		{q.Baseline != 0 && math.Abs(q.Baseline) <= 1e12, "--baseline", "must not be 0"},
		{q.Kind != "mean" || q.SD > 0 && q.SD <= 1e12, "--sd", "must be above 0 for a mean"},
		{q.Kind != "conversion" || q.SD == 0, "--sd", "goes with a mean: a rate has its own"},
		{math.Abs(q.MDE) <= 100, "--mde", "must be a relative effect, such as 0.05"},
		{q.MDE != 0 || q.Units > 0, "--mde", "must not be 0"},
		{q.Kind != "conversion" || q.valid(q.MDE), "--mde", "must leave a rate above 0 and below 1"},
		{q.Alpha >= 1e-6 && q.Alpha <= 0.5, "--alpha", "must be from 0.000001 to 0.5"},
		{q.Power > q.Alpha && q.Power < 1, "--power", "must be above alpha and below 1"},
		{q.Units >= 0 && q.Units <= 1e12, "--units", "must be from 1 to 1e12"},
		{q.DailyUnits >= 0 && q.DailyUnits <= 1e12, "--daily-units", "must be from 1 to 1e12"},
	} {
		if !rule.ok {
			return &control.ConfigError{Variable: rule.flag, Problem: rule.problem}
		}
	}
	return nil
}

// valid says whether the treatment could have that relative effect.
func (q powerQuestion) valid(mde float64) bool {
	rate := q.Baseline * (1 + mde)
	return q.Kind != "conversion" || rate > 0 && rate < 1
}

// answer plans for a test; tuning 0 is a fixed horizon.
func (q powerQuestion) answer(method string, tuning float64) powerAnswer {
	a := powerAnswer{Method: method, MDE: q.MDE, Power: q.Power, Each: make([]int64, len(q.Split))}
	units := q.Units
	switch {
	case units == 0:
		units, a.Reachable = q.unitsFor(tuning)
	case q.MDE != 0:
		a.Power, a.Reachable = q.judge(tuning, q.MDE, units).PowerNow, true
	default:
		a.MDE, a.Reachable = q.smallest(tuning)
	}
	if !a.Reachable {
		return a
	}
	total := 0.0
	for _, weight := range q.Split {
		total += weight
	}
	round := math.Ceil // there must be at least so many
	if q.Units > 0 {
		round = math.Round
	}
	for i, weight := range q.Split {
		a.Each[i] = int64(round(units * weight / total))
		a.Units += a.Each[i]
	}
	if q.Units > 0 {
		a.Units = int64(q.Units)
	}
	if days, known := stats.DaysLeft(float64(a.Units), q.DailyUnits); known {
		a.Days = days
	}
	return a
}

// unitsFor is how many units in all find the effect.
func (q powerQuestion) unitsFor(tuning float64) (units float64, reachable bool) {
	for _, from := range []float64{2, 1e9} { // a plan looks no further than 1e9 times as far
		if mid := q.judge(tuning, q.MDE, from); mid.Attainable {
			return from * (1 + mid.ScalingFactor), true
		}
	}
	return 0, false
}

// smallest is the effect above 0 that the units find.
func (q powerQuestion) smallest(tuning float64) (mde float64, reachable bool) {
	found := func(mde float64) bool { return q.judge(tuning, mde, q.Units).PowerNow >= q.Power }
	low, high := 0.0, 100.0
	if q.Kind == "conversion" {
		high = 1/q.Baseline - 1
	}
	if !found(high * (1 - 1e-9)) {
		return 0, false
	}
	for range 100 {
		if mid := (low + high) / 2; found(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high, true
}

// judge is the power of the comparison of the control with the variation that
// has the least weight, when there are so many units in all.
func (q powerQuestion) judge(tuning, mde, units float64) stats.MidPower {
	total, least := 0.0, math.Inf(1)
	for i, weight := range q.Split {
		total += weight
		if i > 0 {
			least = min(least, weight)
		}
	}
	control, treatment := units*q.Split[0]/total, units*least/total
	varianceC, varianceT := q.SD*q.SD, q.SD*q.SD
	if q.Kind == "conversion" {
		rate := q.Baseline * (1 + mde)
		varianceC, varianceT = q.Baseline*(1-q.Baseline), rate*(1-rate)
	}
	plan := stats.MidPlan{
		Alpha: q.Alpha, TargetPower: q.Power, MDE: mde * q.Baseline, Tuning: tuning,
		Variations: len(q.Split), GoalMetrics: 1, Corrected: true,
	}
	// What was checked is no invalid input.
	mid, _ := plan.Judge(math.Sqrt(varianceC/control+varianceT/treatment), control+treatment)
	return mid
}

func printPower(w io.Writer, q powerQuestion, answers []powerAnswer) error {
	fmt.Fprintf(w, "%s, baseline %v, level %v, split %s\n", q.Kind, q.Baseline, q.Alpha, joinWeights(q.Split))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "method\teffect\tpower\tunits\teach\tdays\n")
	for _, a := range answers {
		if !a.Reachable {
			fmt.Fprintf(table, "%s\tout of reach\n", a.Method)
			continue
		}
		days := "-"
		if a.Days > 0 {
			days = strconv.Itoa(a.Days)
		}
		each := strings.Trim(strings.ReplaceAll(fmt.Sprint(a.Each), " ", " / "), "[]")
		fmt.Fprintf(table, "%s\t%+.3g%%\t%.4g%%\t%d\t%s\t%s\n", a.Method, 100*a.MDE, 100*a.Power, a.Units, each, days)
	}
	return table.Flush()
}

func joinWeights(split []float64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(split), " ", ":"), "[]")
}
