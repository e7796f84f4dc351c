package evaluator

import (
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
)

// Bounds of a document: far above what a ledger can make, and below what would
// exhaust the memory of a small edge.
const (
	maxDocument    = 1 << 30 // bytes
	maxExperiments = 100_000
)

// Document is all that evaluation needs at one position: what snapshots, copies
// on disk and test vectors hold. Lists are sorted by id, tombstones by position.
type Document struct {
	Position int64 `json:"position"`
	// At is the time of the record at Position: the same on every replica.
	At time.Time `json:"at"`
	// Base is the position that a delta starts from. A whole document has none:
	// it starts from 0.
	Base int64 `json:"since,omitzero"`
	// Experiments are documents of domain.Experiment, kept as they are so that
	// one that cannot be read harms no other.
	Experiments []json.RawMessage `json:"experiments"`
	Layers      []domain.Layer    `json:"layers"`
	Holdouts    []domain.Holdout  `json:"holdouts"`
	Segments    []Segment         `json:"segments"`
	// Deleted names what was deleted after DeltasFrom.
	Deleted []Tombstone `json:"deleted,omitempty"`
	// DeltasFrom is the lowest position that a delta can start from.
	DeltasFrom int64 `json:"deltas_from"`
}

// Segment is a named set of ids that audiences refer to by key.
type Segment struct {
	ID       string `json:"id"`
	Key      string `json:"key"`
	Position int64  `json:"position"`
	Version  int    `json:"version"`
	// IDs are sorted by their bytes, each once.
	IDs []string `json:"ids"`
	// Has, where it is not nil, says who is in it instead of IDs, to an evaluation
	// at a time.
	Has func(id string) bool `json:"-"`
}

// Tombstone names an entity that was deleted.
type Tombstone struct {
	Kind     domain.Kind `json:"kind"`
	ID       string      `json:"id"`
	Position int64       `json:"position"`
}

// ParseDocument reads a document, whole or delta. Experiments are read by
// Compile, each by itself; what a later version may add is ignored.
func ParseDocument(data []byte) (Document, error) {
	if len(data) > maxDocument {
		return Document{}, fmt.Errorf("document has %d bytes, more than %d", len(data), maxDocument)
	}
	var d Document
	if err := jsonv2.Unmarshal(data, &d); err != nil {
		return Document{}, fmt.Errorf("document: %w", err)
	}
	return d, d.check()
}

func (d Document) check() error {
	switch {
	case d.Position < 0 || d.Base < 0 || d.DeltasFrom < 0:
		return fmt.Errorf("document: a position is below 0")
	case d.Base > d.Position:
		return fmt.Errorf("document: a delta since %d ends at %d", d.Base, d.Position)
	case len(d.Experiments) > maxExperiments:
		return fmt.Errorf("document has %d experiments, more than %d", len(d.Experiments), maxExperiments)
	}
	return nil
}

// Encode writes compact JSON, the same bytes for the same document. Experiments
// that are not JSON are left out.
func (d Document) Encode() ([]byte, error) {
	readable := make([]json.RawMessage, 0, len(d.Experiments))
	for _, raw := range d.Experiments {
		if jsontext.Value(raw).IsValid() {
			readable = append(readable, raw)
		}
	}
	d.Experiments = readable
	return domain.Encode(d)
}
