package domain

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// dump writes all that a catalog holds.
func dump(t rapid.TB, c *Catalog) string {
	t.Helper()
	encode := func(v any) string {
		data, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	all := []string{
		fmt.Sprintf("%+v", c.state), encode(c.members), encode(c.days), encode(c.versions),
		encode(c.Experiments.byID), encode(c.Experiments.byKey), encode(c.Layers.byID), encode(c.Layers.byKey),
		encode(c.Segments.byID), encode(c.Segments.byKey), encode(c.Holdouts.byID), encode(c.Holdouts.byKey),
		encode(c.Metrics.byID), encode(c.Metrics.byKey), encode(c.Keys.byID), encode(c.Keys.byKey),
	}
	return strings.Join(all, "\n")
}

// saved is what read models would keep of a catalog.
func saved(c *Catalog, closed *DailyReport) Saved {
	s := Saved{
		Position: c.Position(), At: c.At(), Hash: c.Hash(), ClosedThrough: c.ClosedThrough(), Closed: closed,
		DaysVersion: c.Version(DaysStream), Days: c.Days(), Members: c.members,
	}
	s.Active, s.Inactive = c.Counts()
	s.Experiments, s.Layers, s.Segments = values(c.Experiments), values(c.Layers), values(c.Segments)
	s.Holdouts, s.Metrics, s.Keys = values(c.Holdouts), values(c.Metrics), values(c.Keys)
	return s
}

func values[T Entity, P entityPtr[T]](k *Collection[T, P]) []T {
	var all []T
	for e := range k.Ever() {
		all = append(all, *e)
	}
	return all
}

// reread is an event as the ledger gives it back.
func reread(t rapid.TB, event Event) Event {
	switch e := event.(type) {
	case Created[Experiment]:
		return decoded(t, e)
	case Changed[Experiment]:
		return decoded(t, e)
	case Created[Layer]:
		return decoded(t, e)
	case Changed[Layer]:
		return decoded(t, e)
	case Created[Segment]:
		return decoded(t, e)
	case Created[Holdout]:
		return decoded(t, e)
	case Created[Metric]:
		return decoded(t, e)
	case StatusChanged:
		return decoded(t, e)
	case MembersChanged:
		return decoded(t, e)
	case DayClosed:
		return decoded(t, e)
	}
	return event
}

func decoded[E Event](t rapid.TB, e E) Event {
	t.Helper()
	data, err := Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	var again E
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

// plain is what a catalog should say, kept in the plainest way.
type plain struct {
	status map[string]Status
	phase  map[string]int
	ran    map[string]bool
	ids    map[string]uuid.UUID
	// ends are the counts at the end of each day with events, changes the
	// transitions in it.
	ends    map[Date][2]int
	changes map[Date]map[uuid.UUID]int
}

// world drives a catalog and its model with random commands.
type world struct {
	*ledger
	plain   plain
	began   time.Time
	history []struct {
		stamp  Stamp
		stream Stream
		event  Event
	}
	versions map[uuid.UUID][]*Experiment
	closed   *DailyReport
	names    int
}

func newWorld() *world {
	l := newLedger()
	return &world{
		ledger: l, began: l.now, versions: map[uuid.UUID][]*Experiment{},
		plain: plain{
			status: map[string]Status{}, phase: map[string]int{}, ran: map[string]bool{}, ids: map[string]uuid.UUID{},
			ends: map[Date][2]int{}, changes: map[Date]map[uuid.UUID]int{},
		},
	}
}

// do decides, checks that deciding left no trace and that applying can be
// undone, and applies. It reports whether the decision was to go on.
func (w *world) do(t *rapid.T, decide func() ([]Change, error)) bool {
	before := dump(t, w.Catalog)
	changes, err := decide()
	if dump(t, w.Catalog) != before {
		t.Fatal("a decision changed the catalog")
	}
	if err != nil {
		return false
	}
	w.Begin()
	w.append(changes...)
	after := dump(t, w.Catalog)
	w.Rollback()
	if now := dump(t, w.Catalog); now != before {
		t.Fatalf("rolled back to\n%s\nnot to\n%s", now, before)
	}
	w.Begin()
	for _, ch := range changes {
		s := Stamp{
			Position: w.Position() + 1, Version: w.Version(ch.Stream) + 1, At: w.now,
			Hash: Hash{byte(w.Position() + 1)},
		}
		w.Apply(s, ch.Stream, ch.Event)
		w.history = append(w.history, struct {
			stamp  Stamp
			stream Stream
			event  Event
		}{s, ch.Stream, reread(t, ch.Event)})
		w.note(ch)
	}
	w.Keep()
	if dump(t, w.Catalog) != after {
		t.Fatal("the same events gave another catalog")
	}
	return true
}

// note brings the model up to one event.
func (w *world) note(ch Change) {
	kind, id, _ := ch.Stream.Entity()
	today := DateOf(w.now)
	p := &w.plain
	if kind == KindExperiment {
		e, _ := w.Experiments.ByID(id)
		w.versions[id] = append(w.versions[id], e)
		switch event := ch.Event.(type) {
		case Created[Experiment]:
			p.status[e.Key], p.phase[e.Key], p.ids[e.Key] = Inactive, 1, id
			delete(p.ran, e.Key)
		case StatusChanged:
			p.status[e.Key] = event.New
			p.ran[e.Key] = p.ran[e.Key] || event.New == Active
			if p.changes[today] == nil {
				p.changes[today] = map[uuid.UUID]int{}
			}
			p.changes[today][id]++
		case Deleted[Experiment]:
			delete(p.status, e.Key)
		}
	}
	active := 0
	for _, s := range p.status {
		if s == Active {
			active++
		}
	}
	p.ends[today] = [2]int{active, len(p.status) - active}
}

// any draws an experiment that there is, or nil.
func (w *world) any(t *rapid.T) *Experiment {
	if len(w.plain.status) == 0 {
		return nil
	}
	key := rapid.SampledFrom(slices.Sorted(maps.Keys(w.plain.status))).Draw(t, "experiment")
	e, err := w.Experiments.Find(key)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return e
}

func (w *world) name() string {
	w.names++
	return fmt.Sprintf("n%d", w.names)
}

// settings draws members of a patch that names what may or may not be there.
func (w *world) settings(t *rapid.T) string {
	experiment := rapid.SampledFrom(append(slices.Sorted(maps.Keys(w.plain.status)), "n1", "n2", "n3"))
	switch rapid.IntRange(0, 8).Draw(t, "setting") {
	case 0:
		keys := rapid.Permutation([]string{"control", "treatment", "c", "d"}).Draw(t, "keys")
		members := []string{}
		for _, key := range keys[:rapid.IntRange(2, 4).Draw(t, "variations")] {
			members = append(members, fmt.Sprintf(`{"key":%q,"weight":%d}`, key, rapid.IntRange(0, 9).Draw(t, "weight")))
		}
		return `"variations":[` + strings.Join(members, ",") + `]`
	case 1:
		return fmt.Sprintf(`"layer":{"key":%q,"share_ppm":%d}`,
			rapid.SampledFrom([]string{"l1", "l2"}).Draw(t, "layer"), rapid.IntRange(1, 400_000).Draw(t, "share"))
	case 2:
		from := rapid.IntRange(0, 900_000).Draw(t, "from")
		return fmt.Sprintf(`"layer":{"key":"l1","slots":[{"from":%d,"to":%d}]}`, from, from+rapid.IntRange(1, 100_000).Draw(t, "slots"))
	case 3:
		return rapid.SampledFrom([]string{`"layer":{"key":"queue"}`, `"layer":null`}).Draw(t, "layer")
	case 4:
		return fmt.Sprintf(`"prerequisites":[{"experiment":%q,"variations":["control"]},{"experiment":%q,"variations":["c"]}]`,
			experiment.Draw(t, "prerequisite"), experiment.Draw(t, "prerequisite"))
	case 5:
		return fmt.Sprintf(`"prerequisites":[{"experiment":%q,"variations":["control"]}]`, experiment.Draw(t, "prerequisite"))
	case 6:
		return rapid.SampledFrom([]string{`"audience":{"id":{"$inGroup":"g"}}`, `"audience":null`, `"salt":"s"`, `"unit_type":"device"`}).Draw(t, "whom")
	case 7:
		return rapid.SampledFrom([]string{`"metrics":[{"metric":"m","role":"primary"}]`, `"metrics":null`}).Draw(t, "metrics")
	}
	return fmt.Sprintf(`"name":%q,"traffic_ppm":%d`, rapid.SampledFrom([]string{"one", "two"}).Draw(t, "name"), rapid.IntRange(0, Slots).Draw(t, "traffic"))
}

func (w *world) create(t *rapid.T) {
	draft, err := ParseExperimentDraft([]byte(`{"key":"` + w.name() + `","name":"x"}`))
	if rapid.Bool().Draw(t, "with settings") {
		draft, err = ParseExperimentDraft([]byte(strings.ReplaceAll(`{"key":"`+w.name()+`","name":"x",`+w.settings(t)+`}`, `"name":"x","name"`, `"name"`)))
	}
	if err == nil {
		draft.ID = newUUID()
		w.do(t, func() ([]Change, error) { return w.CreateExperiment(draft) })
	}
}

// again creates what has the key of an experiment, deleted or not.
func (w *world) again(t *rapid.T) {
	if len(w.plain.ids) == 0 {
		return
	}
	key := rapid.SampledFrom(slices.Sorted(maps.Keys(w.plain.ids))).Draw(t, "key")
	_, taken := w.plain.status[key]
	draft := ExperimentDraft{ID: newUUID(), Key: key, Settings: []byte(`{"name":"again"}`)}
	if w.do(t, func() ([]Change, error) { return w.CreateExperiment(draft) }) == taken {
		t.Fatalf("key %s, taken %t, was given otherwise", key, taken)
	}
}

func (w *world) edit(t *rapid.T) {
	e := w.any(t)
	if e == nil {
		return
	}
	phase := rapid.SampledFrom([]string{``, `"phase":"same",`, `"phase":"new",`}).Draw(t, "phase")
	if w.do(t, func() ([]Change, error) { return w.EditExperiment(e, []byte("{"+phase+w.settings(t)+"}")) }) {
		w.expectPhase(t, e, strings.Contains(phase, "new"), strings.Contains(phase, "same"))
	}
}

func (w *world) revert(t *rapid.T) {
	e := w.any(t)
	if e == nil {
		return
	}
	version := rapid.IntRange(1, e.Version).Draw(t, "version")
	then := w.versions[e.ID][version-1]
	phase := rapid.SampledFrom([]string{"", "new", "same"}).Draw(t, "phase")
	if w.do(t, func() ([]Change, error) { return w.RevertExperiment(e, then, version, phase) }) {
		now := w.get(t, e.Key)
		if now.Name != then.Name || !slices.Equal(now.Split, then.Split) || fmt.Sprint(now.Layer) != fmt.Sprint(then.Layer) && then.Layer == nil {
			t.Fatalf("reverted to %+v, not to %+v", now, then)
		}
		w.expectPhase(t, e, phase == "new", phase == "same")
	}
}

// expectPhase checks an accepted change against the rule of phases.
func (w *world) expectPhase(t *rapid.T, before *Experiment, begins, stays bool) {
	now := w.get(t, before.Key)
	if begins {
		w.plain.phase[before.Key]++
	}
	if w.plain.ran[before.Key] && !begins && !stays {
		for i, v := range now.Variations {
			if i >= len(before.Variations) || v.Key != before.Variations[i].Key || v.Weight != before.Variations[i].Weight {
				t.Fatal("weights changed without a phase")
			}
		}
		if string(now.Audience) != string(before.Audience) || now.Salt != before.Salt || now.UnitType != before.UnitType ||
			!slices.Equal(now.Split, before.Split) {
			t.Fatal("who gets what changed without a phase")
		}
	}
}

func (w *world) toggle(t *rapid.T) {
	e := w.any(t)
	if e == nil {
		return
	}
	to := rapid.SampledFrom([]Status{Active, Inactive}).Draw(t, "status")
	at := w.Position()
	if !w.do(t, func() ([]Change, error) { return w.SetStatus(e, to) }) {
		t.Fatal("a status was refused")
	}
	if appended := w.Position() - at; (appended == 1) != (e.Status != to) || appended > 1 {
		t.Fatalf("from %s to %s appended %d", e.Status, to, appended)
	}
}

func (w *world) remove(t *rapid.T) {
	if e := w.any(t); e != nil {
		w.do(t, func() ([]Change, error) { return w.DeleteExperiment(e) })
	}
}

func (w *world) resource(t *rapid.T) {
	id := newUUID()
	layer, hasLayer := w.Layers.ByKey("l2")
	queue, hasQueue := w.Layers.ByKey("queue")
	metric, hasMetric := w.Metrics.ByKey("m")
	segment, hasSegment := w.Segments.ByKey("g")
	decide := map[string]func() ([]Change, error){
		"layer 1":  func() ([]Change, error) { return w.CreateLayer(id, []byte(`{"name":"l1"}`)) },
		"layer 2":  func() ([]Change, error) { return w.CreateLayer(id, []byte(`{"name":"l2","unit_type":"device"}`)) },
		"queue":    func() ([]Change, error) { return w.CreateLayer(id, []byte(`{"name":"queue","mode":"ordered"}`)) },
		"metric":   func() ([]Change, error) { return w.CreateMetric(id, []byte(`{"name":"m","event":"e"}`)) },
		"segment":  func() ([]Change, error) { return w.CreateSegment(id, []byte(`{"name":"g","ids":["a","b"]}`)) },
		"no layer": func() ([]Change, error) { return nil, ErrNotFound },
	}
	if hasLayer {
		decide["no layer"] = func() ([]Change, error) { return w.DeleteLayer(layer) }
	}
	if hasQueue {
		decide["no queue"] = func() ([]Change, error) { return w.DeleteLayer(queue) }
		decide["turn queue"] = func() ([]Change, error) {
			order := slices.Clone(queue.Order)
			slices.Reverse(order)
			patch, err := Encode(map[string]any{"order": order})
			if err != nil {
				return nil, err
			}
			return w.EditLayer(queue, patch)
		}
	}
	if hasMetric {
		decide["no metric"] = func() ([]Change, error) { return w.DeleteMetric(metric) }
	}
	if hasSegment {
		decide["no segment"] = func() ([]Change, error) { return w.DeleteSegment(segment) }
	}
	w.do(t, decide[rapid.SampledFrom(slices.Sorted(maps.Keys(decide))).Draw(t, "resource")])
}

func (w *world) members(t *rapid.T) {
	segment, ok := w.Segments.ByKey("g")
	if !ok {
		return
	}
	draw := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 3)
	add, remove := draw.Draw(t, "add"), draw.Draw(t, "remove")
	if w.do(t, func() ([]Change, error) { return w.ChangeMembers(segment, add, remove) }) {
		segment, _ = w.Segments.ByKey("g")
		for _, id := range append(add, remove...) {
			if _, in := w.Members(segment.ID)[id]; in != slices.Contains(add, id) || len(w.Members(segment.ID)) != segment.Size {
				t.Fatalf("%v with %v and without %v", w.Members(segment.ID), add, remove)
			}
		}
	}
}

// depend makes one experiment wait for another, which may be refused.
func (w *world) depend(t *rapid.T) {
	e, other := w.any(t), w.any(t)
	if e == nil {
		return
	}
	patch := fmt.Sprintf(`{"prerequisites":[{"experiment":%q,"variations":[%q]}]}`, other.Key, other.Variations[0].Key)
	done := w.do(t, func() ([]Change, error) { return w.EditExperiment(e, []byte(patch)) })
	if !done && e != other && !w.circular(other, e.Key, 0) {
		t.Fatalf("%s may not wait for %s", e.Key, other.Key)
	}
}

// sleep lets time pass and days close.
func (w *world) sleep(t *rapid.T) {
	w.now = w.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "hours")) * time.Hour)
	from := w.Position() + 1
	w.do(t, func() ([]Change, error) { return w.CloseDays(w.now), nil })
	for i := range w.history {
		if closed, ok := w.history[i].event.(DayClosed); ok && w.history[i].stamp.Position >= from {
			w.checkReport(t, closed.Report)
			w.closed = &closed.Report
		}
	}
	if w.ClosedThrough() != DateOf(w.now)-1 {
		t.Fatalf("closed through %s on %s", w.ClosedThrough(), w.now)
	}
}

