package queries

import (
	"bytes"
	"context"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// exactly is of how many experiments at most it is found out since which record
// each setting has been as it is. Of more it would take too long, and the record
// that last wrote them all is named.
const exactly = 100

// origins finds which record last set what a step looks at.
type origins struct {
	past     *past
	snapshot *evaluator.Snapshot
	unit     *evaluator.Unit
	// history has the whole documents of each stream, oldest first.
	history map[domain.Stream][]revision
	// wanted are the positions of records that are named.
	wanted map[int64]bool
}

// revision is a whole document of an entity.
type revision struct {
	position int64
	data     []byte
	set      *settings // of data; nil until it is asked for
}

// settings are the members of entities that steps look at, as the ledger has
// them.
type settings struct {
	UnitType      jsontext.Value `json:"unit_type"`
	Overrides     jsontext.Value `json:"overrides"`
	Audience      jsontext.Value `json:"audience"`
	Prerequisites jsontext.Value `json:"prerequisites"`
	Layer         jsontext.Value `json:"layer"`
	TrafficPPM    jsontext.Value `json:"traffic_ppm"`
	Salt          jsontext.Value `json:"salt"`
	Split         jsontext.Value `json:"split"`
	Order         jsontext.Value `json:"order"`
	SharePPM      jsontext.Value `json:"share_ppm"`
	Tags          jsontext.Value `json:"tags"`
	Experiments   jsontext.Value `json:"experiments"`
}

// looksAt are the settings that a step's answer depends on.
func (s *settings) looksAt(check string) [][]byte {
	switch check {
	case "unit":
		return [][]byte{s.UnitType}
	case "override":
		return [][]byte{s.Overrides}
	case "audience":
		return [][]byte{s.Audience}
	case "prerequisite":
		return [][]byte{s.Prerequisites}
	case "layer":
		return [][]byte{s.Layer, s.Order}
	case "traffic":
		return [][]byte{s.TrafficPPM, s.Salt}
	case "split":
		return [][]byte{s.Split, s.Salt}
	case "holdout":
		return [][]byte{s.SharePPM, s.Tags, s.Experiments}
	}
	return nil
}

// readHistory reads the whole documents of all that was read, up to then.
func (o *origins) readHistory(ctx context.Context) error {
	o.history, o.wanted = map[domain.Stream][]revision{}, map[int64]bool{o.past.position: true}
	if len(o.past.experiments) > exactly {
		return nil
	}
	var streams []string
	for _, e := range o.past.experiments {
		streams = append(streams, string(domain.StreamOf(domain.KindExperiment, e.ID)))
	}
	for _, l := range o.past.layers {
		streams = append(streams, string(domain.StreamOf(domain.KindLayer, l.ID)))
	}
	for _, h := range o.past.holdouts {
		streams = append(streams, string(domain.StreamOf(domain.KindHoldout, h.ID)))
	}
	rows, err := o.past.tx.Query(ctx, `select s, position, data from unnest($1::text[]) s, lateral (
			select position, data from events
			where stream_id = s and position <= $2 and (type like '%.created' or type like '%.changed')
			order by position
		) e`, streams, o.past.position)
	if err != nil {
		return err
	}
	var stream string
	var r revision
	_, err = pgx.ForEachRow(rows, []any{&stream, &r.position, &r.data}, func() error {
		o.history[domain.Stream(stream)] = append(o.history[domain.Stream(stream)], r)
		return nil
	})
	return err
}

func (o *origins) explain(e *evaluator.Experiment) Explanation {
	x := Explanation{Explanation: o.snapshot.Explain(e, o.unit)}
	for i := range x.Explanation.Steps {
		step := ExplainedStep{Step: x.Explanation.Steps[i], Record: o.want(o.of(&x.Explanation, i))}
		for _, g := range step.Segments {
			step.SegmentRecords = append(step.SegmentRecords, o.want(g.Position))
		}
		x.Steps = append(x.Steps, step)
	}
	x.Explanation.Steps = nil // they stand in x.Steps
	return x
}

func (o *origins) want(position int64) RecordRef {
	o.wanted[position] = true
	return RecordRef{Position: position}
}

// of is the position of the record that last set what a step looks at.
func (o *origins) of(x *evaluator.Explanation, i int) int64 {
	step := &x.Steps[i]
	by, own := streamOf(step.By), streamOf(x.Experiment)
	switch {
	case step.Check == "status":
		return o.switched(own)
	case step.Check == "prerequisite" && by != own:
		// What made the other experiment answer so.
		if other, ok := o.snapshot.Experiment(step.By.Key); ok {
			answer := o.snapshot.Explain(other, o.unit)
			return o.of(&answer, len(answer.Steps)-1)
		}
	case step.Check == "layer" && step.Slot != nil:
		return o.set(own, step.Check) // a random layer's slots are the experiment's own
	case step.Check == "layer":
		if l := o.past.layers[o.past.experiments[x.Experiment.Key].Layer.Key]; l != nil {
			return o.set(domain.StreamOf(domain.KindLayer, l.ID), step.Check)
		}
	case step.Check == "holdout":
		return o.set(by, step.Check)
	}
	return o.set(own, step.Check)
}

func streamOf(e evaluator.Entity) domain.Stream { return domain.Stream(string(e.Kind) + "/" + e.ID) }

// switched is the position at which an experiment got its status.
func (o *origins) switched(stream domain.Stream) int64 {
	_, id, _ := stream.Entity()
	if position := o.past.switched[id]; position != 0 {
		return position
	}
	if all := o.history[stream]; len(all) > 0 {
		return all[0].position
	}
	return o.past.written[stream]
}

// set is the position of the oldest document since when what the check looks at
// is the same.
func (o *origins) set(stream domain.Stream, check string) int64 {
	all := o.history[stream]
	last := len(all) - 1
	if last < 0 {
		return o.past.written[stream]
	}
	now := all[last].settings().looksAt(check)
	for last > 0 && slices.EqualFunc(all[last-1].settings().looksAt(check), now, bytes.Equal) {
		last--
	}
	return all[last].position
}

// settings never fail: the document was decoded when it was current.
func (r *revision) settings() *settings {
	if r.set == nil {
		r.set = &settings{}
		_ = json.Unmarshal(r.data, r.set)
	}
	return r.set
}

// readRecords reads who wrote what is named, and when and why.
func (o *origins) readRecords(ctx context.Context) (map[int64]RecordRef, error) {
	positions := make([]int64, 0, len(o.wanted))
	for position := range o.wanted {
		positions = append(positions, position)
	}
	rows, err := o.past.tx.Query(ctx, `select position, type, recorded_at, actor, reason from events where position = any ($1)`, positions)
	if err != nil {
		return nil, err
	}
	records := make(map[int64]RecordRef, len(positions))
	var r RecordRef
	_, err = pgx.ForEachRow(rows, []any{&r.Position, &r.Type, &r.At, &r.Actor, &r.Reason}, func() error {
		r.At = r.At.UTC()
		records[r.Position] = r
		return nil
	})
	return records, err
}
