package fold

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/tracking/tally"
)

// job is a part of a round: shards to be counted on from a batch to another.
type job struct {
	generation      int
	round           int64
	batch, target   int64
	since           time.Time // no row is of an earlier day
	shards          []int16
	plans           map[phaseKey][]*counting
	building        []*counting
	touched         []*unit
	after           [][]byte // histories of those touched
	events, written int
}

// settings of a transaction that counts. What it commits can be done again from
// what was tracked, and is wholly there or not at all: it need not wait for the
// disk. Nor need it hurry while this process computes.
const settings = `set local synchronous_commit = off; set local idle_in_transaction_session_timeout = '60s';
	set local jit = off`

// step counts one part of a round, if there is one that nobody else is at. It
// takes so many shards at most.
func (f *Folder) step(ctx context.Context, w *worker, generation, shards int) (did bool, err error) {
	var j *job
	err = pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, settings); err != nil {
			return err
		}
		if j, err = take(ctx, tx, generation, shards); err != nil || j == nil {
			return err
		}
		if err := f.count(ctx, tx, w, j); err != nil {
			return fmt.Errorf("shards %v after batch %d: %w", j.shards, j.batch, err)
		}
		return nil
	})
	if err == nil && j != nil {
		f.metrics.rows.Add(float64(j.events))
		f.metrics.written.Add(float64(j.written))
	}
	return j != nil, err
}

// take locks shards that have not done the present round.
func take(ctx context.Context, tx pgx.Tx, generation, shards int) (*job, error) {
	rows, err := tx.Query(ctx, `select r.round, r.batch, r.target, r.since, f.shard
		from track_folds f join track_rounds r using (generation)
		where generation = $1 and f.round < r.round and r.state <> 'retired'
		order by f.shard limit $2 for update of f skip locked`, generation, shards)
	if err != nil {
		return nil, err
	}
	j := &job{generation: generation}
	var shard int16
	_, err = pgx.ForEachRow(rows, []any{&j.round, &j.batch, &j.target, &j.since, &shard}, func() error {
		j.shards = append(j.shards, shard)
		return nil
	})
	if err != nil || len(j.shards) == 0 {
		return nil, err
	}
	return j, nil
}

// count does the job.
func (f *Folder) count(ctx context.Context, tx pgx.Tx, w *worker, j *job) error {
	facts := newFacts()
	if j.target > j.batch {
		err := facts.read(ctx, tx, `select `+columns+` from tracked where shard = any($1) and batch > $2 and batch <= $3
			and day >= $4`, j.shards, j.batch, j.target, j.since)
		if err != nil {
			return err
		}
		if err := facts.judge(ctx, f.deriver); err != nil {
			return err
		}
	}
	if err := f.findPlans(ctx, tx, j, facts); err != nil {
		return err
	}
	if err := readHistories(ctx, tx, j.generation, facts.units); err != nil {
		return err
	}
	for _, u := range facts.units {
		if err := w.fold(j, facts, u); err != nil {
			return fmt.Errorf("history of %s %q: %w", u.unitType, u.id, err)
		}
	}
	if err := writeHistories(ctx, tx, j); err != nil {
		return err
	}
	if err := f.build(ctx, tx, w, j); err != nil {
		return err
	}
	j.events, j.written = facts.rows, len(j.touched)
	return finish(ctx, tx, j)
}

// worker counts. It is one goroutine's.
type worker struct {
	decoder       tally.Decoder
	before, after tally.History
}

// fold adds what is new of a unit to its history, and to every plan what that
// changes.
func (w *worker) fold(j *job, facts *facts, u *unit) error {
	w.after.Reset()
	if u.history != nil {
		if err := w.decoder.Decode(u.history, &w.before); err != nil {
			return err
		}
		if err := w.decoder.Decode(u.history, &w.after); err != nil {
			return err
		}
	}
	changed := facts.tell(u, &w.after)
	after := w.after.Append(nil)
	if string(after) == string(u.history) {
		return nil
	}
	j.touched, j.after = append(j.touched, u), append(j.after, after)
	for experiment, phase := range w.after.Phases {
		key := phaseKey{experiment, phase}
		change := changed.in(key)
		for _, c := range j.plans[key] {
			if !c.has(u) {
				continue
			}
			if u.history != nil {
				c.counter.Count(&w.before, u.unitType, u.id, change, true, &c.sums)
			}
			c.counter.Count(&w.after, u.unitType, u.id, change, false, &c.sums)
		}
	}
	return nil
}

// readHistories reads those that the units have.
func readHistories(ctx context.Context, tx pgx.Tx, generation int, units []*unit) error {
	if len(units) == 0 {
		return nil
	}
	slices.SortFunc(units, func(a, b *unit) int {
		return cmp.Or(cmp.Compare(a.shard, b.shard), strings.Compare(a.unitType, b.unitType), strings.Compare(a.id, b.id))
	})
	shards, types, ids := keysOf(units)
	rows, err := tx.Query(ctx, `select u.place, t.history
		from unnest($2::smallint[], $3::text[], $4::text[]) with ordinality u (shard, unit_type, unit_id, place)
		join track_units t on t.generation = $1 and t.shard = u.shard and t.unit_type = u.unit_type and t.unit_id = u.unit_id`,
		pgx.QueryResultFormats{pgx.BinaryFormatCode}, generation, shards, types, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v := rows.RawValues()
		units[bigEndian(v[0])-1].history = append([]byte{}, v[1]...)
	}
	return rows.Err()
}

func keysOf(units []*unit) (shards []int16, types, ids []string) {
	shards, types, ids = make([]int16, len(units)), make([]string, len(units)), make([]string, len(units))
	for i, u := range units {
		shards[i], types[i], ids[i] = u.shard, u.unitType, u.id
	}
	return shards, types, ids
}

func writeHistories(ctx context.Context, tx pgx.Tx, j *job) error {
	if len(j.touched) == 0 {
		return nil
	}
	shards, types, ids := keysOf(j.touched)
	_, err := tx.Exec(ctx, `insert into track_units (generation, shard, unit_type, unit_id, history)
		select $1, * from unnest($2::smallint[], $3::text[], $4::text[], $5::bytea[])
		on conflict (generation, shard, unit_type, unit_id) do update set history = excluded.history`,
		j.generation, shards, types, ids, j.after)
	return err
}

// finish leaves what the job found for the last transaction of the round.
func finish(ctx context.Context, tx pgx.Tx, j *job) error {
	var deltas []byte
	for _, of := range j.plans {
		for _, c := range of {
			if sums := c.sums.Append(nil); len(sums) > 0 {
				deltas = binary.AppendUvarint(deltas, uint64(c.plan))
				deltas = append(binary.AppendUvarint(deltas, uint64(len(sums))), sums...)
			}
		}
	}
	_, err := tx.Exec(ctx, `update track_folds set round = $3, deltas = case shard when $4 then $5::bytea end
		where generation = $1 and shard = any($2)`, j.generation, j.shards, j.round, j.shards[0], deltas)
	return err
}
