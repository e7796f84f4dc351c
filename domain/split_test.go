package domain

import (
	"fmt"
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

func drawWeights(t *rapid.T, label string) []int {
	weights := rapid.SliceOfN(rapid.IntRange(0, maxWeight), 2, 8).Draw(t, label)
	weights[rapid.IntRange(0, len(weights)-1).Draw(t, label+" positive")]++
	return weights
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
		if got := Shares(variationsOf(tt.weights)); fmt.Sprint(got) != fmt.Sprint(tt.want) {
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

func TestNextSplitMovesTheFewestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		split := NextSplit(nil, variationsOf(drawWeights(t, "first")))
		checkWhole(t, split)
		for i := range rapid.IntRange(1, 5).Draw(t, "edits") {
			variations := variationsOf(drawWeights(t, fmt.Sprint("edit", i)))
			next := NextSplit(split, variations)
			checkWhole(t, next)
			before, after := count(split), count(next)
			fewest := 0
			for j, share := range Shares(variations) {
				key := variations[j].Key
				if after[key] != share {
					t.Fatalf("%s has %d slots, should have %d", key, after[key], share)
				}
				fewest += max(0, share-before[key])
			}
			moved := 0
			for _, m := range Moves(split, next) {
				if before[m.From] <= after[m.From] || after[m.To] <= before[m.To] {
					t.Fatalf("%v takes from a variation that grows, or gives to one that shrinks", m)
				}
				moved += m.Slots
			}
			if moved != fewest {
				t.Fatalf("moved %d slots, %d would do", moved, fewest)
			}
			split = next
		}
	})
}