func (w *world) checkReport(t *rapid.T, r DailyReport) {
	var end [2]int
	last := w.began.AddDate(-1, 0, 0)
	for d, counts := range w.plain.ends {
		if d <= r.Date && d.Start().After(last) {
			last, end = d.Start(), counts
		}
	}
	total := 0
	for _, ch := range r.Experiments {
		if w.plain.changes[r.Date][ch.ExperimentID] != ch.Changes {
			t.Fatalf("%+v, the model has %v", r, w.plain.changes[r.Date])
		}
		total += ch.Changes
	}
	if r.Active != end[0] || r.Inactive != end[1] || r.TotalChanges != total || len(r.Experiments) != len(w.plain.changes[r.Date]) ||
		r.ChangedExperiments != len(r.Experiments) || !r.Final {
		t.Fatalf("%+v, the model has %v and %v", r, end, w.plain.changes[r.Date])
	}
}

// check holds the catalog to its rules and to the model.
func (w *world) check(t *rapid.T) {
	active, inactive := w.Counts()
	want := [2]int{}
	for key, status := range w.plain.status {
		e := w.get(t, key)
		if e.Status != status || e.Phase != w.plain.phase[key] || e.EverActive != w.plain.ran[key] || e.ID != w.plain.ids[key] {
			t.Fatalf("%s is %+v, the model has %s, phase %d", key, e, status, w.plain.phase[key])
		}
		if status == Active {
			want[0]++
		} else {
			want[1]++
		}
	}
	if w.Experiments.Len() != len(w.plain.status) || [2]int{active, inactive} != want {
		t.Fatalf("%d experiments, %d active, %d inactive; the model has %v", w.Experiments.Len(), active, inactive, want)
	}
	w.checkLayers(t)
	for e := range w.Experiments.All() {
		w.checkExperiment(t, e)
	}
}

