package edge

import (
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/presence"
)

// view is a state of the feed, prepared for answers. It is not changed once it
// is built, but for bodies, which are encoded when first asked for.
type view struct {
	state    *feed.State
	callers  *callers
	flags    *flagSet
	position []string // the value of Assay-Position
	id       string   // of the event
	event    []byte   // what streams are told
	seed     uint64   // tells revisions apart in ETags
	snapshot *resource
	feed     *resource
}

// view returns the newest state in prepared form; nil before the first. While
// the next is prepared the last still serves.
func (e *Edge) view() *view {
	v, state := e.current.Load(), e.feed.State()
	switch {
	case v == nil:
		if state == nil {
			return nil
		}
		return e.refresh()
	case v.state == state || !e.building.TryLock():
		return v
	}
	defer e.building.Unlock()
	return e.rebuild()
}

// refresh is view, but waits for the newest.
func (e *Edge) refresh() *view {
	e.building.Lock()
	defer e.building.Unlock()
	return e.rebuild()
}

// rebuild runs under building.
func (e *Edge) rebuild() *view {
	old, state := e.current.Load(), e.feed.State()
	if state == nil || old != nil && old.state == state {
		return old
	}
	v := newView(state, old, e.limits, e.cfg.Uses)
	e.current.Store(v)
	return v
}

func newView(state *feed.State, old *view, limits *limits, uses *presence.Uses) *view {
	v := &view{state: state}
	var before *callers
	if old != nil {
		before = old.callers
	}
	v.callers = newCallers(state.Keys, before, limits.bucket, uses)
	if old != nil && old.state.Snapshot == state.Snapshot {
		v.flags = old.flags
	} else {
		v.flags = newFlagSet(state.Snapshot)
	}
	v.id = strconv.FormatInt(state.Document.Position, 10)
	v.position = []string{v.id}
	v.event = eventOf(state)
	v.seed = xxh3.HashString(state.ETag)
	v.snapshot, v.feed = snapshotOf(state), feedOf(state)
	return v
}

// span is a part of a flagSet's bytes.
type span struct{ from, to uint32 }

// flagSet is what answers are put together from: for each experiment and
// variation the beginning of its part, which ends before the reason, and for
// each reason the end. All of it is one slice, which the collector need not
// search.
type flagSet struct {
	bytes []byte
	flags []flag // by the experiment's index
	// ends are the ends of assignments, by reason.
	ends [evaluator.Split + 1]span
}

type flag struct {
	// ofrep and assigned are beginnings, by variation.
	ofrep, assigned []span
	// ends are those of OFREP, where endOf says.
	ends []span
}

// ofrepReason is what OFREP calls a reason. Its clients take DISABLED as "not in
// the experiment", with the control's value.
func ofrepReason(r evaluator.Reason) string {
	switch r {
	case evaluator.Split:
		return "SPLIT"
	case evaluator.Override:
		return "TARGETING_MATCH"
	}
	return "DISABLED"
}

// endOf says where the end for a result stands: only two reasons give other
// variations than the control.
func endOf(r evaluator.Reason, variation int) int {
	switch r {
	case evaluator.Split:
		return int(evaluator.Split) + 1 + 2*variation
	case evaluator.Override:
		return int(evaluator.Split) + 2 + 2*variation
	}
	return int(r)
}

// perFlag is about what the parts of a plain flag take, in bytes.
const perFlag = 1_500

func newFlagSet(s *evaluator.Snapshot) *flagSet {
	set := &flagSet{flags: make([]flag, 0, s.Len()), bytes: make([]byte, 0, s.Len()*perFlag)}
	for r := range set.ends {
		set.ends[r] = set.add(`,"reason":"`, evaluator.Reason(r).String(), `"}`)
	}
	for _, x := range s.Experiments() {
		set.flags = append(set.flags, set.flag(x))
	}
	return set
}

func (s *flagSet) flag(x *evaluator.Experiment) flag {
	variations := x.Variations()
	key := quote(x.Key())
	// The experiment's own version: one of the whole would make every flag look
	// changed.
	const metadata = `,"metadata":{"assayReason":"`
	versioned := `","version":` + strconv.Itoa(x.Version()) + `}}`
	f := flag{ends: make([]span, endOf(evaluator.Override, len(variations)-1)+1)}
	for i, v := range variations {
		name, value := quote(v.Key), string(v.Value)
		f.ofrep = append(f.ofrep, s.add(`{"key":`, key, `,"value":`, value))
		f.assigned = append(f.assigned, s.add(key, `:{"variation":`, name, `,"value":`, value))
		for _, r := range []evaluator.Reason{evaluator.Split, evaluator.Override} {
			f.ends[endOf(r, i)] = s.add(`,"reason":"`, ofrepReason(r), `","variant":`, name, metadata, r.String(), versioned)
		}
	}
	for r := evaluator.Reason(0); r <= evaluator.Split; r++ {
		if r != evaluator.Split && r != evaluator.Override {
			f.ends[endOf(r, 0)] = s.add(`,"reason":"`, ofrepReason(r), `"`, metadata, r.String(), versioned)
		}
	}
	return f
}

func (s *flagSet) add(parts ...string) span {
	from := len(s.bytes)
	for _, part := range parts {
		s.bytes = append(s.bytes, part...)
	}
	return span{uint32(from), uint32(len(s.bytes))}
}

func (s *flagSet) get(at span) []byte { return s.bytes[at.from:at.to] }

// appendFlag writes a result as OFREP does.
func (s *flagSet) appendFlag(b []byte, r evaluator.Result) []byte {
	f := &s.flags[r.Experiment.Index()]
	b = append(b, s.get(f.ofrep[r.Variation])...)
	return append(b, s.get(f.ends[endOf(r.Reason, int(r.Variation))])...)
}

// appendAssignment writes a result as a member of assignments.
func (s *flagSet) appendAssignment(b []byte, r evaluator.Result) []byte {
	f := &s.flags[r.Experiment.Index()]
	b = append(b, s.get(f.assigned[r.Variation])...)
	return append(b, s.get(s.ends[r.Reason])...)
}

// quote writes s as JSON.
func quote(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) < 0 {
		return `"` + s + `"`
	}
	data, err := domain.Encode(s)
	if err != nil { // not UTF-8, which no ledger holds
		data, _ = domain.Encode(strings.ToValidUTF8(s, "\uFFFD"))
	}
	return string(data)
}

// eventOf is the event that tells streams of a state.
func eventOf(state *feed.State) []byte {
	data, _ := domain.Encode(struct { // cannot fail: an ETag is ASCII
		Type         string `json:"type"`
		ETag         string `json:"etag"`
		LastModified int64  `json:"lastModified"` // seconds
		Position     int64  `json:"position"`
	}{"refetchEvaluation", state.ETag, max(0, state.Document.At.Truncate(time.Second).Unix()), state.Document.Position})
	position := strconv.FormatInt(state.Document.Position, 10)
	return []byte("id: " + position + "\nevent: message\ndata: " + string(data) + "\n\n")
}
