package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/assaylabs/assay/stats"
)

// An experiment draws data many times and measures one promise or several.
type experiment struct {
	name string
	runs int
	draw func(s *study)
}

// A row is one line of the table.
type row struct {
	what                string
	runs                int
	measured, low, high float64
	percent             bool
}

func (r row) ok() bool { return r.measured >= r.low && r.measured <= r.high }

func (r row) show(x float64) string {
	if r.percent {
		return fmt.Sprintf("%.3g %%", 100*x)
	}
	return fmt.Sprintf("%.4g", x)
}

// plan says how much is drawn.
type plan struct {
	seed  uint64
	most  int
	short bool
}

// A study is one experiment under way. It is used by one goroutine.
type study struct {
	*rand.Rand
	name  string
	runs  int
	asked int // comparisons judged
	wrong int // of them, those whose flag, intervals and p-value disagree
	rows  []row
}

// simulate runs the experiments, so many at once, and gives their rows in order,
// last one about the comparisons of all.
func simulate(all []experiment, p plan, workers int) []row {
	studies := make([]*study, len(all))
	next := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range next {
				all[i].draw(studies[i])
			}
		})
	}
	for i, e := range all {
		studies[i] = p.study(e)
		next <- i
	}
	close(next)
	group.Wait()
	var rows []row
	var asked, wrong int
	for _, s := range studies {
		rows = append(rows, s.rows...)
		asked, wrong = asked+s.asked, wrong+s.wrong
	}
	return append(rows, row{what: "comparisons whose flag, intervals and p disagree", runs: asked, measured: float64(wrong)})
}

func (p plan) study(e experiment) *study {
	runs := e.runs
	if p.short {
		runs = max(runs/80, 20)
	}
	if p.most > 0 {
		runs = min(runs, p.most)
	}
	name := fnv.New64a()
	name.Write([]byte(e.name))
	return &study{Rand: rand.New(rand.NewPCG(p.seed, name.Sum64())), name: e.name, runs: runs}
}

// slack is how far a rate may lie from p by chance: once in a thousand further.
func (s *study) slack(p float64) float64 {
	return 3.3 * math.Sqrt(p*(1-p)/float64(s.runs))
}

// about expects a rate within tolerance of p, or within chance where that is more.
func (s *study) about(what string, hits int, p, tolerance float64) {
	within := max(tolerance, s.slack(p))
	s.row(what, float64(hits)/float64(s.runs), p-within, p+within)
}

// atMost expects a rate of at most p; few runs may exceed it by chance.
func (s *study) atMost(what string, hits int, p float64) {
	limit := p
	if s.runs < 5000 {
		limit += s.slack(p)
	}
	s.row(what, float64(hits)/float64(s.runs), 0, limit)
}

// atLeast expects a rate of at least p.
func (s *study) atLeast(what string, hits int, p float64) {
	limit := p
	if s.runs < 5000 {
		limit -= s.slack(p)
	}
	s.row(what, float64(hits)/float64(s.runs), limit, 1)
}

func (s *study) row(what string, measured, low, high float64) {
	s.rows = append(s.rows, row{s.name + what, s.runs, measured, low, high, true})
}

// value adds a row that is no rate.
func (s *study) value(what string, measured, low, high float64) {
	s.rows = append(s.rows, row{what: s.name + what, runs: s.runs, measured: measured, low: low, high: high})
}

// judge compares two arms through the engine and checks that what it says agrees.
func (s *study) judge(spec stats.Spec, control, treatment stats.Arm) stats.Comparison {
	return s.judgeEpochs(spec, [][]stats.Arm{{control, treatment}})
}

func (s *study) judgeEpochs(spec stats.Spec, epochs [][]stats.Arm) stats.Comparison {
	c := stats.AnalyzeEpochs(spec, epochs).Comparisons[0]
	s.check(c)
	return c
}

// check counts the comparisons that contradict themselves.
func (s *study) check(c stats.Comparison) {
	if c.Status != stats.OK {
		return
	}
	s.asked++
	byEffect := c.EffectCI.Lower > 0 || c.EffectCI.Upper < 0
	byLift := c.LiftCI.Lower > 0 || c.LiftCI.Upper < 0
	byP := c.P < c.Level
	borderline := math.Abs(c.P-c.Level) < 1e-9
	if c.Significant != byEffect || !borderline && byEffect != byP ||
		c.LiftStatus == stats.OK && !borderline && byLift != byEffect {
		s.wrong++
	}
}
