package stats

import "slices"

// Algorithm names the formulas behind a Result. It changes when numbers do.
const Algorithm = "assay-stats/2"

// Method is how a metric is judged.
type Method string

// Sequential holds at every look; Fixed at one; Bayesian gives credible intervals.
const (
	Sequential Method = "sequential"
	Fixed      Method = "fixed"
	Bayesian   Method = "bayesian"
)

// Goal is the direction that is wanted.
type Goal string

// Goals of a metric.
const (
	Increase Goal = "increase"
	Decrease Goal = "decrease"
)

// DefaultTuning is the number of units at which a sequential interval is tightest.
const DefaultTuning = 5000

// Spec says how a metric is judged. The zero value is sequential at 5 %, more is
// better.
type Spec struct {
	Method Method
	Alpha  float64
	Goal   Goal
	Tuning float64 // units of both arms
	// Prior is of the effect; flat when left out. Only Bayesian takes it into its
	// intervals, the others into ChanceToWin and ExpectedLoss.
	Prior NormalPrior
}

func (s Spec) defaults() (Spec, Status) {
	if s.Method == "" {
		s.Method = Sequential
	}
	if s.Goal == "" {
		s.Goal = Increase
	}
	if s.Alpha == 0 {
		s.Alpha = 0.05
	}
	if s.Tuning == 0 {
		s.Tuning = DefaultTuning
	}
	method := s.Method == Sequential || s.Method == Fixed || s.Method == Bayesian
	goal := s.Goal == Increase || s.Goal == Decrease
	if !method || !goal || !inOpen(s.Alpha, 0, 1) || !positive(s.Tuning) {
		return s, InvalidInput
	}
	return s, OK
}

// Flag warns of something about a comparison.
type Flag string

// Flags.
const (
	// NormalApprox: fewer than 25 converted or not converted; exact methods are
	// used where there are any.
	NormalApprox Flag = "normal_approx"
	// UnstableLift: the control's value is so uncertain that the lift's interval is
	// lopsided; trust the absolute effect.
	UnstableLift Flag = "unstable_lift"
	// BurnIn: too early for a sequential test to claim anything.
	BurnIn Flag = "burn_in"
	// PrePeriodImbalance: the arms differed before the experiment already.
	PrePeriodImbalance Flag = "pre_period_imbalance"
	// EpochsLeftOut: some epochs had too few units in an arm to be compared.
	EpochsLeftOut Flag = "epochs_left_out"
)

// Result is a metric's: the control's arm first. It holds neither NaN nor, but for
// the ends of intervals, infinities.
type Result struct {
	Arms        []ArmResult
	Comparisons []Comparison // one for each arm after the control
}

// ArmResult is one arm by itself, without adjustment. Mean and StdError are
// there when Status is OK.
type ArmResult struct {
	Units          int64
	Mean, StdError float64
	Status         Status
}

// Comparison is one arm against the control.
type Comparison struct {
	// Status is that of everything but the lift, LiftStatus that of the lift: where
	// it is not OK the numbers are 0, but for Lift beside an UnboundedInterval.
	Status, LiftStatus Status
	Effect, StdError   float64 // treatment less control
	EffectCI           Interval
	Lift               float64 // Effect over the absolute value of the control's
	LiftCI             Interval
	P, Log10P          float64
	// PAdjusted is P, or after Correct what it says of all comparisons together.
	PAdjusted float64
	// Level is that of the intervals and of Significant: Spec.Alpha, or less after
	// Correct.
	Level float64
	// ChanceToWin is the probability that this arm is better, in the direction of
	// the goal; ExpectedLoss what shipping it costs on average, in the metric's unit.
	ChanceToWin, ExpectedLoss float64
	// Significant says that both intervals exclude 0; Direction is then 1 for
	// better than the control and -1 for worse.
	Significant bool
	Direction   int
	// VarianceReduction is the share of variance that the past explained.
	VarianceReduction float64
	Units             int64 // of both arms
	Flags             []Flag

	goal Goal
	procedure
}

// Analyze judges a metric from the arms' sufficient statistics, the control's
// first.
func Analyze(spec Spec, arms []Arm) Result {
	return AnalyzeEpochs(spec, [][]Arm{arms})
}

