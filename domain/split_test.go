package domain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func variationsOf(weights []int) []Variation {
	vs := make([]Variation, len(weights))
	for i, w := range weights {
		vs[i] = Variation{Key: fmt.Sprintf("v%d", i), Weight: w}
	}
	return vs
}

func TestSharesAreExact(t *testing.T) {
	for _, tt := range []struct {
		weights, want []int
	}{
		{[]int{1, 1}, []int{500_000, 500_000}},
		{[]int{1, 1, 1}, []int{333_334, 333_333, 333_333}},
		{[]int{0, 7}, []int{0, 1_000_000}},
		{[]int{1, 2, 3, 1}, []int{142_857, 285_714, 428_572, 142_857}},
		{[]int{1_000_000, 1}, []int{999_999, 1}},
	} {
		if got := Shares(nil, variationsOf(tt.weights)); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("Shares(%v) = %v, want %v", tt.weights, got, tt.want)
		}
	}
}

// count sums the slots of each variation.
func count(split []SplitRange) map[string]int {
	n := map[string]int{}
	for _, r := range split {
		n[r.Variation] += r.To - r.From
	}
	return n
}

func checkWhole(t *rapid.T, split []SplitRange) {
	next := 0
	for i, r := range split {
		if r.From != next || r.To <= r.From {
			t.Fatalf("range %d of %v does not follow slot %d", i, split, next)
		}
		if i > 0 && split[i-1].Variation == r.Variation {
			t.Fatalf("neighbours of one variation are not joined: %v", split)
		}
		next = r.To
	}
	if next != Slots {
		t.Fatalf("%v ends at %d", split, next)
	}
}

// apportionments are all ways to divide the slots by largest remainder: where
// remainders tie, any of the tied may have the last slots.
func apportionments(variations []Variation) (certain []int, tied []int, extra int) {
	total := 0
	for _, v := range variations {
		total += v.Weight
	}
	certain = make([]int, len(variations))
	rest := Slots
	byRemainder := map[int][]int{}
	for i, v := range variations {
		certain[i] = v.Weight * Slots / total
		rest -= certain[i]
		r := v.Weight * Slots % total
		byRemainder[r] = append(byRemainder[r], i)
	}
	for _, r := range slices.Backward(slices.Sorted(maps.Keys(byRemainder))) {
		group := byRemainder[r]
		if rest <= len(group) {
			return certain, group, rest
		}
		for _, i := range group {
			certain[i]++
		}
		rest -= len(group)
	}
	return certain, nil, 0
}

// fewestMoves is the least that any apportionment must move, found by trying
// every one where they are few, else by the tied that save a move.
func fewestMoves(before map[string]int, variations []Variation) int {
	certain, tied, extra := apportionments(variations)
	moves := func(chosen []int) int {
		n := 0
		for i, v := range variations {
			share := certain[i]
			if slices.Contains(chosen, i) {
				share++
			}
			n += max(0, share-before[v.Key])
		}
		return n
	}
	if len(tied) > 12 {
		slices.SortFunc(tied, func(a, b int) int {
			return cmp.Compare(certain[a]-before[variations[a].Key], certain[b]-before[variations[b].Key])
		})
		return moves(tied[:extra])
	}
	fewest := Slots
	for subset := range 1 << len(tied) {
		var chosen []int
		for i, v := range tied {
			if subset&(1<<i) != 0 {
				chosen = append(chosen, v)
			}
		}
		if len(chosen) == extra {
			fewest = min(fewest, moves(chosen))
		}
	}
	return fewest
}

// drawVariations draws what an edit may leave: variations kept, added, removed,
// in another order, under another key, with other weights.
func drawVariations(t *rapid.T, edit int, old []Variation) []Variation {
	weight := rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, maxWeight), rapid.Just(maxWeight))
	var next []Variation
	for _, v := range old {
		switch rapid.SampledFrom([]string{"keep", "weigh", "remove", "rename"}).Draw(t, "what becomes of "+v.Key) {
		case "weigh":
			v.Weight = weight.Draw(t, "weight")
		case "rename":
			v.Key += "'"
		case "remove":
			continue
		}
		next = append(next, v)
	}
	for i := range rapid.IntRange(max(0, 2-len(next)), maxVariations-len(next)).Draw(t, "new variations") {
		next = append(next, Variation{Key: fmt.Sprintf("v%d of edit %d", i, edit), Weight: weight.Draw(t, "weight")})
	}
	next = rapid.Permutation(next).Draw(t, "order")
	if sum(next) == 0 {
		next[0].Weight = 1
	}
	return next
}

func sum(variations []Variation) (n int) {
	for _, v := range variations {
		n += v.Weight
	}
	return n
}

func TestNextSplitMovesTheFewestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		variations := drawVariations(t, 0, nil)
		split := NextSplit(nil, variations)
		checkWhole(t, split)
		for edit := range rapid.IntRange(1, 4).Draw(t, "edits") {
			variations = drawVariations(t, edit+1, variations)
			next := NextSplit(split, variations)
			checkWhole(t, next)
			before, after := count(split), count(next)
			certain, tied, extra := apportionments(variations)
			for i, v := range variations {
				if d := after[v.Key] - certain[i]; d != 0 && (d != 1 || !slices.Contains(tied, i)) {
					t.Fatalf("%s has %d slots, should have %d", v.Key, after[v.Key], certain[i])
				} else {
					extra -= d
				}
			}
			if extra != 0 {
				t.Fatalf("%d slots are not dealt by largest remainder", extra)
			}
			moved := 0
			for _, m := range Moves(split, next) {
				if before[m.From] <= after[m.From] || after[m.To] <= before[m.To] {
					t.Fatalf("%v takes from a variation that grows, or gives to one that shrinks", m)
				}
				moved += m.Slots
			}
			if fewest := fewestMoves(before, variations); moved != fewest {
				t.Fatalf("moved %d slots, %d would do", moved, fewest)
			}
			if again := NextSplit(next, variations); !slices.Equal(again, next) {
				t.Fatalf("%v became %v by no change", next, again)
			}
			split = next
		}
	})
}

func TestReorderingMovesNobody(t *testing.T) {
	split := NextSplit(nil, variationsOf([]int{1, 1, 1}))
	reordered := []Variation{{Key: "v2", Weight: 1}, {Key: "v0", Weight: 1}, {Key: "v1", Weight: 1}}
	if moves := Moves(split, NextSplit(split, reordered)); len(moves) != 0 {
		t.Errorf("moved %v", moves)
	}
}

func TestFirstSplitIsInOrder(t *testing.T) {
	got := fmt.Sprint(NextSplit(nil, []Variation{{Key: "control", Weight: 1}, {Key: "none"}, {Key: "treatment", Weight: 1}}))
	if want := "[{control 0 500000} {treatment 500000 1000000}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
