package queries

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

// entry is an experiment's document with what was made of it. It never changes.
type entry struct {
	doc        jsontext.Value
	experiment *domain.Experiment
	// text is what a search looks through, folded; made when first needed.
	text func() string
}

func newEntry(doc []byte, e *domain.Experiment) *entry {
	return &entry{doc: doc, experiment: e, text: sync.OnceValue(func() string {
		parts := append([]string{e.Key, e.Name, e.Description, e.Owner, e.ID.String()}, e.Tags...)
		// No search text holds NUL, so none is found across two fields.
		return fold(strings.Join(parts, "\x00"))
	})}
}

// document is what a list is made from: its bytes in doc or in text, parsed in
// experiment unless that is nil.
type document struct {
	id         uuid.UUID
	doc        []byte
	text       string
	experiment *domain.Experiment
}

// entry parses the document.
func (d document) entry() (*entry, error) {
	if d.doc == nil {
		d.doc = []byte(d.text)
	}
	if d.experiment == nil {
		d.experiment = &domain.Experiment{}
		if err := json.Unmarshal(d.doc, d.experiment); err != nil {
			return nil, err
		}
	}
	return newEntry(d.doc, d.experiment), nil
}

// is says whether the entry is of the same bytes.
func (d document) is(e *entry) bool {
	if d.doc == nil {
		return string(e.doc) == d.text
	}
	return bytes.Equal(e.doc, d.doc)
}

// cache keeps the entries of the documents that were read last, so that a list
// parses only those whose bytes have changed. It may be used by many
// goroutines.
type cache struct {
	entries atomic.Pointer[map[uuid.UUID]*entry]
}

// parse returns the documents' entries, in their order.
func (c *cache) parse(docs []document) (all []*entry, err error) {
	var before map[uuid.UUID]*entry
	if p := c.entries.Load(); p != nil {
		before = *p
	}
	all = make([]*entry, len(docs))
	fresh := len(docs) != len(before)
	for i, d := range docs {
		if e, ok := before[d.id]; ok && d.is(e) {
			all[i] = e
			continue
		}
		fresh = true
		if all[i], err = d.entry(); err != nil {
			return nil, err
		}
	}
	if fresh {
		after := make(map[uuid.UUID]*entry, len(all))
		for i, e := range all {
			after[docs[i].id] = e
		}
		c.entries.Store(&after)
	}
	return all, nil
}
