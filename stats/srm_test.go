package stats

import (
	"math"
	"testing"
)

// A large departure shows among few units, a small one among many.
func TestSRMSequenceFinds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		users []float64
	}{
		{"two fifths too many of 922", []float64{560, 362}},
		{"one percent too many of a million", []float64{505_000, 495_000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			watch, _ := NewSRMSequence([]float64{1, 1}, 0)
			look, status := watch.Add(tt.users)
			if chi, _ := SRMChi2([]float64{1, 1}, tt.users); status != OK || look.P > 1e-6 {
				t.Errorf("p = %g (%s) where chi-square says %g", look.P, status, chi.P)
			}
		})
	}
}

// The mean over priors is that, also where one of them underflows.
func TestSRMSequenceMixes(t *testing.T) {
	for _, users := range [][]float64{{30, 20}, {9_000, 11_000}, {1e9, 1.01e9}} {
		var logs []float64
		for _, concentration := range srmConcentrations() {
			watch, _ := NewSRMSequence([]float64{1, 1}, concentration)
			look, _ := watch.Add(users)
			logs = append(logs, look.LogBF)
		}
		watch, _ := NewSRMSequence([]float64{1, 1}, 0)
		look, _ := watch.Add(users)
		want := logs[0]
		for i, log := range logs[1:] {
			// The mean of i+1 so far, and one more.
			want = max(want, log) + math.Log((float64(i+1)*math.Exp(want-max(want, log))+math.Exp(log-max(want, log)))/float64(i+2))
		}
		if math.Abs(look.LogBF-want) > 1e-9*math.Abs(want) {
			t.Errorf("%v: log Bayes factor %g, want %g", users, look.LogBF, want)
		}
	}
}
