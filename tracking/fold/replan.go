package fold

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
)

// planRow is a plan in the database.
type planRow struct {
	plan     int64
	key      phaseKey
	position int64
	young    bool // has served, or was being built, for a short time
	doc      []byte
	building bool
}

// phasePlans are the plans of a phase: one serves, another may be building.
type phasePlans struct{ serving, building *planRow }

func (p phasePlans) newest() *planRow {
	if p.building != nil {
		return p.building
	}
	return p.serving
}

// replan begins to build a plan for every phase that is not counted any more as
// the ledger says. One that only has other members of segments waits: those may
// change all the time.
func (f *Folder) replan(ctx context.Context, tx pgx.Tx, generation int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.book.readOn(ctx, tx); err != nil {
		return err
	}
	if f.replanned[generation] == f.book.position {
		return nil
	}
	phases, err := plansOf(ctx, tx, generation, f.cfg.MembersDelay)
	if err != nil {
		return err
	}
	waits := false
	for key, plans := range phases {
		wait, err := f.replanOne(ctx, tx, generation, key, plans)
		if err != nil {
			return err
		}
		waits = waits || wait
	}
	if !waits {
		f.replanned[generation] = f.book.position
	}
	return nil
}

// replanOne says whether a change waits.
func (f *Folder) replanOne(ctx context.Context, tx pgx.Tx, generation int, key phaseKey, plans phasePlans) (waits bool, err error) {
	plan, ok := f.book.plan(key)
	if !ok {
		return false, nil
	}
	doc, err := json.Marshal(plan)
	if err != nil {
		return false, err
	}
	newest := plans.newest()
	switch {
	case bytes.Equal(doc, newest.doc):
		return false, nil
	case f.book.position <= newest.position: // another process has read further
		return false, nil
	case newest.young && sameButMembers(plan, newest.doc):
		return true, nil
	}
	if plans.building != nil {
		if _, err := tx.Exec(ctx, `delete from track_plans where plan = $1`, plans.building.plan); err != nil {
			return false, err
		}
		if bytes.Equal(doc, plans.serving.doc) {
			return false, nil
		}
	}
	f.metrics.rebuilds.Inc()
	return false, addBuilding(ctx, tx, generation, key, f.book.position, doc)
}

// addBuilding adds a plan that is to be filled.
func addBuilding(ctx context.Context, tx pgx.Tx, generation int, key phaseKey, position int64, doc []byte) error {
	_, err := tx.Exec(ctx, `with p as (
			insert into track_plans (generation, experiment_id, phase, position, doc, state)
			values ($1, $2, $3, $4, $5, 'building') returning plan
		)
		insert into track_builds (plan, shard, unit_id, done) select plan, generate_series(0, $6::int - 1), '', false from p`,
		generation, key.experiment, key.phase, position, doc, tracking.Shards)
	return err
}

func plansOf(ctx context.Context, tx pgx.Tx, generation int, young time.Duration) (map[phaseKey]phasePlans, error) {
	rows, err := tx.Query(ctx, `select plan, experiment_id, phase, position, made_at > clock_timestamp() - $2::interval, doc, state = 'building'
		from track_plans where generation = $1`, generation, young)
	if err != nil {
		return nil, err
	}
	phases := map[phaseKey]phasePlans{}
	var p planRow
	targets := []any{&p.plan, &p.key.experiment, &p.key.phase, &p.position, &p.young, &p.doc, &p.building}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		row, plans := p, phases[p.key]
		if row.building {
			plans.building = &row
		} else {
			plans.serving = &row
		}
		phases[p.key] = plans
		return nil
	})
	return phases, err
}

// sameButMembers says whether a plan differs from a stored one in the versions of
// segments alone.
func sameButMembers(plan tally.Plan, doc []byte) bool {
	var stored tally.Plan
	if json.Unmarshal(doc, &stored) != nil || len(stored.Exclude) != len(plan.Exclude) {
		return false
	}
	for i := range stored.Exclude {
		if stored.Exclude[i].ID != plan.Exclude[i].ID {
			return false
		}
	}
	stored.Exclude = plan.Exclude
	as, err := json.Marshal(stored)
	if err != nil {
		return false
	}
	now, err := json.Marshal(plan)
	return err == nil && bytes.Equal(as, now)
}
