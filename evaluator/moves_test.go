package evaluator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// arms spells variations of those weights.
func arms(weights []int) string {
	list := make([]string, len(weights))
	for i, w := range weights {
		list[i] = fmt.Sprintf(`{"key":"v%d","weight":%d}`, i, w)
	}
	return `"variations":[` + strings.Join(list, ",") + `]`
}

func drawnWeights(t *rapid.T, n int, label string) []int {
	weights := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 1, 2, 3, 7, 999}), n, n).Draw(t, label)
	if slices.Max(weights) == 0 {
		weights[0] = 1
	}
	return weights
}

// units are those whose answers are watched.
func units() []string {
	ids := make([]string, 400)
	for i := range ids {
		ids[i] = fmt.Sprintf("user-%d", i*i)
	}
	return ids
}

// variations is what the units that take part get.
func variations(t testing.TB, s *evaluator.Snapshot, key string) map[string]string {
	got := map[string]string{}
	for _, id := range units() {
		if v, reason := answer(t, s, key, id, nil); reason == "SPLIT" {
			got[id] = v
		} else if reason != "TRAFFIC" {
			t.Fatalf("%s: %s", id, reason)
		}
	}
	return got
}

func (l *ledger) edit(key, patch string) {
	l.tb.Helper()
	l.append(l.EditExperiment(l.find(key), []byte(patch)))
}

func TestTrafficMovesNobody(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := newLedger(t)
		weights := drawnWeights(r, rapid.IntRange(2, 5).Draw(r, "arms"), "weights")
		hash := rapid.SampledFrom([]string{"xxh3", "gb2"}).Draw(r, "hash")
		l.create("e", fmt.Sprintf(`"hash":%q,%s`, hash, arms(weights)))
		all := variations(t, l.snapshot(), "e")
		if len(all) != len(units()) {
			t.Fatalf("all traffic takes %d units", len(all))
		}
		before, ppm := all, domain.Slots
		for range 4 {
			next := rapid.IntRange(0, domain.Slots).Draw(r, "traffic")
			if next == ppm {
				continue
			}
			l.edit("e", fmt.Sprintf(`{"traffic_ppm":%d}`, next))
			now := variations(t, l.snapshot(), "e")
			smaller, larger := before, now
			if next < ppm {
				smaller, larger = now, before
			}
			for id, v := range now {
				if all[id] != v {
					t.Fatalf("%s moved from %s to %s", id, all[id], v)
				}
			}
			for id := range smaller {
				if _, ok := larger[id]; !ok {
					t.Fatalf("%s takes part of %d and not of %d", id, min(ppm, next), max(ppm, next))
				}
			}
			before, ppm = now, next
		}
	})
}

// TestWeightsMoveWhatThePreviewSays edits weights, again and again, and compares
// the slots and units that move with domain.Moves.
func TestWeightsMoveWhatThePreviewSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := newLedger(t)
		n := rapid.IntRange(2, 4).Draw(r, "arms")
		hash := rapid.SampledFrom([]string{"xxh3", "gb2"}).Draw(r, "hash")
		l.create("e", fmt.Sprintf(`"hash":%q,%s`, hash, arms(drawnWeights(r, n, "weights"))))
		for range 3 {
			old, before := l.find("e").Split, l.snapshot()
			l.edit("e", fmt.Sprintf(`{"phase":"same",%s}`, arms(drawnWeights(r, n, "weights"))))
			next, after := l.find("e").Split, l.snapshot()
			checkSlots(t, old, next, before, after)
			checkUnits(t, domain.Moves(old, next), before, after)
		}
	})
}