func (w *world) checkLayers(t *rapid.T) {
	for layer := range w.Layers.All() {
		next := 0
		for _, o := range w.Occupancy(layer) {
			if o.From < next || o.To <= o.From || o.To > Slots {
				t.Fatalf("layer %s is held as %v", layer.Key, w.Occupancy(layer))
			}
			next = o.To
		}
		members := []string{}
		for e := range w.Experiments.All() {
			if e.Layer != nil && e.Layer.Key == layer.Key {
				members = append(members, e.Key)
				if e.UnitType != layer.UnitType || (len(e.Layer.Slots) == 0) != (layer.Mode == OrderedLayer) || e.Layer.SharePPM != nil {
					t.Fatalf("%+v is in layer %+v with %+v", e, layer, e.Layer)
				}
			}
		}
		slices.Sort(members)
		if layer.Mode == OrderedLayer && !slices.Equal(members, slices.Sorted(slices.Values(layer.Order))) {
			t.Fatalf("order %v of members %v", layer.Order, members)
		}
	}
}

func (w *world) checkExperiment(t *rapid.T, e *Experiment) {
	checkWhole(t, e.Split)
	certain, tied, _ := apportionments(e.Variations)
	held := count(e.Split)
	for i, v := range e.Variations {
		if d := held[v.Key] - certain[i]; d != 0 && (d != 1 || !slices.Contains(tied, i)) {
			t.Fatalf("%s has %d slots of %v", v.Key, held[v.Key], e.Variations)
		}
	}
	if e.Layer != nil {
		if _, ok := w.Layers.ByKey(e.Layer.Key); !ok {
			t.Fatalf("%s is in a layer that is gone", e.Key)
		}
	}
	for _, m := range e.Metrics {
		if _, ok := w.Metrics.ByKey(m.Metric); !ok {
			t.Fatalf("%s has a metric that is gone", e.Key)
		}
	}
	if _, ok := w.Segments.ByKey("g"); !ok && strings.Contains(string(e.Audience), "$inGroup") {
		t.Fatalf("%s has a segment that is gone", e.Key)
	}
	for _, p := range e.Prerequisites {
		for _, v := range p.Variations {
			if w.get(t, p.Experiment).variation(v) < 0 {
				t.Fatalf("%s waits for %s of %s, which is gone", e.Key, v, p.Experiment)
			}
		}
	}
	if w.circular(e, e.Key, 0) {
		t.Fatalf("%s depends on itself", e.Key)
	}
}

