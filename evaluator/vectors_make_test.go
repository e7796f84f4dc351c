package evaluator_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/assaylabs/assay/domain"
)

const (
	madeConfigurations = 48
	madeCalls          = 11_000
)

// maker makes configurations and calls, always the same ones.
type maker struct{ *rand.Rand }

func makeVectors(t *testing.T, configurations, calls int) vectors {
	t.Helper()
	m := maker{rand.New(rand.NewPCG(4, 1))}
	v := vectors{Schema: vectorSchema}
	var models []model
	for i := range configurations {
		document, err := json.Marshal(m.document(i))
		if err != nil {
			t.Fatal(err)
		}
		made, err := newModel(document)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, made)
		v.Configurations = append(v.Configurations, configuration{fmt.Sprintf("made %d", i), document})
	}
	for i := range calls {
		c := m.call(i%configurations, models[i%configurations])
		c.Variation, c.Reason = models[c.Configuration].evaluate(c.Experiment, c.subject())
		v.Calls = append(v.Calls, c)
	}
	return v
}

func pick[T any](m maker, list ...T) T { return list[m.IntN(len(list))] }

// chance is true n times of 100.
func (m maker) chance(n int) bool { return m.IntN(100) < n }

func (m maker) id() string {
	return fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", m.Uint32(), m.IntN(1<<16), m.IntN(1<<12), m.IntN(1<<12), m.Uint64N(1<<48))
}

func (m maker) document(n int) object {
	d := object{
		"position": 100 + n, "at": "2026-01-31T12:00:00Z", "deltas_from": 0,
		"segments": []object{
			{"id": m.id(), "key": "staff", "position": 1, "version": 1, "ids": []string{"u1", "u2", "é", "用户"}},
			{"id": m.id(), "key": "beta", "position": 2, "version": 1, "ids": []string{"FR", "acme", "u3"}},
		},
	}
	random := object{"id": m.id(), "key": "random", "name": "random", "mode": "random", "unit_type": "user_id", "salt": m.salt(), "order": []string{}}
	ordered := object{"id": m.id(), "key": "ordered", "name": "ordered", "mode": "ordered", "unit_type": "user_id", "salt": m.salt()}
	var experiments []object
	var order []string
	free := 0
	for i := range 10 {
		e := m.experiment(i, experiments)
		switch {
		case e["unit_type"] != "user_id":
		case m.chance(35) && free < domain.Slots:
			to := min(domain.Slots, free+100_000+m.IntN(400_000))
			middle := free + (to-free)/2
			e["layer"] = object{"key": "random", "slots": []object{{"from": free, "to": middle}, {"from": middle + 7, "to": to}}}
			free = to
		case m.chance(45):
			e["layer"] = object{"key": "ordered"}
			order = append(order, e["key"].(string))
		}
		experiments = append(experiments, e)
	}
	m.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	ordered["order"] = order
	d["layers"] = []object{random, ordered}
	d["experiments"] = experiments
	d["holdouts"] = m.holdouts()
	return d
}

func (m maker) salt() string {
	return pick(m, m.id(), m.id(), "s", "sel", "соль", "塩🧂", strings.Repeat("long ", 25))
}

func (m maker) holdouts() []object {
	holdouts := []object{}
	for i := range m.IntN(4) {
		h := object{
			"id": m.id(), "key": fmt.Sprintf("holdout-%d", i), "name": "h", "unit_type": pick(m, "user_id", "user_id", "account"),
			"salt": m.salt(), "share_ppm": pick(m, 0, 50_000, 200_000, 1_000_000), "tags": []string{}, "experiments": []string{},
		}
		switch m.IntN(4) {
		case 0:
			h["share_ppm"] = 30_000
		case 1:
			h["experiments"] = []string{"e1", "e4"}
		default:
			h["tags"] = []string{pick(m, "checkout", "search")}
		}
		holdouts = append(holdouts, h)
	}
	return holdouts
}

