package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// TestValidityInShort draws the short form of the table.
func TestValidityInShort(t *testing.T) {
	var table, problems bytes.Buffer
	if code := run([]string{"-short"}, &table, &problems); code != 0 || problems.Len() > 0 {
		t.Errorf("exit %d\n%s%s", code, &table, &problems)
	}
}

// TestRowOutOfRange expects a promise that is not kept to be found.
func TestRowOutOfRange(t *testing.T) {
	biased := experiment{"biased", 10_000, func(s *study) {
		heads := 0
		for range s.runs {
			if s.Float64() < 0.06 {
				heads++
			}
		}
		s.about(": heads", heads, 0.05, 0.003)
	}}
	var table strings.Builder
	if print(&table, simulate([]experiment{biased}, plan{seed: 1}, 1)) {
		t.Errorf("6 %% pass for 5 %%\n%s", &table)
	}
	if !strings.Contains(table.String(), "NO") || !strings.Contains(table.String(), "1 of 2 rows in range") {
		t.Errorf("the table does not say so\n%s", &table)
	}
}

// TestSameFiguresFromAnyWorkers expects a table that depends on the seed alone.
func TestSameFiguresFromAnyWorkers(t *testing.T) {
	some := experiments()[:3]
	var tables [3]strings.Builder
	print(&tables[0], simulate(some, plan{seed: 1, most: 50}, 1))
	print(&tables[1], simulate(some, plan{seed: 1, most: 50}, 3))
	print(&tables[2], simulate(some, plan{seed: 2, most: 50}, 3))
	if tables[0].String() != tables[1].String() {
		t.Errorf("with three workers\n%s\nnot\n%s", &tables[1], &tables[0])
	}
	if tables[0].String() == tables[2].String() {
		t.Errorf("two seeds give\n%s", &tables[2])
	}
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"-runs", "-1"}, {"more"}, {"-nothing"}} {
		if code := run(args, io.Discard, io.Discard); code != 2 {
			t.Errorf("%v exits %d, want 2", args, code)
		}
	}
}
