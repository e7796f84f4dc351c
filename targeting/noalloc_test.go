//go:build !race

// The race detector makes the pools of regexp lose things on purpose.

package targeting

import (
	"encoding/json"
	"testing"
)

// TestMatchDoesNotAllocate tries every operator on a unit that meets it or
// nearly so, on units whose values are of other kinds, and on none.
func TestMatchDoesNotAllocate(t *testing.T) {
	for _, op := range operators() {
		t.Run(op.name, func(t *testing.T) {
			p, a := prepare(t, op.condition, op.unit)
			others := []map[string]any{op.unit, {"x": "not an address"}, {"x": []any{1, "fe80::1%eth0", nil}}, {"x": json.Number("1.5")}, nil}
			for _, unit := range others {
				if n := testing.AllocsPerRun(100, func() { a.Reset(p, unit); p.Match(0, a); p.MatchOnce(0, unit) }); n != 0 {
					t.Errorf("%v allocations on %v", n, unit)
				}
			}
		})
	}
}

func TestMatchOfManyDoesNotAllocate(t *testing.T) {
	p := compileAudiences(parseAudiences(t, audiences(100, 5)))
	q := compileAudiences(parseAudiences(t, audiences(10, 3)))
	unit := someone()
	var a Attributes
	all := func(p *Program) {
		a.Reset(p, unit)
		for i := range p.Len() {
			if !p.Match(i, &a) {
				t.Errorf("audience %d is not met", i)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { all(p); all(q) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