func (m maker) experiment(i int, before []object) object {
	e := object{
		"id": m.id(), "key": fmt.Sprintf("e%d", i), "version": 1 + m.IntN(9), "position": 3 + i, "phase": 1,
		"status": "active", "hash": "xxh3", "unit_type": "user_id", "salt": m.salt(), "tags": []string{},
		"traffic_ppm": pick(m, 0, 1, 100_000, 500_000, 999_999, 1_000_000, 1_000_000, 1_000_000, m.IntN(1_000_001)),
		"audience":    object{}, "overrides": object{}, "prerequisites": []object{},
	}
	if m.chance(10) {
		e["status"] = "inactive"
	}
	if m.chance(25) {
		e["hash"] = "gb2"
	}
	if m.chance(20) {
		e["unit_type"] = pick(m, "account", "device.id")
	}
	if m.chance(50) {
		e["tags"] = []string{pick(m, "checkout", "search")}
	}
	if m.chance(35) {
		e["audience"] = m.condition(2)
	}
	keys := m.variations(e)
	if m.chance(30) {
		e["overrides"] = object{"u1": pick(m, keys...), "👩‍👩‍👧": pick(m, keys...), "42": pick(m, keys...), "acme": pick(m, keys...), " u1": pick(m, keys...)}
	}
	if len(before) > 0 && m.chance(35) {
		e["prerequisites"] = m.prerequisites(before)
	}
	return e
}

