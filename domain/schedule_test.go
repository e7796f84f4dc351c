package domain

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at is a minute of the day on which these ledgers begin.
func at(minute int) time.Time {
	return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC)
}

func rfc(minute int) string { return at(minute).Format(time.RFC3339Nano) }

// carryOut does what the schedule wants of an experiment and says whether that
// was anything.
func (l *ledger) carryOut(t rapid.TB, e *Experiment) bool {
	t.Helper()
	changes, reason, err := l.CarryOut(e, l.now)
	if err != nil || len(changes) > 1 || (reason == "") != (len(changes) == 0) {
		t.Fatalf("%v, %q, %v", changes, reason, err)
	}
	l.append(changes...)
	return len(changes) == 1
}

func TestScheduleOfACreation(t *testing.T) {
	for name, tt := range map[string]struct{ schedule, want, fault string }{
		"both":           {`{"start_at":"` + rfc(1) + `","stop_at":"` + rfc(2) + `"}`, `{"start_at":"` + rfc(1) + `","stop_at":"` + rfc(2) + `"}`, ""},
		"a start alone":  {`{"start_at":"` + rfc(1) + `"}`, `{"start_at":"` + rfc(1) + `"}`, ""},
		"a stop alone":   {`{"stop_at":"` + rfc(2) + `"}`, `{"stop_at":"` + rfc(2) + `"}`, ""},
		"another zone":   {`{"start_at":"2026-03-01T14:01:00+02:00"}`, `{"start_at":"` + rfc(1) + `"}`, ""},
		"none":           {`null`, `null`, ""},
		"empty":          {`{}`, `null`, ""},
		"stop at start":  {`{"start_at":"` + rfc(1) + `","stop_at":"` + rfc(1) + `"}`, "", "schedule.stop_at"},
		"stop too early": {`{"start_at":"` + rfc(2) + `","stop_at":"` + rfc(1) + `"}`, "", "schedule.stop_at"},
		"long ago":       {`{"start_at":"1969-12-31T23:59:59Z"}`, "", "schedule.start_at"},
		"far away":       {`{"stop_at":"9999-01-01T00:00:00Z"}`, "", "schedule.stop_at"},
		"a day":          {`{"start_at":"2026-03-01"}`, "", "schedule.start_at"},
		"a number":       {`{"start_at":1}`, "", "schedule.start_at"},
		"a null":         {`{"start_at":null}`, "", "schedule.start_at"},
		"a wrong name":   {`{"begin_at":"` + rfc(1) + `"}`, "", "schedule.begin_at"},
		"no object":      {`"` + rfc(1) + `"`, "", "schedule"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			body := `{"name":"x","schedule":` + tt.schedule + `}`
			if tt.fault != "" {
				refused(t, tt.fault)(l.draft(t, body))
				return
			}
			e := l.create(t, body)
			for _, s := range []*Schedule{e.Schedule, e.Pending} {
				if have, err := Encode(s); err != nil || string(have) != tt.want {
					t.Errorf("%s, %v, want %s", have, err, tt.want)
				}
			}
		})
	}
	refused(t, "pending")(newLedger().draft(t, `{"name":"x","pending":{}}`))
}

