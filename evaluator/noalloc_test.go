//go:build !race

// The race detector makes pools lose things on purpose.

package evaluator_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

func TestNoAlloc(t *testing.T) {
	w := ordinary(t)
	var special []json.RawMessage
	for i, raw := range w.document.Experiments {
		// What the workload has not: overrides, numeric units, the other hash.
		e := strings.Replace(string(raw), `"overrides":{}`, `"overrides":{"x":"v1"}`, 1)
		if i%2 == 0 && !strings.Contains(e, `"layer"`) {
			e = strings.Replace(strings.Replace(e, `"user_id"`, `"visits"`, 1), `"xxh3"`, `"gb2"`, 1)
		}
		special = append(special, []byte(e))
	}
	w.document.Experiments = special
	w.document.Holdouts = []domain.Holdout{{Header: domain.Header{Key: "h"}, UnitType: "user_id", Salt: "h", SharePPM: 50_000}}
	s := compile(t, w.document)
	var u evaluator.Unit
	var results []evaluator.Result
	i := 0
	for name, f := range map[string]func(){
		"prepare and evaluate all": func() {
			s.Prepare(&u, w.ids[i%visitors], w.units[i%visitors])
			results = s.EvaluateAll(&u, results)
		},
		"evaluate one": func() {
			s.Prepare(&u, w.ids[i%visitors], w.units[i%visitors])
			s.Evaluate(s.Experiments()[i%experiments], &u)
		},
		"evaluate raw": func() { s.EvaluateRaw(w.keys[i%experiments], w.ids[i%visitors], w.units[i%visitors]) },
	} {
		if n := testing.AllocsPerRun(500, func() { f(); i++ }); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
