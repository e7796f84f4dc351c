package derive_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// plane is a control plane with a follower, which knows what is decided live.
type plane struct {
	ledger   ledgertest.Ledger
	pool     *pgxpool.Pool
	store    *eventstore.Store
	commands *commands.Service
	follower *projections.Follower
}

func newPlane(t testing.TB) *plane {
	t.Helper()
	p := &plane{ledger: ledgertest.New(t)}
	p.pool = p.ledger.Pool(t)
	p.store = eventstore.New(p.pool, eventstore.Config{
		Inline:   projections.Inline{},
		OnCommit: func(records []eventstore.Record) { p.follower.Offer(records) },
	})
	p.follower, p.commands = projections.NewFollower(p.store, p.pool, nil), commands.New(p.store)
	if err := p.follower.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, run := range []func(context.Context) error{p.store.Run, p.follower.Run} {
		ledgertest.Run(t, run)
	}
	return p
}

func derived(t testing.TB, d *derive.Deriver, exposures ...derive.Exposure) []tracking.Verdict {
	t.Helper()
	verdicts, err := d.Derive(t.Context(), exposures)
	if err != nil || len(verdicts) != len(exposures) {
		t.Fatalf("%d verdicts of %d exposures: %v", len(verdicts), len(exposures), err)
	}
	return verdicts
}

// person is a unit of every type.
type person struct {
	id         string
	attributes map[string]any
}

func people() []person {
	var all []person
	for i := range 6 {
		id := fmt.Sprint("u", i)
		all = append(all, person{id, map[string]any{
			"id": id, "country": []string{"US", "CA"}[i%2], "tags": []any{"x", id}, "company": "c" + id,
		}})
	}
	return all
}

// recorded is what was decided for a person at a position, and how the phase was
// then counted.
type recorded struct {
	derive.Exposure
	reason evaluator.Reason
	want   tracking.Verdict
}

// chronicler watches views of a ledger and records what is decided.
type chronicler struct {
	phases map[string]tracking.Verdict // by id of an experiment
	splits map[string]string
	lived  []recorded
	// epoch and phase are the highest seen.
	epoch, phase int
}

// watch counts phases and epochs by the documents, and decides for everybody.
func (c *chronicler) watch(t testing.TB, v *projections.View) {
	t.Helper()
	for _, d := range v.Docs {
		e := d.Experiment
		id, split := e.ID.String(), fmt.Sprint(e.Split)
		was, ok := c.phases[id]
		now := tracking.Verdict{Ruling: tracking.Agrees, Experiment: e.ID, Phase: e.Phase, Epoch: was.Epoch}
		switch {
		case !ok || was.Phase != e.Phase:
			now.Epoch = 0
		case c.splits[id] != split:
			now.Epoch++
		}
		c.phases[id], c.splits[id] = now, split
		c.epoch, c.phase = max(c.epoch, now.Epoch), max(c.phase, now.Phase)
	}
	snapshot, faults := evaluator.Compile(v.Document())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var unit evaluator.Unit
	for _, who := range people() {
		snapshot.Prepare(&unit, who.id, who.attributes)
		attributes, err := json.Marshal(who.attributes)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range snapshot.Experiments() {
			result := snapshot.Evaluate(e, &unit)
			id, ok := e.UnitID(who.id, who.attributes)
			if !ok {
				t.Fatalf("%s has no %s", who.id, e.UnitType())
			}
			c.lived = append(c.lived, recorded{
				derive.Exposure{
					Experiment: e.Key(), Variation: e.Variations()[result.Variation].Key, UnitType: e.UnitType(), Unit: id,
					At: v.At, Position: v.Position, Attributes: attributes,
				}, result.Reason, c.phases[e.ID()],
			})
		}
	}
}

// tampered is the exposure of the variation that the unit was not given.
func (r recorded) tampered() derive.Exposure {
	x := r.Exposure
	x.Variation = map[string]string{"control": "treatment", "treatment": "control"}[x.Variation]
	return x
}

