package queries

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/stats"
)

// mostLooks bounds the looks of a plan: one of more days is looked at every second
// day, or third, and so on. Many more would ask for more at each and find no more.
const mostLooks = 60

// looks are those of a test whose end is planned: the states at the ends of days
// that are over. nil is a test without.
type looks struct {
	plan stats.Looks
	// number is the last look that there was.
	number int
	// through is the day of that look, and shown how many of the counts' days are
	// part of it; before the first look, all.
	through domain.Date
	shown   int
	// steps has by place in days the look that the day ends, 0 for none.
	steps []int
}

// looksOf are the looks of a sequential test of the planned length. What came after
// the last one is no part of them: neither the day that is not over, nor what
// comes after the planned end.
func looksOf(days []domain.Date, whole, planned int) *looks {
	every := (planned + mostLooks - 1) / mostLooks
	l := &looks{
		plan: stats.Looks{Planned: (planned + every - 1) / every}, shown: len(days), steps: make([]int, len(days)),
	}
	ended := -1
	for look := 1; look <= l.plan.Planned && min(look*every, planned) <= whole; look++ {
		l.number, l.through = look, days[0]+domain.Date(min(look*every, planned)-1)
		at := -1
		for at+1 < len(days) && days[at+1] <= l.through {
			at++
		}
		l.shown = at + 1
		if at > ended { // else nothing came since the look before
			ended, l.steps[at] = at, look
		}
	}
	return l
}

// boundary is that of a plan, which looks ask for again and again: what came until
// yesterday stays as it is, but for what comes late.
func (r *results) boundary(plan stats.GroupPlan) (stats.GroupBoundary, stats.Status) {
	key := make([]byte, 0, 8*(2*len(plan.Information)+1))
	key = binary.LittleEndian.AppendUint64(key, math.Float64bits(plan.Alpha))
	for _, fractions := range [][]float64{plan.Information, plan.Times} {
		for _, x := range fractions {
			key = binary.LittleEndian.AppendUint64(key, math.Float64bits(x))
		}
	}
	if known, ok := r.boundaries.Get(string(key)); ok {
		return known, stats.OK
	}
	made, status := plan.Boundary()
	if status == stats.OK {
		r.boundaries.Add(string(key), made)
	}
	return made, status
}

// look judges a metric at the end of each day that is shown, the last of which is
// that of the last look; without a series, at the last alone.
func (j *judgement) look(i int) []stats.Result {
	m := &j.plan.Metrics[i]
	if j.looks.shown == 0 {
		return stats.AnalyzeLooks(j.spec(m.Key), j.looks.plan, []stats.Look{{Epochs: j.arms(m, nobody)}})
	}
	plan := j.looks.plan
	plan.LastOnly = !j.hasSeries(m.Key)
	so := j.cumulative(m.Key)
	states := make([]stats.Look, j.looks.shown)
	for day := range states {
		states[day] = stats.Look{Step: j.looks.steps[day], Epochs: j.arms(m, so.then(day))}
	}
	return stats.AnalyzeLooks(j.spec(m.Key), plan, states)
}

// test says how the numbers are to be read.
func (j *judgement) test() ResultsTest {
	t := ResultsTest{Prior: j.story.rule.Analysis.Prior}
	switch method := stats.Method(j.story.rule.Analysis.Method); {
	case j.looks != nil && j.looks.number == 0:
		t.Label = fmt.Sprintf("group sequential, before the first of %d looks", j.looks.plan.Planned)
	case j.looks != nil:
		t.Label = fmt.Sprintf("group sequential, look %d of %d", j.looks.number, j.looks.plan.Planned)
	case method == stats.Sequential:
		t.Label = "always-valid confidence sequence"
	case method == stats.Fixed:
		t.Label = "fixed horizon"
	case t.Prior != nil:
		t.Label = fmt.Sprintf("bayesian, prior of the lift normal(%g, %g)", t.Prior.Mean, t.Prior.SD)
	default:
		t.Label = "bayesian, flat prior"
	}
	if l := j.looks; l != nil {
		t.Look = &ResultsLook{Number: l.number, Of: l.plan.Planned, AlphaSpent: *number(j.story.rule.Analysis.Alpha * l.plan.Spent(l.number))}
		if l.number > 0 {
			t.Look.Through = &l.through
		}
	}
	return t
}
