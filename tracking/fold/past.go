package fold

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/tally"
)

// Deriver says what the ledger says of exposures, in their order. derive.Deriver
// is one.
type Deriver interface {
	Derive(ctx context.Context, exposures []derive.Exposure) ([]tracking.Verdict, error)
}

// Past tells how phases stood at earlier positions. It may be used by many
// goroutines.
type Past struct {
	Pool    *pgxpool.Pool
	Deriver Deriver
}

// Plan is how a phase is counted as the ledger stood at a position: by the
// experiment as its last record in that phase left it, and by the definitions of
// metrics and the members of segments at the position. It is domain.ErrNotFound
// where there was no such experiment or phase yet. The same position gives the
// same plan for ever.
func (p *Past) Plan(ctx context.Context, position int64, experiment uuid.UUID, phase int) (tally.Plan, error) {
	b := newBook()
	err := b.read(ctx, p.Pool, selectPages+` and (stream_id = $3 or stream_id like 'metric/%' or stream_id like 'segment/%')`,
		0, position, string(domain.StreamOf(domain.KindExperiment, experiment)))
	if err != nil {
		return tally.Plan{}, err
	}
	plan, ok := b.plan(phaseKey{experiment, phase})
	if !ok {
		return tally.Plan{}, domain.ErrNotFound
	}
	return asStored(plan)
}

// asStored is a plan as it reads from the database.
func asStored(plan tally.Plan) (stored tally.Plan, err error) {
	doc, err := json.Marshal(plan)
	if err != nil {
		return stored, err
	}
	return stored, json.Unmarshal(doc, &stored)
}

// Recount counts by a plan what was tracked up to a batch, from the events as
// they came: what Read returns with that plan at that batch, to the last bit. It
// takes as long as it takes to sort all events; ctx bounds it. wide are the dimensions
// that have no cells, as in a Reading. Beyond the last batch it is domain.ErrNotFound.
func (p *Past) Recount(ctx context.Context, plan tally.Plan, batch int64) (cells map[tally.CellKey]tally.Cell, wide []string, err error) {
	var sums tally.Sums
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, p.Pool, options, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, patience); err != nil {
			return err
		}
		var head int64
		if err := tx.QueryRow(ctx, `select batch from track_head`).Scan(&head); err != nil {
			return err
		}
		if batch > head {
			return domain.ErrNotFound
		}
		var r rolls
		excluded, err := r.excluded(ctx, tx, &plan)
		if err != nil {
			return err
		}
		if wide, err = wideAt(ctx, tx, &plan, batch); err != nil {
			return err
		}
		counter := tally.NewCounter(plan, tally.NewBounds(), excluded).Without(wide)
		return p.recount(ctx, tx, counter, batch, &sums)
	})
	return sums.Cells(&plan), wide, err
}

// patience lets a transaction read all that was tracked, however long that takes.
const patience = `set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;
	set local work_mem = '64MB'; set local jit = off`

// recountRows is about how many rows are counted at once.
const recountRows = 20_000

// recount reads the units that were exposed, one after another, with all that
// they did: how much that is matters too.
func (p *Past) recount(ctx context.Context, tx pgx.Tx, counter *tally.Counter, batch int64, sums *tally.Sums) error {
	var key string
	err := tx.QueryRow(ctx, `select key from experiments where id = $1`, counter.Plan.Experiment).Scan(&key)
	if err != nil {
		return fmt.Errorf("experiment %s: %w", counter.Plan.Experiment, err)
	}
	rows, err := tx.Query(ctx, `select `+columns+` from tracked where unit_type = $1 and batch <= $2 and experiment in ('', $3)
			and unit_id in (select unit_id from tracked where unit_type = $1 and batch <= $2 and experiment = $3)
		order by unit_id`,
		pgx.QueryResultFormats{pgx.BinaryFormatCode}, counter.Plan.UnitType, batch, key)
	if err != nil {
		return err
	}
	defer rows.Close()
	w := recounter{counter: counter, sums: sums, deriver: p.Deriver}
	facts := newFacts()
	for rows.Next() {
		v := rows.RawValues()
		if last := len(facts.units) - 1; facts.rows >= recountRows {
			if err := w.count(ctx, facts, facts.units[last].id == string(v[2])); err != nil {
				return err
			}
			facts = newFacts()
		}
		if err := facts.add(v); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return w.count(ctx, facts, false)
}

// recounter counts units, one after another.
type recounter struct {
	counter *tally.Counter
	sums    *tally.Sums
	deriver Deriver
	history tally.History
	// begun says that the history is that of the next facts' first unit so far.
	begun bool
}

// count counts the units of the facts; with more, there are further facts of the
// last one, which may have very many.
func (w *recounter) count(ctx context.Context, facts *facts, more bool) error {
	if err := facts.judge(ctx, w.deriver); err != nil {
		return err
	}
	for i, u := range facts.units {
		if i > 0 || !w.begun {
			w.history.Reset()
		}
		facts.tell(u, &w.history)
		if w.begun = more && i == len(facts.units)-1; !w.begun {
			w.counter.Count(&w.history, u.unitType, u.id, &tally.Change{All: true}, false, w.sums)
		}
	}
	return nil
}