// ruling is what a variation that the unit was told of comes to, with all
// attributes known.
func (r recorded) ruling() tracking.Ruling {
	switch r.reason {
	case evaluator.Split:
		return tracking.Agrees
	case evaluator.Override:
		return tracking.Overridden
	}
	return tracking.Disagrees
}

// needsAttributes says whether the reason cannot be found without attributes, or
// by a unit that is not a user.
func (r recorded) needsAttributes() bool {
	switch r.reason {
	case evaluator.Audience, evaluator.Prerequisite, evaluator.Layer, evaluator.Holdout:
		return true
	}
	return false
}

// What was decided live is derived from the ledger alone; what was not is found
// out.
func TestVerdictsAreWhatWasDecidedLive(t *testing.T) {
	p := newPlane(t)
	w := ledgertest.Wanderer{Commands: p.commands, Random: rand.New(rand.NewPCG(7, 11))}
	w.Furnish(t)
	early := derive.New(p.pool) // asked all along, so that it reads on piece by piece
	c := chronicler{phases: map[string]tracking.Verdict{}, splits: map[string]string{}}
	var last int64
	for range 600 {
		w.Step(t)
		if v := p.follower.View(); v.Position > last {
			last = v.Position
			begin := len(c.lived)
			c.watch(t, v)
			judge(t, early, c.lived[begin:])
		}
	}
	w.Random.Shuffle(len(c.lived), func(i, j int) { c.lived[i], c.lived[j] = c.lived[j], c.lived[i] })
	reasons := judge(t, derive.New(p.pool), c.lived)
	if len(reasons) != 8 { // a person has an id of every type
		t.Errorf("the history shows %v: not every reason", reasons)
	}
	if c.epoch < 2 || c.phase < 3 {
		t.Errorf("at most epoch %d, phase %d", c.epoch, c.phase)
	}
}

// judge compares verdicts with what was recorded, and counts the reasons.
func judge(t *testing.T, d *derive.Deriver, lived []recorded) map[string]int {
	t.Helper()
	var told, tampered, bare, bareTampered []derive.Exposure
	for _, r := range lived {
		told, tampered = append(told, r.Exposure), append(tampered, r.tampered())
		x, y := r.Exposure, r.tampered()
		x.Attributes, y.Attributes = nil, json.RawMessage("null")
		bare, bareTampered = append(bare, x), append(bareTampered, y)
	}
	reasons := map[string]int{}
	of := [4][]tracking.Verdict{derived(t, d, told...), derived(t, d, tampered...), derived(t, d, bare...), derived(t, d, bareTampered...)}
	for i, r := range lived {
		reasons[r.reason.String()]++
		none, want := r.want, r.want
		none.Ruling, want.Ruling = tracking.Disagrees, r.ruling()
		// The exposure of a company does not tell of which user it was.
		if r.UnitType == "user_id" || !r.needsAttributes() {
			expect(t, "told", r, of[0][i], want)
			expect(t, "tampered", r, of[1][i], none)
		}
		if !r.needsAttributes() {
			expect(t, "bare", r, of[2][i], want)
			expect(t, "bare and tampered", r, of[3][i], none)
		}
	}
	return reasons
}

func expect(t *testing.T, how string, r recorded, have, want tracking.Verdict) {
	t.Helper()
	if have != want {
		t.Errorf("%s, %v at %d: %+v gives %+v, want %+v", how, r.reason, r.Position, r.Exposure, have, want)
	}
}