// checkSlots holds every edge of the splits, and its neighbours, to them, and
// what lies between two edges is of one variation in both.
func checkSlots(t *testing.T, old, next []domain.SplitRange, before, after *evaluator.Snapshot) {
	t.Helper()
	e, _ := before.Experiment("e")
	f, _ := after.Experiment("e")
	cuts := []int{domain.Slots}
	for _, r := range append(slices.Clone(old), next...) {
		cuts = append(cuts, r.From)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	moved := map[[2]string]int{}
	for i := range len(cuts) - 1 {
		a, b := evaluator.SplitAt(e, cuts[i]), evaluator.SplitAt(f, cuts[i])
		if last := cuts[i+1] - 1; evaluator.SplitAt(e, last) != a || evaluator.SplitAt(f, last) != b {
			t.Fatalf("slots %d to %d are of two variations", cuts[i], last)
		}
		if a != b {
			moved[[2]string{a, b}] += cuts[i+1] - cuts[i]
		}
	}
	for _, m := range domain.Moves(old, next) {
		if moved[[2]string{m.From, m.To}] != m.Slots {
			t.Fatalf("%d slots move from %s to %s, the preview says %d", moved[[2]string{m.From, m.To}], m.From, m.To, m.Slots)
		}
		delete(moved, [2]string{m.From, m.To})
	}
	if len(moved) > 0 {
		t.Fatalf("moves without a preview: %v", moved)
	}
}

func checkUnits(t *testing.T, moves []domain.Move, before, after *evaluator.Snapshot) {
	t.Helper()
	was, is := variations(t, before, "e"), variations(t, after, "e")
	for id, v := range is {
		said := slices.ContainsFunc(moves, func(m domain.Move) bool { return m.From == was[id] && m.To == v })
		if was[id] != v && !said {
			t.Fatalf("%s moved from %s to %s, the preview says %v", id, was[id], v, moves)
		}
	}
}

func TestKillingAnArmMovesItsUnitsAlone(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := newLedger(t)
		weights := drawnWeights(r, rapid.IntRange(3, 5).Draw(r, "arms"), "weights")
		weights[0], weights[2] = 1, 1 // who remains, and who is killed
		traffic := rapid.IntRange(1, domain.Slots).Draw(r, "traffic")
		l.create("e", fmt.Sprintf(`"traffic_ppm":%d,%s`, traffic, arms(weights)))
		was := variations(t, l.snapshot(), "e")
		weights[2] = 0
		l.edit("e", fmt.Sprintf(`{"phase":"same",%s}`, arms(weights)))
		is := variations(t, l.snapshot(), "e")
		if len(was) != len(is) {
			t.Fatalf("%d units took part, %d do", len(was), len(is))
		}
		for id, v := range is {
			if v == "v2" || was[id] != "v2" && was[id] != v {
				t.Fatalf("%s moved from %s to %s", id, was[id], v)
			}
		}
	})
}

// TestOthersChangeNothing adds, edits and removes other experiments beside one.
func TestOthersChangeNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := newLedger(t)
		l.append(l.CreateLayer(l.id(), []byte(`{"key":"y","name":"y"}`)))
		l.create("m", `"layer":{"key":"y","share_ppm":300000}`)
		l.create("e", `"traffic_ppm":700000`)
		answers := func() (all []string) {
			s := l.snapshot()
			for _, id := range units() {
				for _, key := range []string{"e", "m"} {
					v, reason := answer(t, s, key, id, nil)
					all = append(all, v+" "+reason)
				}
			}
			return all
		}
		want := answers()
		for n := range rapid.IntRange(1, 6).Draw(r, "changes") {
			key := fmt.Sprintf("other-%d", n)
			l.create(key, rapid.SampledFrom([]string{
				`"hash":"gb2"`,
				`"layer":{"key":"y","share_ppm":100000}`,
				`"prerequisites":[{"experiment":"e","variations":["control"]}]`,
				`"unit_type":"account","audience":{"country":"US"}`,
			}).Draw(r, "settings"))
			switch rapid.IntRange(0, 2).Draw(r, "then") {
			case 0:
				l.append(l.SetStatus(l.find(key), domain.Inactive))
			case 1:
				changes, err := l.DeleteExperiment(l.find(key))
				l.remove(domain.KindExperiment, l.find(key).ID, changes, err)
			}
		}
		if got := answers(); !slices.Equal(got, want) {
			t.Fatal("answers changed")
		}
	})
}
