package evaluator

import (
	"strconv"
	"testing"
)

func TestKeyIndexFindsEveryKeyAndNoOther(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1_000} {
		experiments := make([]Experiment, n)
		for i := range experiments {
			experiments[i].key = strconv.Itoa(i)
		}
		x := newKeyIndex(experiments)
		for i := range 2 * n {
			if e := x.find(strconv.Itoa(i)); (e != nil) != (i < n) || e != nil && e != &experiments[i] {
				t.Errorf("of %d, key %d is %p", n, i, e)
			}
		}
		if x.find("") != nil || n > 0 && x.find("00") != nil {
			t.Errorf("of %d, a key is found that is not there", n)
		}
	}
}
