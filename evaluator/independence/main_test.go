package main

import (
	"strings"
	"testing"
)

// TestShortForm holds a smaller table to wider bounds. Nothing in it is left to
// chance.
func TestShortForm(t *testing.T) {
	for _, kind := range kinds() {
		ids := kind.list(2_500)
		ours, err := assigned(120, ids)
		if err != nil {
			t.Fatal(err)
		}
		for i, share := range ours.pairs() {
			if share < 0.7 || share > 1.3 {
				t.Errorf("%s ids: %.2f %% of pairs are dependent (column %d)", kind.name, share, i)
			}
		}
		if share := ours.uniformity(); share > 3.5 {
			t.Errorf("%s ids: %.2f %% of experiments are uneven", kind.name, share)
		}
	}
}

// TestSeesDependence: a measure that finds nothing wrong with schemes that are
// wrong would be no measure.
func TestSeesDependence(t *testing.T) {
	ids := kinds()[0].list(2_000)
	for _, scheme := range schemes() {
		split := scheme.split(40, ids)
		share := dependent(split.halves, nil)
		switch {
		case strings.HasPrefix(scheme.name, "SHA-256"):
			if share > 3 {
				t.Errorf("%s: %.1f %% of pairs are dependent", scheme.name, share)
			}
		case strings.HasPrefix(scheme.name, "CRC-32"), strings.HasPrefix(scheme.name, "xxh3 of id ^"):
			if share < 20 {
				t.Errorf("%s: only %.1f %% of pairs are dependent", scheme.name, share)
			}
		}
	}
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"-experiments 20 -units 500 -tolerance 5", 0, "non-ASCII"},
		{"-experiments 20 -units 500 -tolerance 0.0001", 1, "SHA-256"},
		{"-experiments 1", 2, ""},
		{"-no-such-flag", 2, ""},
		{"argument", 2, ""},
	} {
		var stdout, stderr strings.Builder
		if code := run(strings.Fields(tt.args), &stdout, &stderr); code != tt.code || !strings.Contains(stdout.String(), tt.want) {
			t.Errorf("%s: exit %d, want %d\n%s%s", tt.args, code, tt.code, stdout.String(), stderr.String())
		}
	}
}
