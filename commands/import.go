package commands

import (
	"bytes"
	"context"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// ImportLine is one line of an export: exactly one member is set. A line that is
// an experiment's document is taken for one too, see ParseImportLine.
type ImportLine struct {
	Experiment jsontext.Value `json:"experiment,omitempty"`
	Layer      jsontext.Value `json:"layer,omitempty"`
	Segment    jsontext.Value `json:"segment,omitempty"`
	Members    *ImportMembers `json:"members,omitempty"`
	Metric     jsontext.Value `json:"metric,omitempty"`
	Holdout    jsontext.Value `json:"holdout,omitempty"`
	Order      *ImportOrder   `json:"order,omitempty"`
}

// ImportMembers adds ids to a segment of an earlier line.
type ImportMembers struct {
	Segment string   `json:"segment"`
	Add     []string `json:"add"`
}

// ImportOrder puts the experiments of an ordered layer, all from earlier lines,
// into their order.
type ImportOrder struct {
	Layer       string   `json:"layer"`
	Experiments []string `json:"experiments"`
}

// ParseImportLine reads one line: {"layer":{…}} and the like, or a bare
// experiment.
func ParseImportLine(line []byte) (ImportLine, error) {
	var members map[string]jsontext.Value
	if err := domain.Decode(line, &members); err != nil {
		return ImportLine{}, err
	}
	if members == nil {
		return ImportLine{}, domain.Invalid("body", "must be a JSON object")
	}
	if _, bare := members["name"]; bare {
		return ImportLine{Experiment: line}, nil
	}
	var l ImportLine
	if err := domain.Decode(line, &l); err != nil {
		return ImportLine{}, err
	}
	if len(members) != 1 {
		return ImportLine{}, domain.Invalid("body", "must be an experiment, or have one member: experiment, layer, segment, members, metric, holdout or order")
	}
	return l, nil
}

// ImportAnswer counts what an import did.
type ImportAnswer struct {
	Imported int   `json:"imported"`
	Skipped  int   `json:"skipped"`
	Position int64 `json:"position"`
}

// Import runs up to MaxBatch lines in one transaction: all or none. With
// skipExisting, lines whose id or key is there already are left out; else they
// are a conflict. A fault is a *BatchError.
func (s *Service) Import(ctx context.Context, call Call, lines []ImportLine, skipExisting bool) (ImportAnswer, error) {
	if len(lines) == 0 || len(lines) > MaxBatch {
		return ImportAnswer{}, domain.Invalid("lines", "must be 1 to %d", MaxBatch)
	}
	ids := make([]uuid.UUID, len(lines))
	for i := range ids {
		var err error
		if ids[i], err = newID(); err != nil {
			return ImportAnswer{}, err
		}
	}
	answer, _, err := execute(ctx, s, call, func(tx *eventstore.Tx) (a ImportAnswer, err error) {
		for i, line := range lines {
			changes, err := line.decide(tx.Catalog, ids[i])
			var conflict *domain.ConflictError
			if skipExisting && errors.As(err, &conflict) && line.exists(tx.Catalog) {
				a.Skipped++
				continue
			}
			if err == nil {
				err = tx.Append(changes...)
			}
			if err != nil {
				return ImportAnswer{}, &BatchError{Index: i, Err: err}
			}
			a.Imported++
		}
		a.Position = tx.Catalog.Position()
		return a, nil
	})
	return answer, err
}

func (l ImportLine) decide(c *domain.Catalog, id uuid.UUID) ([]domain.Change, error) {
	switch {
	case l.Experiment != nil:
		return c.ImportExperiment(id, l.Experiment)
	case l.Members != nil:
		g, err := c.Segments.Find(l.Members.Segment)
		if err != nil {
			return nil, domain.Invalid("members.segment", "names a segment that does not exist: %s", l.Members.Segment)
		}
		return c.ChangeMembers(g, l.Members.Add, nil)
	case l.Order != nil:
		layer, err := c.Layers.Find(l.Order.Layer)
		if err != nil {
			return nil, domain.Invalid("order.layer", "names a layer that does not exist: %s", l.Order.Layer)
		}
		patch, err := domain.Encode(map[string][]string{"order": l.Order.Experiments})
		if err != nil {
			return nil, err
		}
		return c.EditLayer(layer, patch)
	}
	kind, doc := l.resource()
	v, err := verbsOf(kind)
	if err != nil {
		return nil, err
	}
	doc, err = unstamped(doc)
	if err != nil {
		return nil, err
	}
	return v.create(c, id, doc)
}

// resource is what the line holds when that is no experiment.
func (l ImportLine) resource() (domain.Kind, jsontext.Value) {
	switch {
	case l.Layer != nil:
		return domain.KindLayer, l.Layer
	case l.Segment != nil:
		return domain.KindSegment, l.Segment
	case l.Metric != nil:
		return domain.KindMetric, l.Metric
	}
	return domain.KindHoldout, l.Holdout
}

// unstamped is a document without what the ledger, or other lines, will say of
// it anew.
func unstamped(doc jsontext.Value) (jsontext.Value, error) {
	if !bytes.Contains(doc, []byte(`"version"`)) {
		return doc, nil // not from an export
	}
	var members map[string]jsontext.Value
	if err := domain.Decode(doc, &members); err != nil {
		return nil, err
	}
	for _, name := range []string{"version", "position", "created_at", "updated_at", "size", "order"} {
		delete(members, name)
	}
	return domain.Encode(members)
}

// exists says whether the line's id or key is taken.
func (l ImportLine) exists(c *domain.Catalog) bool {
	doc := l.Experiment
	find := func(ref string) bool { _, err := c.Experiments.Find(ref); return err == nil }
	if doc == nil {
		var kind domain.Kind
		kind, doc = l.resource()
		v, err := verbsOf(kind)
		if err != nil {
			return false
		}
		find = func(ref string) bool { _, err := v.find(c, ref); return err == nil }
	}
	var named struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	if err := json.Unmarshal(doc, &named); err != nil {
		return false
	}
	return find(named.ID) || find(named.Key)
}
