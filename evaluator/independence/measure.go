package main

import (
	"encoding/json"
	"fmt"
	"math/bits"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// arms is how many variations of the same weight a split has.
const arms = 16

// The values that chi-squared exceeds once in a hundred times.
const (
	critical1  = 6.6349  // of one degree of freedom
	critical15 = 30.5779 // of fifteen
)

// set is units: a bit each.
type set struct {
	words []uint64
	size  int // of the set
	of    int // units in all
}

func newSet(units int) set { return set{words: make([]uint64, (units+63)/64), of: units} }

func (s *set) add(unit int) {
	s.words[unit/64] |= 1 << (unit % 64)
	s.size++
}

// dependsOn tests the fourfold table of two sets.
func (s set) dependsOn(t set) bool {
	both := 0
	for i, word := range s.words {
		both += bits.OnesCount64(word & t.words[i])
	}
	n, a, b := float64(s.of), float64(s.size), float64(t.size)
	difference := float64(both)*n - a*b
	return difference*difference*n > critical1*a*(n-a)*b*(n-b)
}

// dependent is the percentage of pairs that are dependent: pairs within one
// list, or, where there are two, of one of each.
func dependent(a, b []set) float64 {
	found, pairs := 0, 0
	for i := range a {
		others := b
		if b == nil {
			others = a[:i]
		}
		for _, other := range others {
			pairs++
			if a[i].dependsOn(other) {
				found++
			}
		}
	}
	return 100 * float64(found) / float64(pairs)
}

// split is what experiments with nothing but a split give.
type split struct {
	halves []set // of the units in the lower half of the arms
	counts [][arms]int
}

func newSplit(experiments, units int) split {
	s := split{counts: make([][arms]int, experiments)}
	for range experiments {
		s.halves = append(s.halves, newSet(units))
	}
	return s
}

func (s *split) give(experiment, unit, arm int) {
	s.counts[experiment][arm]++
	if arm < arms/2 {
		s.halves[experiment].add(unit)
	}
}

// uneven is the percentage of experiments whose arms differ too much in size.
func (s *split) uneven() float64 {
	found := 0
	for i, counts := range s.counts {
		expected, sum := float64(s.halves[i].of)/arms, 0.0
		for _, n := range counts {
			sum += (float64(n) - expected) * (float64(n) - expected) / expected
		}
		if sum > critical15 {
			found++
		}
	}
	return 100 * float64(found) / float64(len(s.counts))
}

// assignment is what the evaluator gives: splits, and who is within half of the
// traffic, and within half of a layer.
type assignment struct {
	split          split
	traffic, layer []set
}

// pairs are the percentages of dependent pairs: split with split, traffic with
// traffic, layer with layer, split with traffic, split with layer, traffic with
// layer.
func (a *assignment) pairs() []float64 {
	halves := a.split.halves
	return []float64{
		dependent(halves, nil), dependent(a.traffic, nil), dependent(a.layer, nil),
		dependent(halves, a.traffic), dependent(halves, a.layer), dependent(a.traffic, a.layer),
	}
}

func (a *assignment) uniformity() float64 { return a.split.uneven() }

// assigned asks the evaluator about every unit. Each experiment is three: one
// shows the split, one of the same salt the traffic, one the layer.
func assigned(experiments int, ids []string) (*assignment, error) {
	snapshot, faults := evaluator.Compile(document(experiments))
	if len(faults) > 0 {
		return nil, faults[0]
	}
	a := &assignment{split: newSplit(experiments, len(ids))}
	for range experiments {
		a.traffic, a.layer = append(a.traffic, newSet(len(ids))), append(a.layer, newSet(len(ids)))
	}
	var unit evaluator.Unit
	var results []evaluator.Result
	for i, id := range ids {
		snapshot.Prepare(&unit, id, nil)
		results = snapshot.EvaluateAll(&unit, results)
		for e := range experiments { // by key: layers, splits, traffics
			if results[e].Reason != evaluator.Layer {
				a.layer[e].add(i)
			}
			a.split.give(e, i, int(results[experiments+e].Variation))
			if results[2*experiments+e].Reason != evaluator.Traffic {
				a.traffic[e].add(i)
			}
		}
	}
	return a, nil
}

// salt is an id as the server makes them: alike but for their ends.
func salt(n int) string { return fmt.Sprintf("0193f000-0000-7000-8000-%012x", n) }

func document(experiments int) evaluator.Document {
	var d evaluator.Document
	add := func(key string, n, traffic int, layer string) {
		var variations, ranges string
		for i := range arms {
			if i > 0 {
				variations, ranges = variations+",", ranges+","
			}
			variations += fmt.Sprintf(`{"key":"v%d","value":%[1]d}`, i)
			ranges += fmt.Sprintf(`{"variation":"v%d","from":%d,"to":%d}`, i, i*domain.Slots/arms, (i+1)*domain.Slots/arms)
		}
		d.Experiments = append(d.Experiments, json.RawMessage(fmt.Sprintf(
			`{"id":%q,"key":"%s-%06d","status":"active","hash":"xxh3","unit_type":"user_id","salt":%q,"traffic_ppm":%d,"variations":[%s],"split":[%s]%s}`,
			salt(n), key, n, salt(n), traffic, variations, ranges, layer)))
	}
	for n := range experiments {
		add("split", n, domain.Slots, "")
		add("traffic", n, domain.Slots/2, "")
		add("layer", n, domain.Slots, fmt.Sprintf(`,"layer":{"key":"layer-%d","slots":[{"from":0,"to":%d}]}`, n, domain.Slots/2))
		d.Layers = append(d.Layers, domain.Layer{
			Header: domain.Header{Key: fmt.Sprintf("layer-%d", n)},
			Mode:   domain.RandomLayer, UnitType: "user_id", Salt: salt(experiments + n),
		})
	}
	return d
}
