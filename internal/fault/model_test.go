package fault

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// wish is one command as a client means it.
type wish struct {
	op string // create, edit, status, delete, revert or batch
	id string // of the experiment; of a creation, the one that it was given
	// settings are those that a creation or an edit asks for; an edit keeps the
	// weights and audience where none are given.
	settings settings
	phase    string
	status   string
	version  int // to revert to
	ifMatch  int
	parts    []wish // of a batch
}

// settings are what an edit changes and a revert restores. No two edits give the
// same name, so none is without effect.
type settings struct{ name, weights, audience string }

// defaults are the settings of an experiment created with a name alone.
func defaults(name string) settings { return settings{name, "1:1", "{}"} }

// ack is a wish that was answered with success.
type ack struct {
	wish
	key      string // the idempotency key, and the reason given
	position int64
	version  int    // 0 of a batch
	changed  []bool // of a batch, by part
	doc      *document
	began    time.Time // by the ledger's clock, as ended
	ended    time.Time
}

// document is the part of an experiment's document that the model knows.
type document struct {
	ID         string `json:"id"`
	Key        string `json:"key"`
	Name       string `json:"name"`
	Status     string `json:"status"`
	Version    int    `json:"version"`
	Position   int64  `json:"position"`
	Phase      int    `json:"phase"`
	Variations []struct {
		Weight int `json:"weight"`
	} `json:"variations"`
	Audience json.RawMessage `json:"audience"`
}

func (d *document) String() string {
	weights := ""
	for i, v := range d.Variations {
		if i > 0 {
			weights += ":"
		}
		weights += fmt.Sprint(v.Weight)
	}
	return fmt.Sprintf("%s %q %s version %d position %d phase %d weights %s audience %s",
		d.ID, d.Name, d.Status, d.Version, d.Position, d.Phase, weights, d.Audience)
}