// variations sets an experiment's variations and split, in up to twelve pieces.
func (m maker) variations(e object) (keys []string) {
	var variations []object
	for i := range 2 + m.IntN(4) {
		key := pick(m, "control", "A", "off") + fmt.Sprint(i)
		keys = append(keys, key)
		variations = append(variations, object{"key": key, "value": pick[any](m, i, key, nil, object{"n": i}, i > 0)})
	}
	cuts := []int{0, domain.Slots}
	for range m.IntN(len(keys) * 2) {
		cuts = append(cuts, pick(m, 100*m.IntN(10_000), m.IntN(domain.Slots), 500_000))
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var split []object
	for i := range len(cuts) - 1 {
		split = append(split, object{"variation": pick(m, keys...), "from": cuts[i], "to": cuts[i+1]})
	}
	e["variations"], e["split"] = variations, split
	return keys
}

func (m maker) prerequisites(before []object) []object {
	var list []object
	for range 1 + m.IntN(2) {
		other := pick(m, before...)
		var wanted []any
		for _, v := range other["variations"].([]object) {
			if m.chance(70) {
				wanted = append(wanted, v["key"])
			}
		}
		if len(wanted) > 0 {
			list = append(list, object{"experiment": other["key"], "variations": wanted})
		}
	}
	if m.chance(5) {
		list = append(list, object{"experiment": "gone", "variations": []any{"control0"}})
	}
	if list == nil {
		list = []object{}
	}
	return list
}

func (m maker) condition(depth int) object {
	if depth > 0 && m.chance(30) {
		a, b := m.condition(depth-1), m.condition(depth-1)
		return pick(m,
			object{"$and": []object{a, b}}, object{"$or": []object{a, b}}, object{"$nor": []object{a, b}}, object{"$not": a})
	}
	c := object{}
	for range 1 + m.IntN(2) {
		maps.Copy(c, m.test())
	}
	return c
}

// test is a condition on one attribute, each kind of operator in its turn.
func (m maker) test() object {
	country := pick(m, "US", "FR", "us", "日本")
	return pick(m,
		object{"country": country}, object{"country": object{"$ne": country}},
		object{"country": object{"$in": []string{country, "DE"}}}, object{"country": object{"$nin": []string{country}}},
		object{"country": object{"$ini": []string{"us", "Fr"}}}, object{"country": object{"$nini": []string{"us"}}},
		object{"country": object{"$notInGroup": "beta"}}, object{"country": object{"$inGroup": "beta"}},
		object{"country": object{"$regex": "^(US|F.)$"}}, object{"country": object{"$regexi": "^f"}}, object{"country": object{"$gt": "G"}},
		object{"age": object{"$gte": 18, "$lt": 65}}, object{"age": object{"$gt": 30.5}}, object{"age": object{"$lte": 18}},
		object{"age": object{"$not": object{"$gt": 21}}}, object{"age": object{"$exists": m.chance(50)}}, object{"age": object{"$eq": 42}},
		object{"version": object{"$vgte": "2.3.0"}}, object{"version": object{"$vlt": "2.10.0"}}, object{"version": object{"$veq": "v2.3.0"}},
		object{"version": object{"$vne": "2.3.0-rc.1"}}, object{"version": object{"$vgt": "2.3.0-rc.1"}},
		object{"tags": object{"$all": []string{"a", "b"}}}, object{"tags": object{"$size": object{"$gte": 2}}}, object{"tags": object{"$in": []string{"c"}}},
		object{"tags": object{"$elemMatch": object{"$regex": "^b"}}}, object{"tags.0": "a"}, object{"tags.length": 3}, object{"tags": object{"$type": "array"}},
		object{"device.os": "ios"}, object{"device": object{"$type": pick(m, "object", "null")}}, object{"device.memory": object{"$gt": 4}},
		object{"ip": object{"$cidr": "10.0.0.0/8"}}, object{"ip": object{"$cidr": "2001:db8::/32"}}, object{"beta": true}, object{"beta": nil},
		object{"orders": object{"$elemMatch": object{"total": object{"$gt": 100}}}}, object{"account": object{"$inGroup": "beta"}},
	)
}

// attributes sets about half of what conditions ask for.
func (m maker) attributes() object {
	a := object{}
	for _, choice := range []struct {
		name   string
		values []any
	}{
		{"country", []any{"US", "FR", "us", "fr", "日本", "", 1.0, nil, []any{"US", "DE"}}},
		{"age", []any{17.0, 18.0, 21.0, 30.5, 42.0, 65.0, "42", -1.0}},
		{"version", []any{"2.3.0", "v2.3.0", "2.3.0-rc.1", "2.10.0", "2.9.9+build.5", "1", ""}},
		{"tags", []any{[]any{}, []any{"a"}, []any{"a", "b", "c"}, []any{"b", "a"}, "a"}},
		{"device", []any{object{"os": "ios", "memory": 8.0}, object{"os": "android"}, object{}, "phone"}},
		{"ip", []any{"10.1.2.3", "192.168.0.1", "2001:db8::1", "not an address", 10.0}},
		{"beta", []any{true, false, nil}},
		{"orders", []any{[]any{object{"total": 99.0}, object{"total": 101.0}}, []any{}, []any{object{"total": 1.0}}}},
	} {
		if m.chance(45) {
			a[choice.name] = pick(m, choice.values...)
		}
	}
	if m.chance(70) {
		a["account"] = pick[any](m, "acme", "acme ", "用户", 42.0, -7.0, 0.0, 1.5, 9007199254740991.0, 9007199254740992.0, 1e300, true, nil, "", []any{"acme"}, float64(m.IntN(1000)))
	}
	if m.chance(70) {
		a["device.id"] = pick[any](m, m.id(), float64(m.Uint32()), "")
	}
	return a
}

func (m maker) call(configuration int, in model) call {
	c := call{Configuration: configuration, Experiment: fmt.Sprintf("e%d", m.IntN(10)), Attributes: m.attributes()}
	if m.chance(1) {
		c.Experiment = pick(m, "gone", "E1", "e1 ", "")
	}
	if m.chance(2) {
		c.AttributesBase64 = map[string][]byte{"account": []byte(pick(m, "\xff", "acme\xc3", "\xed\xb0\x80"))}
		delete(c.Attributes, "account")
	}
	id := m.unit()
	if utf8.ValidString(id) {
		c.Unit = id
	} else {
		c.UnitBase64 = []byte(id)
	}
	return c
}

// unit is an id: of every length and script, and those that must not be taken
// for each other.
func (m maker) unit() string {
	switch m.IntN(20) {
	case 11:
		return "u1"
	case 0:
		return pick(m, "", "\xff", "u1\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ok\x80")
	case 1:
		return pick(m, "x", "0", " ", "é", "用", "\x00")
	case 2:
		return strings.Repeat(pick(m, "ab", "ж", "🦊"), pick(m, 1, 2, 3, 4, 30, 32, 60, 64, 65, 120, 121, 256))
	case 3:
		return pick(m, "é", "e\u0301", "Å", "A\u030a", "ﬁ", "fi", "ß", "SS", "İ", "i̇")
	case 4:
		return pick(m, "u1", "U1", " u1", "u1 ", "u1\n", "u１", "u\u200b1", "\ufeffu1", "u1\x00", "uI", "ul")
	case 5:
		return pick(m, "😀", "👩‍👩‍👧", "👍🏽", "👍", "🇫🇷", "a😀b", "é😀", "\U0010ffff")
	case 6:
		return pick(m, "admin", "\u0430dmin", "\u0440\u0430ypal", "paypal", "用户", "用戶", "مستخدم", "ผู้ใช้")
	case 7:
		return fmt.Sprintf("%s@example.com", pick(m, "ann", "bob", "Ann", "jörg")) + pick(m, "", fmt.Sprint(m.IntN(100)))
	case 8, 9, 10:
		return m.id()
	}
	return fmt.Sprint(pick(m, "", "u", "user-"), m.IntN(100_000))
}
