package domain

import (
	"cmp"
	"slices"
)

// Range is the slots From … To-1.
type Range struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// SplitRange gives a range of slots to a variation.
type SplitRange struct {
	Variation string `json:"variation"`
	From      int    `json:"from"`
	To        int    `json:"to"`
}

// Move says how many slots go from one variation to another; From is empty for
// the first split.
type Move struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Slots int    `json:"slots"`
}

// Shares divides all slots by weight, exactly, by the largest remainder. Ties go
// to variations that would else give up a slot of the old split, then to those
// that come first. The sum of weights must be positive.
func Shares(old []SplitRange, variations []Variation) []int {
	held := map[string]int{}
	for _, r := range old {
		held[r.Variation] += r.To - r.From
	}
	var total int64
	for _, v := range variations {
		total += int64(v.Weight)
	}
	shares := make([]int, len(variations))
	order := make([]int, len(variations))
	rest := Slots
	for i, v := range variations {
		shares[i] = int(int64(v.Weight) * Slots / total)
		rest -= shares[i]
		order[i] = i
	}
	remainder := func(i int) int64 { return int64(variations[i].Weight) * Slots % total }
	gives := func(i int) int {
		if held[variations[i].Key] > shares[i] {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(remainder(b), remainder(a)), gives(b)-gives(a))
	})
	for _, i := range order[:rest] {
		shares[i]++
	}
	return shares
}

// NextSplit returns the split for the variations' weights that moves the fewest
// slots of the old one (nil for a first split): a variation that shrinks gives
// up its highest slots, and those go, in order, to the variations that grow.
func NextSplit(old []SplitRange, variations []Variation) []SplitRange {
	want := map[string]int{}
	for i, share := range Shares(old, variations) {
		want[variations[i].Key] = share
	}
	if len(old) == 0 {
		return fill(nil, []Range{{From: 0, To: Slots}}, variations, want)
	}
	kept, free := keepSlots(old, want)
	return fill(kept, free, variations, want)
}

// keepSlots lets each variation keep its lowest slots, up to what it should
// have, and lowers want by what was kept.
func keepSlots(old []SplitRange, want map[string]int) (kept []SplitRange, free []Range) {
	for _, r := range old {
		n := min(r.To-r.From, want[r.Variation])
		want[r.Variation] -= n
		if n > 0 {
			kept = append(kept, SplitRange{Variation: r.Variation, From: r.From, To: r.From + n})
		}
		if r.From+n < r.To {
			free = append(free, Range{From: r.From + n, To: r.To})
		}
	}
	return kept, free
}

// fill hands the free slots to the variations that want them, and returns the
// whole split in order of slots, neighbours of one variation joined.
func fill(kept []SplitRange, free []Range, variations []Variation, want map[string]int) []SplitRange {
	for _, v := range variations {
		for n := want[v.Key]; n > 0; {
			r := &free[0]
			take := min(n, r.To-r.From)
			kept = append(kept, SplitRange{Variation: v.Key, From: r.From, To: r.From + take})
			r.From += take
			n -= take
			if r.From == r.To {
				free = free[1:]
			}
		}
	}
	slices.SortFunc(kept, func(a, b SplitRange) int { return cmp.Compare(a.From, b.From) })
	joined := kept[:0]
	for _, r := range kept {
		if n := len(joined); n > 0 && joined[n-1].Variation == r.Variation && joined[n-1].To == r.From {
			joined[n-1].To = r.To
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// Moves lists the slots that change hands between two splits, summed by pair of
// variations, in the order in which they first occur.
func Moves(old, next []SplitRange) []Move {
	moves := []Move{}
	at := map[[2]string]int{}
	for i, j := 0, 0; i < len(old) && j < len(next); {
		from, to := max(old[i].From, next[j].From), min(old[i].To, next[j].To)
		if a, b := old[i].Variation, next[j].Variation; a != b && to > from {
			k, seen := at[[2]string{a, b}]
			if !seen {
				k = len(moves)
				at[[2]string{a, b}] = k
				moves = append(moves, Move{From: a, To: b})
			}
			moves[k].Slots += to - from
		}
		if old[i].To <= next[j].To {
			i++
		} else {
			j++
		}
	}
	return moves
}
