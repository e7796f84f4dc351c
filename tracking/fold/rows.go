package fold

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/tally"
)

// columns are what is read of a tracked row.
const columns = `shard, unit_type, unit_id, id, at, name, value, experiment, variation, position, attributes`

// facts are tracked rows by unit, in the order in which units first came. What is
// an exposure is judged.
type facts struct {
	units []*unit
	// exposures are those of all units, verdicts what the ledger says of them.
	exposures []derive.Exposure
	verdicts  []tracking.Verdict
	rows      int

	byKey map[string]int
	names names
	key   []byte
	// attributes in the form of tally, of the JSON that was read last: a unit's
	// exposures mostly come with the same.
	json, attributes []byte
}

// unit is what is new of one.
type unit struct {
	shard    int16
	unitType string
	id       string
	facts    []fact
	history  []byte // before; nil for none
}

// fact is an event or an exposure.
type fact struct {
	at       int64
	id       uuid.UUID
	name     string // empty: an exposure
	value    int64
	has      bool
	exposure int // place among the exposures
}

// names are texts of which there are few: each is made once.
type names map[string]string

func (n names) of(b []byte) string {
	if name, ok := n[string(b)]; ok {
		return name
	}
	name := string(b)
	n[name] = name
	return name
}

func newFacts() *facts { return &facts{byKey: map[string]int{}, names: names{}} }

// epoch is where Postgres counts microseconds from, in those since 1970.
const epoch = 946_684_800_000_000

// add takes a row up, in Postgres's binary form.
func (f *facts) add(v [][]byte) error {
	if len(v) != 11 || len(v[0]) != 2 || len(v[3]) != 16 || len(v[4]) != 8 || v[6] != nil && len(v[6]) != 8 || len(v[9]) != 8 {
		return errRow
	}
	u := f.unit(v[0], v[1], v[2])
	x := fact{at: int64(bigEndian(v[4])) + epoch, id: uuid.UUID(v[3]), name: f.names.of(v[5])}
	if v[6] != nil {
		x.value, x.has = int64(bigEndian(v[6])), true
	}
	if x.name == "" {
		x.exposure = len(f.exposures)
		f.exposures = append(f.exposures, derive.Exposure{
			Experiment: f.names.of(v[7]), Variation: f.names.of(v[8]), UnitType: u.unitType, Unit: u.id,
			At: time.UnixMicro(x.at).UTC(), Position: int64(bigEndian(v[9])), Attributes: json.RawMessage(append([]byte(nil), v[10]...)),
		})
	}
	u.facts = append(u.facts, x)
	f.rows++
	return nil
}

func (f *facts) unit(shard, unitType, id []byte) *unit {
	f.key = append(append(append(f.key[:0], unitType...), 0), id...)
	if i, ok := f.byKey[string(f.key)]; ok {
		return f.units[i]
	}
	u := &unit{shard: int16(bigEndian(shard)), unitType: f.names.of(unitType), id: string(id)}
	f.byKey[string(f.key)] = len(f.units)
	f.units = append(f.units, u)
	return u
}

// read takes up all rows of a query for columns.
func (f *facts) read(ctx context.Context, q eventstore.Querier, sql string, args ...any) error {
	rows, err := q.Query(ctx, sql, append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f.add(rows.RawValues()); err != nil {
			return fmt.Errorf("read what was tracked: %w", err)
		}
	}
	return rows.Err()
}

// judge asks what the ledger says of the exposures.
func (f *facts) judge(ctx context.Context, d Deriver) (err error) {
	if len(f.exposures) == 0 {
		return nil
	}
	if f.verdicts, err = d.Derive(ctx, f.exposures); err != nil {
		return fmt.Errorf("derive exposures: %w", err)
	}
	if len(f.verdicts) != len(f.exposures) {
		return fmt.Errorf("derive exposures: %d verdicts of %d", len(f.verdicts), len(f.exposures))
	}
	return nil
}

// change is what a unit's new facts change, phase by phase.
type change struct {
	tally.Change
	phases []phaseKey // whose exposures changed
}

// in is what changed as far as a phase sees it.
func (c *change) in(phase phaseKey) *tally.Change {
	for _, changed := range c.phases {
		if changed == phase {
			return &tally.Change{All: true}
		}
	}
	return &c.Change
}

// tell adds the facts of a unit to its history and says what that changes.
func (f *facts) tell(u *unit, h *tally.History) change {
	var c change
	bot := h.Bot()
	for i := range u.facts {
		x := &u.facts[i]
		if x.name != "" {
			h.Happen(x.name, x.at, x.value, x.has)
			c.add(x.name)
			continue
		}
		if phase, changed := f.expose(x, h); changed {
			c.phases = append(c.phases, phase)
		}
	}
	c.All = h.Bot() != bot
	return c
}

func (c *change) add(name string) {
	for _, have := range c.Names {
		if have == name {
			return
		}
	}
	c.Names = append(c.Names, name)
}

// expose adds an exposure as the ledger judges it.
func (f *facts) expose(x *fact, h *tally.History) (phaseKey, bool) {
	v, e := &f.verdicts[x.exposure], &f.exposures[x.exposure]
	phase := phaseKey{v.Experiment, v.Phase}
	switch v.Ruling {
	case tracking.Agrees:
		return phase, h.Expose(tally.Exposure{
			Experiment: v.Experiment, Phase: v.Phase, Variation: e.Variation, Epoch: v.Epoch,
			At: x.at, ID: x.id, Attributes: f.attributesOf(e.Attributes),
		})
	case tracking.Disagrees:
		h.Miss(tally.Disagreed, v.Experiment, v.Phase, e.Variation, x.at)
	case tracking.Overridden:
		h.Miss(tally.Overrode, v.Experiment, v.Phase, e.Variation, x.at)
	default:
		return phase, false
	}
	return phase, true
}

func (f *facts) attributesOf(object json.RawMessage) []byte {
	if f.json == nil || string(f.json) != string(object) {
		f.json, f.attributes = object, tally.AppendAttributes(nil, object)
	}
	return f.attributes
}