// What is given, when and by whom, and what the schedule then wants.
func TestScheduleIsCarriedOutOnceAndFightsNobody(t *testing.T) {
	both := `{"name":"x","key":"x","schedule":{"start_at":"` + rfc(10) + `","stop_at":"` + rfc(20) + `"}}`
	type step struct {
		minute int
		// do is on or off, by hand; a patch; or nothing.
		do string
		// carried is the status that the schedule then brings about; "" for none.
		carried Status
	}
	for name, steps := range map[string][]step{
		"in time":                       {{9, "", ""}, {10, "", Active}, {11, "", ""}, {19, "", ""}, {20, "", Inactive}, {21, "", ""}},
		"late for the start":            {{15, "", Active}, {16, "", ""}, {20, "", Inactive}},
		"late for both":                 {{30, "", ""}},
		"late for the stop":             {{10, "", Active}, {300, "", Inactive}},
		"tried out before":              {{5, "on", ""}, {6, "off", ""}, {10, "", Active}},
		"on already":                    {{5, "on", ""}, {10, "", ""}, {20, "", Inactive}},
		"on already, then switched off": {{5, "on", ""}, {10, "", ""}, {12, "off", ""}, {13, "", ""}, {20, "", ""}},
		"stopped by hand":               {{10, "", Active}, {12, "off", ""}, {13, "", ""}, {20, "", ""}},
		"stopped and started by hand":   {{10, "", Active}, {12, "off", ""}, {13, "on", ""}, {20, "", Inactive}},
		"overtaken while nobody looked": {{11, "on", ""}, {12, "off", ""}, {13, "", ""}},
		"started again after the stop":  {{10, "", Active}, {20, "", Inactive}, {21, "on", ""}, {22, "", ""}},
		"removed":                       {{9, `{"schedule":null}`, ""}, {10, "", ""}, {20, "", ""}},
		"start removed":                 {{9, `{"schedule":{"start_at":null}}`, ""}, {10, "", ""}},
		"put off":                       {{9, `{"schedule":{"start_at":"` + rfc(15) + `"}}`, ""}, {10, "", ""}, {15, "", Active}},
		"put off when it was late":      {{12, `{"schedule":{"start_at":"` + rfc(15) + `"}}`, ""}, {13, "", ""}, {15, "", Active}},
		"stop put off after the start":  {{10, "", Active}, {12, "off", ""}, {13, `{"schedule":{"stop_at":"` + rfc(40) + `"}}`, ""}, {14, "", ""}, {40, "", ""}},
		"a new start after a stop":      {{10, "", Active}, {12, "off", ""}, {13, `{"schedule":{"start_at":"` + rfc(14) + `"}}`, ""}, {14, "", Active}},
		"a start in the past":           {{12, "on", ""}, {13, "off", ""}, {14, `{"schedule":{"start_at":"` + rfc(1) + `"}}`, Active}, {15, "", ""}},
		"another edit changes nothing":  {{10, "", Active}, {11, "off", ""}, {12, `{"description":"d"}`, ""}, {13, "", ""}},
		"the same times change nothing": {{10, "", Active}, {11, "off", ""}, {12, `{"schedule":{"start_at":"` + rfc(10) + `"},"owner":"o"}`, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			l.create(t, both)
			for _, s := range steps {
				l.now = at(s.minute)
				switch s.do {
				case "on":
					l.set(t, "x", Active)
				case "off":
					l.set(t, "x", Inactive)
				case "":
				default:
					must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(s.do)))
				}
				before := l.get(t, "x").Status
				done := l.carryOut(t, l.get(t, "x"))
				if after := l.get(t, "x").Status; done != (s.carried != "") || done && after != s.carried || !done && after != before {
					t.Errorf("at minute %d: %s became %s, want the schedule to bring %q", s.minute, before, after, s.carried)
				}
				if l.carryOut(t, l.get(t, "x")) {
					t.Errorf("at minute %d: carried out twice", s.minute)
				}
			}
		})
	}
}

// A revert brings back settings, not times that were carried out long ago; an
// import has pending what the export had.
func TestScheduleThatComesBack(t *testing.T) {
	l := newLedger()
	e := l.create(t, `{"name":"x","key":"x","schedule":{"start_at":"`+rfc(10)+`"}}`)
	l.now = at(10)
	l.carryOut(t, e)
	l.set(t, "x", Inactive)
	exported, err := Encode(l.get(t, "x"))
	if err != nil {
		t.Fatal(err)
	}
	must(t, l)(l.EditExperiment(l.get(t, "x"), []byte(`{"schedule":null,"description":"d"}`)))
	must(t, l)(l.RevertExperiment(l.get(t, "x"), e, 1, ""))
	if now := l.get(t, "x"); now.Schedule != nil || now.Pending != nil || now.Description != "" {
		t.Errorf("reverted to %+v", now)
	}
	for pending, doc := range map[string]string{
		"null":                           string(exported),
		`{"start_at":"` + rfc(10) + `"}`: strings.Replace(string(exported), `"hash"`, `"pending":{"start_at":"`+rfc(10)+`"},"hash"`, 1),
	} {
		l := newLedger()
		l.now = at(30)
		must(t, l)(l.ImportExperiment(newUUID(), []byte(doc)))
		if have, _ := Encode(l.get(t, "x").Pending); string(have) != pending {
			t.Errorf("pending %s, want %s", have, pending)
		}
	}
	foreign := strings.Replace(string(exported), `"hash"`, `"pending":{"stop_at":"`+rfc(10)+`"},"hash"`, 1)
	refused(t, "pending")(newLedger().ImportExperiment(newUUID(), []byte(foreign)))
	draft := newLedger()
	must(t, draft)(draft.ImportExperiment(newUUID(), []byte(`{"name":"x","key":"x","schedule":{"stop_at":"`+rfc(10)+`"}}`)))
	if draft.get(t, "x").Pending == nil {
		t.Error("an import of a creation has nothing pending")
	}
}

