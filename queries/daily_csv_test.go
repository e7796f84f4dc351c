package queries

import "testing"

func TestCSVCells(t *testing.T) {
	for cell, want := range map[string]string{
		"":          "",
		"Checkout":  "Checkout",
		"=1+1":      "'=1+1",
		"+1":        "'+1",
		"-1":        "'-1",
		"@sum(a1)":  "'@sum(a1)",
		"\t=1":      "'\t=1",
		"\r=1":      "'\r=1",
		"a=b":       "a=b",
		"'=quoted'": "'=quoted'",
	} {
		if got := plain(cell); got != want {
			t.Errorf("%q: got %q, want %q", cell, got, want)
		}
	}
}
