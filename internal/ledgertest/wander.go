package ledgertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

// Wanderer makes a random history of all that evaluation depends on.
type Wanderer struct {
	Commands *commands.Service
	Random   *rand.Rand
}

func (w Wanderer) pick(choices ...string) string { return choices[w.Random.IntN(len(choices))] }

func (w Wanderer) key() string { return fmt.Sprintf("e%d", w.Random.IntN(12)) }

// settings are members of a patch, some of which name what there may not be.
func (w Wanderer) settings() string {
	switch w.Random.IntN(9) {
	case 0:
		return fmt.Sprintf(`"traffic_ppm":%d`, w.Random.IntN(1_000_001))
	case 1:
		return `"audience":` + w.pick(`{}`, `{"country":"US"}`, `{"id":{"$inGroup":"g0"}}`,
			`{"tags":{"$inGroup":"g1"},"country":{"$ne":"CA"}}`, `{"id":{"$notInGroup":"g0"}}`)
	case 2:
		return fmt.Sprintf(`"layer":{"key":"random","share_ppm":%d}`, 1+w.Random.IntN(200_000))
	case 3:
		return w.pick(`"layer":{"key":"queue"}`, `"layer":null`)
	case 4:
		return fmt.Sprintf(`"prerequisites":[{"experiment":%q,"variations":[%q]}]`, w.key(), w.pick("control", "treatment"))
	case 5:
		return `"overrides":` + w.pick(`{}`, `{"u1":"treatment"}`, `{"u2":"control","u3":"treatment"}`)
	case 6:
		return fmt.Sprintf(`"variations":[{"key":"control","weight":%d},{"key":"treatment","weight":%d}]`, 1+w.Random.IntN(5), w.Random.IntN(5))
	case 7:
		return `"tags":` + w.pick(`[]`, `["held"]`)
	}
	return w.pick(`"salt":"s"`, `"unit_type":"company"`, `"unit_type":"user_id"`, `"description":"d"`, `"description":"e"`)
}

// Step is one wish of an administrator; it may be refused.
func (w Wanderer) Step(t testing.TB) {
	t.Helper()
	call, key := commands.Call{}, w.key()
	call.Actor = w.pick("ada", "grace")
	member := w.pick("u1", "u2", "u3")
	var err error
	switch w.Random.IntN(16) {
	case 0, 1:
		_, err = w.Commands.CreateExperiment(t.Context(), call, fmt.Appendf(nil, `{"name":"x","key":%q,%s}`, key, w.settings()))
	case 2:
		if w.Random.IntN(3) == 0 {
			_, err = w.Commands.DeleteExperiment(t.Context(), call, key)
		}
	case 3, 4, 5, 6:
		_, err = w.Commands.SetStatus(t.Context(), call, key, w.pick("active", "active", "inactive"))
	case 7:
		_, err = w.Commands.ChangeMembers(t.Context(), call, w.pick("g0", "g1"), []string{member}, nil)
	case 8:
		_, err = w.Commands.ChangeMembers(t.Context(), call, w.pick("g0", "g1"), nil, []string{member})
	case 9:
		_, err = w.Commands.PatchResource(t.Context(), call, domain.KindHoldout, "h", fmt.Appendf(nil, `{"share_ppm":%d}`, w.Random.IntN(500_000)))
	case 10:
		_, err = w.Commands.DeleteResource(t.Context(), call, domain.KindHoldout, "h")
		if w.Random.IntN(2) == 0 {
			_, err = w.Commands.CreateResource(t.Context(), call, domain.KindHoldout, fmt.Appendf(nil, `{"name":"h","key":"h","share_ppm":300000,"tags":["held"],"unit_type":%q}`, w.pick("user_id", "company")))
		}
	case 11:
		_, err = w.Commands.DeleteResource(t.Context(), call, domain.KindSegment, "g1")
		w.Furnish(t)
	default:
		_, err = w.Commands.PatchExperiment(t.Context(), call, key, fmt.Appendf(nil, `{"phase":%q,%s}`, w.pick("same", "same", "new"), w.settings()))
	}
	var invalid *domain.InvalidError
	var conflict *domain.ConflictError
	if err != nil && !errors.Is(err, domain.ErrNotFound) && !errors.As(err, &invalid) && !errors.As(err, &conflict) {
		t.Fatal(err)
	}
}

// Furnish makes what experiments refer to, as far as it is not there.
func (w Wanderer) Furnish(t testing.TB) {
	t.Helper()
	for _, r := range []struct {
		kind domain.Kind
		key  string
		more string
	}{
		{domain.KindLayer, "random", ``},
		{domain.KindLayer, "queue", `,"mode":"ordered"`},
		{domain.KindSegment, "g0", `,"ids":["u1"]`},
		{domain.KindSegment, "g1", `,"ids":["u2","x"]`},
	} {
		var conflict *domain.ConflictError
		_, err := w.Commands.CreateResource(t.Context(), commands.Call{}, r.kind, fmt.Appendf(nil, `{"name":%q,"key":%[1]q%s}`, r.key, r.more))
		if err != nil && !errors.As(err, &conflict) {
			t.Fatal(err)
		}
	}
}