// AnalyzeEpochs does so where the allocation changed on the way: each epoch's arms
// are compared by themselves, so that a shift of weights does not pass for an
// effect. Differences, and means with them, are averaged with the weights
// n m/(n+m) of arms of n and m units (Cochran, Biometrics 10, 1954): an epoch
// counts for what it can tell. By all of its units it would count for more, and
// its small arm alone could decide.
func AnalyzeEpochs(spec Spec, epochs [][]Arm) Result {
	spec, status := spec.defaults()
	if status != OK || len(epochs) == 0 || len(epochs[0]) == 0 {
		return Result{}
	}
	for _, arms := range epochs {
		if len(arms) != len(epochs[0]) {
			return Result{}
		}
	}
	result := Result{Arms: make([]ArmResult, len(epochs[0]))}
	weights := make([][]wide, len(epochs[0]))
	care := reckless
	if spec.Method == Sequential {
		care = cautiousOfSums
	}
	for i := 1; i < len(epochs[0]); i++ {
		j := pair(spec, armOf(epochs, 0), armOf(epochs, i), care)
		weights[i] = j.weights
		result.Comparisons = append(result.Comparisons, j.compare(spec, nil))
	}
	result.summarize(epochs, weights)
	return result
}

// summarize fills in the arms. The weights are those of the epochs in each
// comparison; the control has the sum of all.
func (r *Result) summarize(epochs [][]Arm, weights [][]wide) {
	all := make([]wide, len(epochs))
	for i := 1; i < len(r.Arms); i++ {
		r.Arms[i] = summarize(armOf(epochs, i), weights[i])
		for e, w := range weights[i] {
			all[e] = all[e].add(w)
		}
	}
	r.Arms[0] = summarize(armOf(epochs, 0), all)
}

// armOf is one arm in each of the epochs.
func armOf(epochs [][]Arm, i int) []Arm {
	arm := make([]Arm, len(epochs))
	for e, arms := range epochs {
		arm[e] = arms[i]
	}
	return arm
}

// unitsOf counts the units of an arm; of a quantile without clusters, events.
func unitsOf(arm Arm) int64 {
	if a, ok := arm.(ClusteredQuantileArm); ok {
		arm = a.Share
	}
	m, status := arm.moments()
	if status == InvalidInput {
		return 0
	}
	return m.n
}

// summarize averages an arm's values over epochs as the comparison does; where
// there is none, by units.
func summarize(epochs []Arm, weights []wide) ArmResult {
	var a ArmResult
	var mean, variance, total wide
	compared := slices.ContainsFunc(weights, func(w wide) bool { return w.sign() > 0 })
	status := OK
	for e, arm := range epochs {
		a.Units += unitsOf(arm)
		m, s := arm.moments()
		if s != OK {
			status = worst(status, s)
			continue
		}
		w := weights[e]
		if !compared {
			w = wideInt(m.n)
		}
		total = total.add(w)
		mean = mean.add(m.mean.mul(w))
		variance = variance.add(m.squaredError().mul(w.square()))
	}
	if total.sign() == 0 {
		a.Status = status
		return a
	}
	a.Mean, a.StdError, a.Status = mean.quo(total).float(), variance.sqrt().quo(total).float(), OK
	if !allFinite(a.Mean, a.StdError) {
		return ArmResult{Units: a.Units, Status: InvalidInput}
	}
	return a
}

// paired are one arm and the control, ready to be compared.
type paired struct {
	Comparison
	control, treatment []Arm
	contrast           contrast
	weights            []wide // of the epochs
	status             Status
}

func pair(spec Spec, control, treatment []Arm, care caution) *paired {
	p := &paired{Comparison: Comparison{goal: spec.Goal}, control: control, treatment: treatment}
	p.contrast, p.weights, p.status = p.pool(control, treatment, care)
	return p
}

// compare compares one arm with the control. What a sequential test claims is up
// to claim, where that is not nil, once it may claim something.
func (p *paired) compare(spec Spec, claim func(contrast) procedure) Comparison {
	c, k := p.Comparison, p.contrast
	few := fewCounts(p.control, p.treatment)
	if few {
		c.flag(NormalApprox)
	}
	if counts, ok := exactCounts(spec.Method, few, p.control, p.treatment); ok && (p.status == OK || p.status == ZeroVariance) {
		c.Units, c.procedure = k.units, newCountsTest(counts[0], counts[1])
		c.Effect = differenceOf(counts[0], counts[1])
		if p.status == OK {
			c.StdError = k.variance.sqrt().float()
		}
		c.fillCounts(counts)
		return c.at(spec.Alpha)
	}
	if p.status != OK {
		return Comparison{Status: p.status, LiftStatus: p.status, Flags: c.Flags}
	}
	if claim == nil {
		claim = func(k contrast) procedure { return newSequentialTest(k, spec.Alpha, spec.Tuning) }
	}
	return c.fill(spec, k, p.early(), claim)
}

