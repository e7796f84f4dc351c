package queries

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/stats"
	tracked "github.com/assaylabs/assay/tracking/fold"
	"github.com/assaylabs/assay/tracking/tally"
)

//go:embed results_now.sql
var resultsNow string

// ResultsOptions say which results are asked for; the zero value is those of the
// newest phase, now.
type ResultsOptions struct {
	// AsOf is the as_of of earlier results.
	AsOf  string
	Phase int
	// Dimension is an attribute to break the metrics down by.
	Dimension string
	// Metrics are those whose daily series is wanted besides the primary ones'.
	Metrics []string
}

// query is the one form of what is asked but for the phase and the position.
func (o ResultsOptions) query() string {
	metrics := slices.Compact(slices.Sorted(slices.Values(o.Metrics)))
	return "dimension=" + o.Dimension + "&metric=" + strings.Join(metrics, ",")
}

// Readout is the JSON document of Results, with its hash.
type Readout struct {
	Body []byte
	Hash string
}

// Pair is a position of the ledger and one of what was tracked.
type Pair struct{ Position, Batch int64 }

func (p Pair) String() string {
	return strconv.FormatInt(p.Position, 10) + "." + strconv.FormatInt(p.Batch, 10)
}

func parsePair(s string) (Pair, error) {
	position, batch, _ := strings.Cut(s, ".")
	var p Pair
	var err, batchErr error
	p.Position, err = strconv.ParseInt(position, 10, 64)
	p.Batch, batchErr = strconv.ParseInt(batch, 10, 64)
	if err != nil || batchErr != nil || p.Position < 1 || p.Batch < 0 || p.String() != s {
		return Pair{}, domain.Invalid("as_of", "must be two positions, such as 42.17: the as_of of earlier results")
	}
	return p, nil
}

const (
	// Remembered in memory; a phase's counts are about a megabyte at most.
	keptReadouts = 256
	keptCounts   = 32
	keptRulings  = 1024
	// keptBoundaries are of looks: about ten for each comparison, of a kilobyte each.
	keptBoundaries = 4096
)

// results is what answering results needs. It may be used by many goroutines.
type results struct {
	store    *eventstore.Store
	postgres *postgres
	past     *tracked.Past
	bounds   tally.Bounds
	recounts *recounts

	readouts *lru.Cache[readoutKey, Readout]
	counted  *lru.Cache[countedKey, *counted]
	rulings  *lru.Cache[rulingKey, *ruling]
	// boundaries are of group sequential tests, by all that they depend on.
	boundaries *lru.Cache[string, stats.GroupBoundary]
}

type phaseKey struct {
	experiment uuid.UUID
	phase      int
}

// countedKey names what is read at once: a phase, and one dimension or none.
type countedKey struct {
	phaseKey
	dimension string
}

type readoutKey struct {
	phaseKey
	Pair
	query string
}

// counted are the counts of a phase at a tracking position, and the plan by which
// they were made.
type counted struct {
	*counts
	plan     tally.Plan
	position int64
	batch    int64
}

func newResults(store *eventstore.Store, p *postgres, deriver tracked.Deriver) *results {
	r := &results{
		store: store, postgres: p, bounds: tally.NewBounds(),
		past: &tracked.Past{Pool: p.pool, Deriver: deriver},
	}
	r.recounts = newRecounts(r.past)
	// Sizes above 0 are no fault.
	r.readouts, _ = lru.New[readoutKey, Readout](keptReadouts)
	r.counted, _ = lru.New[countedKey, *counted](keptCounts)
	r.rulings, _ = lru.New[rulingKey, *ruling](keptRulings)
	r.boundaries, _ = lru.New[string, stats.GroupBoundary](keptBoundaries)
	return r
}

// Results reads what an experiment has shown, by its id or key. With AsOf the
// answer is the same for ever; where that takes counting anew it is
// domain.ErrUnavailable until Run has counted.
func (s *Service) Results(ctx context.Context, ref string, o ResultsOptions) (Readout, error) {
	if !nameable(ref) {
		return Readout{}, domain.ErrNotFound
	}
	if o.AsOf != "" {
		return s.results.pinned(ctx, ref, o)
	}
	return s.results.now(ctx, ref, o)
}

// present is what there is to read now.
type present struct {
	phaseKey
	// position is the last that the results depend on; planned is that of the plan
	// by which batches up to batch are counted, 0 for none.
	position, planned, batch int64
}

func (r *results) present(ctx context.Context, ref string, phase int) (at present, err error) {
	err = r.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, resultsNow, ref, idOf(ref), phase).
			Scan(&at.experiment, &at.phase, &at.position, &at.batch, &at.planned)
	})
	return at, err
}

func (r *results) now(ctx context.Context, ref string, o ResultsOptions) (Readout, error) {
	at, err := r.present(ctx, ref, o.Phase)
	if err != nil {
		return Readout{}, err
	}
	c, err := r.read(ctx, at, o.Dimension)
	if err != nil {
		return Readout{}, err
	}
	u, err := r.rulingFor(ctx, at, c)
	if err != nil {
		return Readout{}, err
	}
	return r.render(u, c, Pair{u.position, c.batch}, o)
}