// asked is a time that somebody has written into a schedule, at a position.
type asked struct {
	time     time.Time
	to       Status
	position int64
}

// scheduleModel knows a schedule from the history alone: what was asked for, and
// when the status changed.
type scheduleModel struct {
	asks     []asked
	statuses []Stamp
}

// wants is what a schedule as it stands wants at a time.
func (m *scheduleModel) wants(s *Schedule, status Status, now time.Time) (to Status, ok bool) {
	for _, want := range []struct {
		time time.Time
		to   Status
	}{{s.value().StopAt, Inactive}, {s.value().StartAt, Active}} {
		if want.time.IsZero() || want.time.After(now) {
			continue
		}
		var last asked
		for _, a := range m.asks {
			if a.to == want.to {
				last = a
			}
		}
		settled := false
		for _, c := range m.statuses {
			settled = settled || c.Position > last.position && !c.At.Before(want.time)
		}
		if !settled {
			return want.to, want.to != status
		}
	}
	return "", false
}

// Whatever people and the scheduler do in whatever order, the schedule does what
// the history calls for and nothing else.
func TestScheduleAgainstItsHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, m := newLedger(), &scheduleModel{}
		draft, err := ParseExperimentDraft([]byte(`{"name":"x","key":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		draft.ID = newUUID()
		changes, err := l.CreateExperiment(draft)
		if err != nil {
			t.Fatal(err)
		}
		l.append(changes...)
		noted := func(changes []Change, err error) {
			if err != nil {
				return
			}
			before := l.get(t, "x")
			l.append(changes...)
			after := l.get(t, "x")
			for _, a := range []struct {
				old, new time.Time
				to       Status
			}{
				{before.Schedule.value().StartAt, after.Schedule.value().StartAt, Active},
				{before.Schedule.value().StopAt, after.Schedule.value().StopAt, Inactive},
			} {
				if !a.old.Equal(a.new) {
					m.asks = append(m.asks, asked{a.new, a.to, after.Position})
				}
			}
			if before.Status != after.Status {
				m.statuses = append(m.statuses, Stamp{Position: after.Position, At: l.now})
			}
		}
		minute := 0
		edit := func(t *rapid.T) {
			member := rapid.SampledFrom([]string{"start_at", "stop_at"}).Draw(t, "member")
			value := fmt.Sprintf("%q", rfc(minute+rapid.IntRange(-3, 5).Draw(t, "in")))
			if rapid.IntRange(0, 4).Draw(t, "remove") == 0 {
				value = "null"
			}
			noted(l.EditExperiment(l.get(t, "x"), fmt.Appendf(nil, `{"schedule":{%q:%s}}`, member, value)))
		}
		t.Repeat(map[string]func(*rapid.T){
			"edit": edit, "edit again": edit,
			"describe": func(t *rapid.T) {
				noted(l.EditExperiment(l.get(t, "x"), fmt.Appendf(nil, `{"description":"%d"}`, l.Position())))
			},
			"switch": func(t *rapid.T) {
				noted(l.SetStatus(l.get(t, "x"), rapid.SampledFrom([]Status{Active, Inactive}).Draw(t, "to")))
			},
			"wait": func(t *rapid.T) {
				minute += rapid.IntRange(1, 3).Draw(t, "minutes")
				l.now = at(minute)
			},
			"schedule": func(t *rapid.T) {
				e := l.get(t, "x")
				to, due := m.wants(e.Schedule, e.Status, l.now)
				changes, _, err := l.CarryOut(e, l.now)
				if err != nil || (len(changes) == 1) != due || due && changes[0].Event != (StatusChanged{Old: e.Status, New: to}) {
					t.Fatalf("at minute %d the schedule wants %v, %v; the history %q, %t", minute, changes, err, to, due)
				}
				noted(changes, err)
			},
			"": func(t *rapid.T) {
				e := l.get(t, "x")
				if left := e.Pending.value(); !left.within(e.Schedule.value()) {
					t.Fatalf("pending %+v, of %+v", e.Pending, e.Schedule)
				}
				if next := e.NextDue(l.now); !next.IsZero() && !next.After(l.now) {
					t.Fatalf("next due %v, now %v", next, l.now)
				}
			},
		})
	})
}
