package fold

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/tally"
)

// counting is a plan, and what a job adds to its cells.
type counting struct {
	plan    int64
	key     phaseKey
	counter *tally.Counter
	sums    tally.Sums
	// built says of a plan that is building how far it has come, by shard; nil of
	// one that serves.
	built map[int16]progress
}

// progress is up to which unit a plan has been filled.
type progress struct {
	unit string
	done bool
}

// has says whether what the unit had contributed is in the plan's cells.
func (c *counting) has(u *unit) bool {
	if c.built == nil {
		return true
	}
	p := c.built[u.shard]
	return p.done || u.unitType == c.counter.Plan.UnitType && u.id <= p.unit
}

// findPlans finds the plans that the job has to count by. A phase without one
// gets it: it is whole, since nobody was exposed before.
func (f *Folder) findPlans(ctx context.Context, tx pgx.Tx, j *job, facts *facts) error {
	if err := f.listPlans(ctx, tx, j); err != nil {
		return err
	}
	missing := map[phaseKey]bool{}
	for i := range facts.verdicts {
		v := &facts.verdicts[i]
		if key := (phaseKey{v.Experiment, v.Phase}); v.Ruling != tracking.Unknown && len(j.plans[key]) == 0 {
			missing[key] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := f.addPlans(ctx, tx, j.generation, missing); err != nil {
		return err
	}
	return f.listPlans(ctx, tx, j)
}

// listPlans lists all plans, with how far those that are building have come.
func (f *Folder) listPlans(ctx context.Context, tx pgx.Tx, j *job) error {
	rows, err := tx.Query(ctx, `select p.plan, p.state = 'building', b.shard, b.unit_id, b.done
		from track_plans p left join track_builds b on b.plan = p.plan and b.shard = any($2)
		where p.generation = $1 order by p.plan`, j.generation, j.shards)
	if err != nil {
		return err
	}
	j.plans, j.building = map[phaseKey][]*counting{}, nil
	var all []*counting
	var plan int64
	var building bool
	var shard *int16
	var unit *string
	var done *bool
	_, err = pgx.ForEachRow(rows, []any{&plan, &building, &shard, &unit, &done}, func() error {
		if len(all) == 0 || all[len(all)-1].plan != plan {
			all = append(all, &counting{plan: plan})
		}
		if c := all[len(all)-1]; building {
			if c.built == nil {
				c.built = map[int16]progress{}
			}
			if shard != nil {
				c.built[*shard] = progress{*unit, *done}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := f.knowCounters(ctx, tx, j.generation, all); err != nil {
		return err
	}
	f.keepCounters(j.generation, all)
	wide, err := readWide(ctx, tx, j.generation)
	if err != nil {
		return err
	}
	for _, c := range all {
		c.counter = c.counter.Without(wide[c.plan])
		p := &c.counter.Plan
		c.key = phaseKey{p.Experiment, p.Phase}
		j.plans[c.key] = append(j.plans[c.key], c)
		if c.built != nil {
			j.building = append(j.building, c)
		}
	}
	return nil
}

// keepCounters forgets those of plans that are no more: they hold the members of
// segments.
func (f *Folder) keepCounters(generation int, all []*counting) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := make(map[int64]*tally.Counter, len(all))
	for _, c := range all {
		kept[c.plan] = c.counter
	}
	f.counters[generation] = kept
}

// knowCounters gives each its counter. Plans never change: what was read once is
// kept.
func (f *Folder) knowCounters(ctx context.Context, tx pgx.Tx, generation int, all []*counting) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.counters[generation]
	if known == nil {
		known = map[int64]*tally.Counter{}
		f.counters[generation] = known
	}
	var unknown []int64
	for _, c := range all {
		if c.counter = known[c.plan]; c.counter == nil {
			unknown = append(unknown, c.plan)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `select plan, doc from track_plans where plan = any($1)`, unknown)
	if err != nil {
		return err
	}
	docs := map[int64][]byte{}
	var plan int64
	var doc []byte
	_, err = pgx.ForEachRow(rows, []any{&plan, &doc}, func() error {
		docs[plan] = doc
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.counter == nil {
			if c.counter, err = f.newCounter(ctx, tx, docs[c.plan]); err != nil {
				return fmt.Errorf("plan %d: %w", c.plan, err)
			}
			known[c.plan] = c.counter
		}
	}
	return nil
}

func (f *Folder) newCounter(ctx context.Context, q eventstore.Querier, doc []byte) (*tally.Counter, error) {
	var plan tally.Plan
	if err := json.Unmarshal(doc, &plan); err != nil {
		return nil, err
	}
	excluded, err := f.rolls.excluded(ctx, q, &plan)
	if err != nil {
		return nil, err
	}
	return tally.NewCounter(plan, f.bounds, excluded), nil
}

// addPlans makes the plans of phases that have none. Who finds another process at
// it waits for that one's to be committed, and takes it.
func (f *Folder) addPlans(ctx context.Context, tx pgx.Tx, generation int, phases map[phaseKey]bool) error {
	keys := slices.SortedFunc(maps.Keys(phases), phaseKey.compare)
	position, docs, err := f.draw(ctx, tx, keys)
	if err != nil {
		return err
	}
	// All in one order: two that add the same plans must not wait for each other.
	for i, key := range keys {
		_, err = tx.Exec(ctx, `insert into track_plans (generation, experiment_id, phase, position, doc, state)
			values ($1, $2, $3, $4, $5, 'serving') on conflict do nothing`,
			generation, key.experiment, key.phase, position, docs[i])
		if err != nil {
			return err
		}
	}
	return nil
}

// draw makes plans as the ledger stands now.
func (f *Folder) draw(ctx context.Context, q eventstore.Querier, keys []phaseKey) (position int64, docs [][]byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.book.readOn(ctx, q); err != nil {
		return 0, nil, err
	}
	for _, key := range keys {
		plan, ok := f.book.plan(key)
		if !ok {
			return 0, nil, fmt.Errorf("phase %d of experiment %s is not in the ledger at %d", key.phase, key.experiment, f.book.position)
		}
		doc, err := json.Marshal(plan)
		if err != nil {
			return 0, nil, err
		}
		docs = append(docs, doc)
	}
	return f.book.position, docs, nil
}