// read reads what is counted, unless it is known.
func (r *results) read(ctx context.Context, at present, dimension string) (*counted, error) {
	key := countedKey{at.phaseKey, dimension}
	if known, ok := r.counted.Get(key); ok && known.batch == at.batch && known.position == at.planned {
		return known, nil
	}
	c, err := r.fetch(ctx, at, dimension)
	if err == nil {
		r.counted.Add(key, c)
	}
	return c, err
}

// fetch reads what is counted.
func (r *results) fetch(ctx context.Context, at present, dimension string) (*counted, error) {
	var reading tracked.Reading
	err := r.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		reading, err = tracked.ReadDimension(ctx, pool, at.experiment, at.phase, dimension)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &counted{
		counts: count(reading.Plan, reading.Cells, reading.More).without(reading.Wide),
		plan:   reading.Plan, position: reading.Position, batch: reading.Batch,
	}, nil
}

// rulingFor is what the ledger says now, or, while cells do not follow that yet,
// what it said when their plan was made.
func (r *results) rulingFor(ctx context.Context, at present, c *counted) (*ruling, error) {
	newest := max(at.position, c.position)
	u, err := r.ruling(ctx, rulingKey{at.experiment, at.phase, newest})
	if err != nil || c.position == 0 || newest == c.position || samePlan(u.plan, c.plan) {
		return u, err
	}
	return r.ruling(ctx, rulingKey{at.experiment, at.phase, c.position})
}

func samePlan(a, b tally.Plan) bool {
	one, err := domain.Encode(a)
	if err != nil {
		return false
	}
	other, err := domain.Encode(b)
	return err == nil && bytes.Equal(one, other)
}

// pinned answers as of a pair of positions.
func (r *results) pinned(ctx context.Context, ref string, o ResultsOptions) (Readout, error) {
	pair, err := parsePair(o.AsOf)
	if err != nil {
		return Readout{}, err
	}
	u, err := r.rulingThen(ctx, ref, pair, o.Phase)
	if err != nil {
		return Readout{}, err
	}
	key := readoutKey{phaseKey{u.last.ID, u.phase}, pair, o.query()}
	body, err := r.kept(ctx, key)
	if err == nil || !errors.Is(err, domain.ErrNotFound) {
		return readoutOf(body), err
	}
	made, known := r.readouts.Get(key) // answered when it was new
	if !known {
		c, err := r.countThen(ctx, u, pair, o.Dimension)
		if err != nil {
			return Readout{}, err
		}
		if made, err = r.render(u, c, pair, o); err != nil {
			return Readout{}, err
		}
	}
	return r.keep(ctx, key, made)
}

// rulingThen is what the ledger said at the pair's position.
func (r *results) rulingThen(ctx context.Context, ref string, pair Pair, phase int) (*ruling, error) {
	var id uuid.UUID
	var position, batch int64
	err := r.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		err = pool.QueryRow(ctx, `select h.position, r.batch from event_head h, track_rounds r where r.state = 'serving'`).
			Scan(&position, &batch)
		if err == nil && pair.Position <= position && pair.Batch <= batch {
			id, err = readHolder(ctx, pool, ref, pair.Position)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if pair.Position > position || pair.Batch > batch {
		return nil, domain.Invalid("as_of", "must not be beyond %s", Pair{position, batch})
	}
	return r.ruling(ctx, rulingKey{id, phase, pair.Position})
}

// countThen are the counts at the pair's batch: those there are, where they are
// of that batch and plan, else a recount.
func (r *results) countThen(ctx context.Context, u *ruling, pair Pair, dimension string) (*counted, error) {
	key := countedKey{phaseKey{u.last.ID, u.phase}, dimension}
	if known, ok := r.counted.Get(key); ok && known.fits(u, pair) {
		return known, nil
	}
	now, err := r.positionNow(ctx)
	if err != nil {
		return nil, err
	}
	if now == pair.Batch { // else it has gone by, and does not come back
		c, err := r.read(ctx, present{phaseKey: key.phaseKey, batch: now}, dimension)
		if err != nil || c.fits(u, pair) {
			return c, err
		}
	}
	return r.recounts.of(ctx, u, pair.Batch)
}

// fits says whether the counts are of that batch, by the plan that the ledger
// then had. Where nobody was exposed there is none.
func (c *counted) fits(u *ruling, pair Pair) bool {
	return c.batch == pair.Batch && (c.position == 0 || samePlan(c.plan, u.plan))
}

func (r *results) positionNow(ctx context.Context) (batch int64, err error) {
	err = r.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		batch, err = tracked.Position(ctx, pool)
		return err
	})
	return batch, err
}

// kept are the bytes that were answered before; domain.ErrNotFound for none.
func (r *results) kept(ctx context.Context, key readoutKey) (body []byte, err error) {
	err = r.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, `select body from readouts
			where experiment_id = $1 and phase = $2 and position = $3 and batch = $4 and query = $5`,
			key.experiment, key.phase, key.Position, key.Batch, key.query).Scan(&body)
	})
	return body, err
}

// keep keeps a readout for ever. Where another was quicker, that one stays.
func (r *results) keep(ctx context.Context, key readoutKey, made Readout) (Readout, error) {
	err := r.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.Exec(ctx, `insert into readouts (experiment_id, phase, position, batch, query, body)
			values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
			key.experiment, key.phase, key.Position, key.Batch, key.query, made.Body)
		return err
	})
	if err != nil {
		return Readout{}, err
	}
	body, err := r.kept(ctx, key)
	return readoutOf(body), err
}