func (w *world) circular(e *Experiment, key string, depth int) bool {
	for _, p := range e.Prerequisites {
		other, _ := w.Experiments.ByKey(p.Experiment)
		if p.Experiment == key || depth > 100 || w.circular(other, key, depth+1) {
			return true
		}
	}
	return false
}

func TestRandomCommandsKeepTheRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld()
		for _, body := range []string{`{"name":"l1"}`, `{"name":"queue","mode":"ordered"}`} {
			w.do(rt, func() ([]Change, error) { return w.CreateLayer(newUUID(), []byte(body)) })
		}
		w.do(rt, func() ([]Change, error) {
			return w.CreateSegment(newUUID(), []byte(`{"name":"g"}`))
		})
		rt.Repeat(map[string]func(*rapid.T){
			"create": w.create, "again": w.again, "edit": w.edit, "edit more": w.edit, "revert": w.revert,
			"toggle": w.toggle, "depend": w.depend, "delete": w.remove, "resource": w.resource, "members": w.members,
			"sleep": w.sleep, "": w.check,
		})
		end := dump(rt, w.Catalog)
		fold := NewCatalog(w.began)
		for _, h := range w.history {
			fold.Apply(h.stamp, h.stream, h.event)
		}
		if got := dump(rt, fold); got != end {
			rt.Fatalf("the ledger folds to\n%s\nnot to\n%s", got, end)
		}
		restored := Restore(saved(w.Catalog, w.closed))
		if got := dump(rt, restored); got != end {
			rt.Fatalf("what was saved restores to\n%s\nnot to\n%s", got, end)
		}
		for _, again := range []*Catalog{fold, restored} {
			w.Catalog = again
			w.check(rt)
		}
	})
}