func (p *paired) early() bool { return early(p.control, p.treatment) }

// fill judges a contrast by the spec's method.
func (c Comparison) fill(spec Spec, k contrast, early bool, claim func(contrast) procedure) Comparison {
	c.Units, c.Effect, c.StdError = k.units, k.difference.float(), k.variance.sqrt().float()
	if spec.Prior.SD > 0 && spec.Prior.Relative && k.base.sign() == 0 {
		return Comparison{Status: ZeroBaseline, LiftStatus: ZeroBaseline, Flags: c.Flags}
	}
	prior := spec.Prior.on(false, k.base.float())
	post, status := BayesNormal(c.Effect, c.StdError, prior, spec.Alpha, spec.Goal == Decrease)
	if status != OK || !allFinite(k.df, k.statistic()) {
		return Comparison{Status: worst(status, InvalidInput), LiftStatus: InvalidInput, Flags: c.Flags}
	}
	c.ChanceToWin, c.ExpectedLoss = post.ChanceToWin, post.RiskTreatment
	switch {
	case spec.Method == Bayesian:
		c.procedure = posterior{k, prior.SD == 0, post}
		c.Effect = post.Mean
	case spec.Method == Fixed:
		c.procedure = fixedTest{k}
	case early:
		c.procedure = noClaim{k}
		c.flag(BurnIn)
	default:
		c.procedure = claim(k)
	}
	if ci, status := c.procedure.lift(spec.Alpha); status == UnboundedInterval || ci.G >= 0.1 {
		c.flag(UnstableLift)
	}
	return c.at(spec.Alpha)
}

// fillCounts takes the chance to win from the rates' beta posteriors.
func (c *Comparison) fillCounts(arms [2]ProportionArm) {
	post, status := BetaBinomial(arms[0], arms[1], 1, 1, 0.95)
	if status != OK {
		return
	}
	c.ChanceToWin, c.ExpectedLoss = post.ProbTreatmentBetter, post.ExpectedLossTreatment
	if c.goal == Decrease {
		c.ChanceToWin, c.ExpectedLoss = 1-post.ProbTreatmentBetter, post.ExpectedLossControl
	}
}

// at gives the comparison the intervals of a level.
func (c Comparison) at(level float64) Comparison {
	c.Status, c.Level = OK, level
	c.P, c.Log10P = pValue(c.logP())
	c.PAdjusted = c.P
	c.EffectCI = c.procedure.effect(level)
	ci, status := c.procedure.lift(level)
	c.Lift, c.LiftCI, c.LiftStatus = ci.Estimate, ci.Interval, status
	c.Significant, c.Direction = c.EffectCI.excludes(0), 0
	if c.Significant {
		c.Direction = c.direction(c.Effect)
	}
	return c
}

// direction is 1 for a change for the better and -1 for the worse.
func (c Comparison) direction(change float64) int {
	if (change > 0) == (c.goal != Decrease) {
		return 1
	}
	return -1
}

// pool averages the contrasts of the epochs that have both arms; others have no
// weight.
func (c *Comparison) pool(control, treatment []Arm, care caution) (sum contrast, weights []wide, status Status) {
	var total wide
	var reduced float64
	weights, status = make([]wide, len(control)), OK
	for e := range control {
		k, reduction, s := contrastOf(control[e], treatment[e], care)
		if unbalanced(control[e], treatment[e]) {
			c.flag(PrePeriodImbalance)
		}
		if s != OK {
			status = worst(status, s)
			if len(control) == 1 {
				sum = k
			}
			continue
		}
		n, m := wideInt(unitsOf(control[e])), wideInt(unitsOf(treatment[e]))
		w := n.mul(m).quo(n.add(m))
		k = k.weighted(w)
		if total.sign() > 0 {
			k = sum.plus(k)
		}
		sum, total, weights[e] = k, total.add(w), w
		reduced += reduction * w.float()
	}
	if total.sign() == 0 {
		return sum, weights, status
	}
	if status != OK {
		c.flag(EpochsLeftOut)
	}
	c.VarianceReduction = reduced / total.float()
	return sum.weighted(wideOf(1).quo(total)), weights, OK
}

func (c *Comparison) flag(f Flag) {
	if !slices.Contains(c.Flags, f) {
		c.Flags = append(c.Flags, f)
	}
}