// Without a position it is that of the time; never one after the exposure was
// stored.
func TestPositionsByTime(t *testing.T) {
	p := newPlane(t)
	w := ledgertest.Wanderer{Commands: p.commands, Random: rand.New(rand.NewPCG(1, 2))}
	w.Furnish(t)
	for range 150 {
		w.Step(t)
	}
	head, err := p.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.store.ReadAll(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	begin := first[0].RecordedAt.Add(-10 * time.Millisecond)
	d := derive.New(p.pool)
	rulings := map[tracking.Ruling]bool{}
	for range 200 {
		x := derive.Exposure{
			Experiment: fmt.Sprint("e", w.Random.IntN(12)), Variation: "control", Unit: fmt.Sprint("u", w.Random.IntN(12)),
			At: begin.Add(time.Duration(w.Random.Int64N(int64(1 + head.RecordedAt.Sub(begin))))),
		}
		x.At = x.At.Truncate(time.Microsecond)
		at, err := p.store.PositionAt(t.Context(), x.At)
		if err != nil {
			t.Fatal(err)
		}
		stored := 1 + w.Random.Int64N(head.Position)
		for _, tt := range []struct{ given, want int64 }{
			{0, at}, {-head.Position, at}, {-stored, min(at, stored)}, {head.Position + 7, at},
		} {
			byTime, byPosition := x, x
			byTime.Position, byPosition.Position = tt.given, tt.want
			if tt.want == 0 {
				byPosition.At = head.BeganAt.Add(-time.Hour)
			}
			verdicts := derived(t, d, byTime, byPosition)
			if verdicts[0] != verdicts[1] {
				t.Fatalf("%+v gives %+v, at position %d %+v", byTime, verdicts[0], tt.want, verdicts[1])
			}
			rulings[verdicts[0].Ruling] = true
		}
	}
	if !rulings[tracking.Agrees] || !rulings[tracking.Disagrees] || !rulings[tracking.Unknown] {
		t.Errorf("all rulings are %v", rulings)
	}
}

// A verdict does not change when the ledger grows.
func TestVerdictsStay(t *testing.T) {
	p := newPlane(t)
	must := func(_ commands.Answer, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.commands.CreateExperiment(t.Context(), commands.Call{}, []byte(`{"name":"x","key":"x"}`)))
	must(p.commands.SetStatus(t.Context(), commands.Call{}, "x", "active"))
	d := derive.New(p.pool)
	var both []derive.Exposure
	for _, variation := range []string{"control", "treatment"} {
		both = append(both, derive.Exposure{Experiment: "x", Variation: variation, Unit: "u", At: time.Now().Add(time.Hour), Position: -2})
	}
	before := derived(t, d, both...)
	if before[0].Ruling == before[1].Ruling {
		t.Fatalf("%+v", before)
	}
	must(p.commands.SetStatus(t.Context(), commands.Call{}, "x", "inactive"))
	both[0].Position = 3 // so that it has to read on
	again := derived(t, d, both...)
	both[0].Position = -2
	after := derived(t, d, both...)
	if again[0].Ruling != tracking.Disagrees || !slices.Equal(before, after) {
		t.Errorf("%+v, then %+v, then %+v", before, again, after)
	}
}

// Many may ask at once, also while it still reads the ledger.
func TestManyAskAtOnce(t *testing.T) {
	p := newPlane(t)
	w := ledgertest.Wanderer{Commands: p.commands, Random: rand.New(rand.NewPCG(5, 6))}
	w.Furnish(t)
	for range 60 {
		w.Step(t)
	}
	var all []derive.Exposure
	for position := range p.follower.Position() {
		for _, key := range []string{"e0", "e1", "e2", "e3"} {
			all = append(all, derive.Exposure{
				Experiment: key, Variation: "control", Unit: "u1", Position: position + 1, Attributes: json.RawMessage(`{"id":"u1","country":"US"}`),
			})
		}
	}
	want := derived(t, derive.New(p.pool), all...)
	d := derive.New(p.pool)
	var wg sync.WaitGroup
	for from := range 4 {
		wg.Go(func() {
			for at := from; at < len(all); at += 7 {
				got, err := d.Derive(t.Context(), all[at:])
				if err != nil || !slices.Equal(got, want[at:]) {
					t.Errorf("from exposure %d on: %v, %v, want %v", at, got, err, want[at:])
				}
			}
		})
	}
	wg.Wait()
}

func TestUnknown(t *testing.T) {
	p := newPlane(t)
	d := derive.New(p.pool)
	x := derive.Exposure{Experiment: "x", Variation: "control", Unit: "u", At: time.Now()}
	if got := derived(t, d, x)[0]; got != (tracking.Verdict{}) {
		t.Errorf("of an empty ledger %+v", got)
	}
	var id uuid.UUID
	create := func() {
		t.Helper()
		a, err := p.commands.CreateExperiment(t.Context(), commands.Call{}, []byte(`{"name":"x","key":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		id = a.ID
	}
	create()
	first := id
	if _, err := p.commands.DeleteExperiment(t.Context(), commands.Call{}, "x"); err != nil {
		t.Fatal(err)
	}
	create()
	for name, tt := range map[string]struct {
		change func(*derive.Exposure)
		want   tracking.Verdict
	}{
		"the first of a key":  {func(x *derive.Exposure) { x.Position = 1 }, tracking.Verdict{Ruling: tracking.Disagrees, Experiment: first, Phase: 1}},
		"between":             {func(x *derive.Exposure) { x.Position = 2 }, tracking.Verdict{}},
		"the second":          {func(x *derive.Exposure) { x.Position = 3 }, tracking.Verdict{Ruling: tracking.Disagrees, Experiment: id, Phase: 1}},
		"another key":         {func(x *derive.Exposure) { x.Experiment, x.Position = "y", 3 }, tracking.Verdict{}},
		"another type":        {func(x *derive.Exposure) { x.UnitType, x.Position = "company", 3 }, tracking.Verdict{}},
		"attributes are text": {func(x *derive.Exposure) { x.Attributes, x.Position = json.RawMessage(`"?"`), 1 }, tracking.Verdict{Ruling: tracking.Disagrees, Experiment: first, Phase: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			x := x
			tt.change(&x)
			if got := derived(t, d, x)[0]; got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// all gives every unit one variation.
func all(variation string) string {
	weights := map[string]int{variation: 1}
	return fmt.Sprintf(`"variations":[{"key":"control","weight":%d},{"key":"treatment","weight":%d}]`, weights["control"], weights["treatment"])
}

func (p *plane) run(t testing.TB, experiments ...string) {
	t.Helper()
	for _, e := range experiments {
		a, err := p.commands.CreateExperiment(t.Context(), commands.Call{}, []byte(e))
		if err == nil {
			_, err = p.commands.SetStatus(t.Context(), commands.Call{}, a.ID.String(), "active")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What the exposure does not tell is taken as met, and no more than that.
func TestWhatCannotBeTold(t *testing.T) {
	p := newPlane(t)
	_, err := p.commands.CreateResource(t.Context(), commands.Call{}, domain.KindLayer, []byte(`{"name":"q","key":"q","mode":"ordered"}`))
	if err != nil {
		t.Fatal(err)
	}
	p.run(
		t,
		`{"name":"x","key":"company","unit_type":"company",`+all("treatment")+`}`,
		`{"name":"x","key":"user",`+all("treatment")+`}`,
		`{"name":"x","key":"of-user","prerequisites":[{"experiment":"company","variations":["treatment"]}],`+all("treatment")+`}`,
		`{"name":"x","key":"of-user-not","prerequisites":[{"experiment":"company","variations":["control"]}],`+all("treatment")+`}`,
		`{"name":"x","key":"of-company","unit_type":"company","prerequisites":[{"experiment":"user","variations":["treatment"]}],`+all("treatment")+`}`,
		`{"name":"x","key":"of-same","prerequisites":[{"experiment":"user","variations":["control"]}],`+all("treatment")+`}`,
		`{"name":"x","key":"first","layer":{"key":"q"},"audience":{"country":"US"},"overrides":{"u":"treatment"},`+all("treatment")+`}`,
		`{"name":"x","key":"second","layer":{"key":"q"},"prerequisites":[{"experiment":"first","variations":["treatment"]}],`+all("treatment")+`}`,
		`{"name":"x","key":"third","layer":{"key":"q"},`+all("treatment")+`}`,
	)
	head, err := p.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := derive.New(p.pool)
	for _, tt := range []struct {
		experiment, unitType, unit, attributes string
		want                                   tracking.Ruling
	}{
		{"of-user", "user_id", "u", ``, tracking.Agrees},
		{"of-user", "user_id", "u", `{"company":"c"}`, tracking.Agrees},
		{"of-user", "user_id", "u", `{"company":7}`, tracking.Agrees},
		{"of-user", "user_id", "u", `{}`, tracking.Disagrees},
		{"of-user-not", "user_id", "u", ``, tracking.Agrees},
		{"of-user-not", "user_id", "u", `{"company":"c"}`, tracking.Disagrees},
		{"of-company", "company", "c", ``, tracking.Agrees},
		{"of-company", "company", "c", `{"company":"c"}`, tracking.Agrees},
		{"of-company", "company", "7", `{"company":7}`, tracking.Agrees},
		{"of-company", "company", "c", `{"id":"u"}`, tracking.Agrees},
		{"of-same", "user_id", "u", ``, tracking.Disagrees},
		{"first", "user_id", "v", ``, tracking.Agrees},
		{"first", "user_id", "v", `{"country":"CA"}`, tracking.Disagrees},
		{"first", "user_id", "u", `{"country":"CA"}`, tracking.Overridden},
		{"second", "user_id", "u", ``, tracking.Agrees},
		{"second", "user_id", "u", `{"country":"CA"}`, tracking.Agrees},
		{"second", "user_id", "v", `{"country":"CA"}`, tracking.Disagrees},
		{"second", "user_id", "v", `{"country":"US"}`, tracking.Disagrees},
		{"third", "user_id", "v", ``, tracking.Agrees},
		{"third", "user_id", "v", `{"country":"CA"}`, tracking.Disagrees},
	} {
		x := derive.Exposure{
			Experiment: tt.experiment, Variation: "treatment", UnitType: tt.unitType, Unit: tt.unit,
			Position: head.Position, Attributes: json.RawMessage(tt.attributes),
		}
		if got := derived(t, d, x)[0]; got.Ruling != tt.want {
			t.Errorf("%+v: %v, want %v", tt, got.Ruling, tt.want)
		}
	}
	// The order of a layer is of the layer alone.
	_, err = p.commands.PatchResource(t.Context(), commands.Call{}, domain.KindLayer, "q", []byte(`{"order":["third","first","second"]}`))
	if err != nil {
		t.Fatal(err)
	}
	x := derive.Exposure{Experiment: "third", Variation: "treatment", Unit: "v", Position: head.Position + 1, Attributes: json.RawMessage(`{"country":"US"}`)}
	before := x
	before.Position--
	if got := derived(t, d, before, x, before); got[0].Ruling != tracking.Disagrees || got[1].Ruling != tracking.Agrees || got[2] != got[0] {
		t.Errorf("%+v", got)
	}
	// What is switched off gave nothing to anybody.
	if _, err := p.commands.SetStatus(t.Context(), commands.Call{}, "company", "inactive"); err != nil {
		t.Fatal(err)
	}
	x = derive.Exposure{Experiment: "of-user", Variation: "treatment", Unit: "v", Position: head.Position}
	after := x
	after.Position += 2
	if got := derived(t, d, x, after); got[0].Ruling != tracking.Agrees || got[1].Ruling != tracking.Disagrees {
		t.Errorf("%+v", got)
	}
}

// After a restore the ledger is another one.
func TestLedgerThatWasRewritten(t *testing.T) {
	p := newPlane(t)
	p.run(t, `{"name":"x","key":"a"}`)
	restore := p.ledger.Backup(t)
	p.run(t, `{"name":"x","key":"b",`+all("treatment")+`}`)
	d := derive.New(p.pool)
	b := derive.Exposure{Experiment: "b", Variation: "treatment", Unit: "u", Position: 4}
	if got := derived(t, d, b)[0]; got.Ruling != tracking.Agrees {
		t.Errorf("%+v", got)
	}
	restore()
	p.run(t, `{"name":"x","key":"c",`+all("control")+`}`)
	b.Position = 5 // nothing is read for what is known
	c := derive.Exposure{Experiment: "c", Variation: "control", Unit: "u", Position: 4}
	if got := derived(t, d, b, c); got[0].Ruling != tracking.Unknown || got[1].Ruling != tracking.Agrees {
		t.Errorf("%+v", got)
	}
}