// record is an entry of GET /events.
type record struct {
	Position  int64     `json:"position"`
	Stream    string    `json:"stream"`
	Version   int       `json:"version"`
	Type      string    `json:"type"`
	CommandID string    `json:"command_id"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
	Hash      string    `json:"hash"`
	// Data of day.closed is the day's report.
	Data json.RawMessage `json:"data"`
}

// modelled is an experiment as the model knows it.
type modelled struct {
	settings
	status   string
	version  int
	position int64
	phase    int
	deleted  bool
	versions map[int]settings
	records  []change
}

// change is what the model expects to find at a position of the ledger.
type change struct {
	position  int64
	id        string
	version   int
	kind      string
	old, new  string
	next      settings
	nextPhase int
}

// model says what should be there after a sequence of successes. It shares no
// code with the program.
type model struct {
	experiments map[string]*modelled
	position    int64
	statuses    []change
	days        tallies
	feed        []record
}

func newModel(feed []record) *model {
	return &model{experiments: map[string]*modelled{}, days: newTallies(), feed: feed}
}

// run plays the acknowledged wishes in the order of their positions. All of the
// ledger must be theirs, but for the closing of days.
func (m *model) run(acks []ack) error {
	slices.SortStableFunc(acks, func(a, b ack) int { return cmp.Compare(a.position, b.position) })
	for len(acks) > 0 {
		n := 1
		for n < len(acks) && acks[n].position == acks[0].position {
			n++
		}
		if err := m.arrive(acks[0].position, slices.Clone(acks[:n])); err != nil {
			return err
		}
		acks = acks[n:]
	}
	for m.position < int64(len(m.feed)) {
		if !m.closing() {
			return fmt.Errorf("position %d: nobody was told of %+v", m.position+1, m.feed[m.position])
		}
	}
	return nil
}

// arrive plays all wishes answered with one position: at most one of them put
// the last record there, the others found all as they wished.
func (m *model) arrive(position int64, acks []ack) error {
	for m.position < position {
		if m.closing() {
			continue
		}
		// Of two that wished the same, the ledger says which came first.
		i := slices.IndexFunc(acks, func(a ack) bool { return a.key == m.reason() })
		if i < 0 {
			return fmt.Errorf("position %d: nobody was told of it, before %d", m.position+1, position)
		}
		if err := m.play(&acks[i]); err != nil {
			return fmt.Errorf("%s %+v: %w", acks[i].key, acks[i].wish, err)
		}
		acks = slices.Delete(acks, i, i+1)
	}
	for i := range acks {
		if err := m.play(&acks[i]); err != nil {
			return fmt.Errorf("%s %+v: %w", acks[i].key, acks[i].wish, err)
		}
	}
	if m.position != position {
		return fmt.Errorf("position %d: the model is at %d", position, m.position)
	}
	return nil
}

// reason is that of the next record.
func (m *model) reason() string {
	if m.position < int64(len(m.feed)) {
		return m.feed[m.position].Reason
	}
	return ""
}

// play carries an acknowledged wish out and compares its answer.
func (m *model) play(a *ack) error {
	parts := []wish{a.wish}
	if a.op == "batch" {
		parts = a.parts
	}
	first := m.position
	for i, part := range parts {
		changes, err := m.decide(part)
		if err != nil {
			return err
		}
		if a.op == "batch" && a.changed[i] != (len(changes) > 0) {
			return fmt.Errorf("part %d: answered changed=%v, the model expects %+v", i, a.changed[i], changes)
		}
		for _, ch := range changes {
			if err := m.append(ch, a.key, first+1); err != nil {
				return err
			}
		}
	}
	if m.position != a.position {
		return fmt.Errorf("answered position %d, the model is at %d", a.position, m.position)
	}
	if a.op == "batch" {
		return nil
	}
	e := m.experiments[a.id]
	if a.version != e.version {
		return fmt.Errorf("answered version %d, the model has %d", a.version, e.version)
	}
	if a.doc != nil && a.doc.String() != e.document(a.id).String() {
		return fmt.Errorf("answered %s, the model has %s", a.doc, e.document(a.id))
	}
	return nil
}

// decide is what a wish should append.
func (m *model) decide(w wish) ([]change, error) {
	e := m.experiments[w.id]
	if w.op == "create" {
		if e != nil {
			return nil, fmt.Errorf("%s was created twice", w.id)
		}
		return []change{{id: w.id, kind: "experiment.created", next: w.settings, nextPhase: 1}}, nil
	}
	if e == nil || e.deleted {
		return nil, fmt.Errorf("the model has no experiment %s", w.id)
	}
	if w.ifMatch != 0 && w.ifMatch != e.version {
		return nil, fmt.Errorf("If-Match %d succeeded at version %d", w.ifMatch, e.version)
	}
	switched := change{id: w.id, kind: "experiment.status_changed", old: e.status, new: w.status, next: e.settings, nextPhase: e.phase}
	changed := change{id: w.id, kind: "experiment.changed", next: e.settings, nextPhase: e.phase}
	if w.phase == "new" {
		changed.nextPhase++
	}
	switch w.op {
	case "status":
		if w.status == e.status {
			return nil, nil
		}
		return []change{switched}, nil
	case "delete":
		deleted := change{id: w.id, kind: "experiment.deleted", next: e.settings, nextPhase: e.phase}
		if e.status == "active" {
			switched.new = "inactive"
			return []change{switched, deleted}, nil
		}
		return []change{deleted}, nil
	case "edit":
		changed.next.name = w.settings.name
		changed.next.weights = cmp.Or(w.settings.weights, e.weights)
		changed.next.audience = cmp.Or(w.settings.audience, e.audience)
		return []change{changed}, nil
	case "revert":
		changed.next = e.versions[w.version]
		if changed.next == e.settings && w.phase != "new" {
			return nil, nil
		}
		return []change{changed}, nil
	}
	return nil, fmt.Errorf("unknown wish %s", w.op)
}

// append applies a change and compares it with the ledger's record. first is
// the position of the command's first record.
func (m *model) append(ch change, reason string, first int64) error {
	e := m.experiments[ch.id]
	if e == nil {
		e = &modelled{status: "inactive", versions: map[int]settings{}}
		m.experiments[ch.id] = e
	}
	m.position++
	e.version++
	ch.position, ch.version = m.position, e.version
	e.settings, e.phase, e.position = ch.next, ch.nextPhase, ch.position
	e.versions[e.version] = e.settings
	switch ch.kind {
	case "experiment.status_changed":
		e.status = ch.new
		m.statuses = append(m.statuses, ch)
	case "experiment.deleted":
		e.deleted = true
	}
	e.records = append(e.records, ch)
	if m.position > int64(len(m.feed)) {
		return fmt.Errorf("position %d is not in the ledger: %+v", m.position, ch)
	}
	r := &m.feed[m.position-1]
	if r.Stream != "experiment/"+ch.id || r.Version != ch.version || r.Type != ch.kind || r.Reason != reason ||
		r.CommandID != m.feed[first-1].CommandID {
		return fmt.Errorf("the ledger has %+v, the model %+v", *r, ch)
	}
	m.days.count(r, &ch)
	return nil
}

// closing takes the next record if it closes a day.
func (m *model) closing() bool {
	if m.position == int64(len(m.feed)) || m.feed[m.position].Type != "day.closed" {
		return false
	}
	m.days.count(&m.feed[m.position], nil)
	m.position++
	return true
}

// document is the experiment as its document should say.
func (e *modelled) document(id string) *document {
	d := &document{
		ID: id, Name: e.name, Status: e.status, Version: e.version, Position: e.position, Phase: e.phase,
		Audience: json.RawMessage(e.audience),
	}
	d.Variations = make([]struct {
		Weight int `json:"weight"`
	}, 2)
	_, _ = fmt.Sscanf(e.weights, "%d:%d", &d.Variations[0].Weight, &d.Variations[1].Weight)
	return d
}
