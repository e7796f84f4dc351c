// Package fold counts what was tracked: it keeps a history of each unit and the
// sums that results are read from, exactly as of one batch. Begin with New and
// Run; Read reads, Past tells of earlier positions.
package fold

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/tracking/tally"
)

// Config of a Folder. The zero value of each has a default.
type Config struct {
	// Workers is how many shards this process counts at once, default 2.
	Workers int
	// RoundRows is about how many rows of a shard make a round, default 5,000:
	// more are counted faster, fewer are seen sooner.
	RoundRows int
	// BuildUnits is how many units a changed plan is filled with at once, default
	// 10,000.
	BuildUnits int
	// Values is how many values of a dimension are counted, default 1,000: one that
	// has more is not counted by any more.
	Values int
	// MembersDelay is how long a plan serves at least before it is made anew for
	// the members of a segment alone, default a minute.
	MembersDelay time.Duration
	// Poll is how often to look for something to do, default 200 ms.
	Poll     time.Duration
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Conns is how many connections a folder with the default workers uses, with a
// deriver on the same pool.
const Conns = 4

// Folder counts. Any number of them, in any number of processes, share the work
// of one database.
type Folder struct {
	pool    *pgxpool.Pool
	deriver Deriver
	cfg     Config
	metrics *metrics
	bounds  tally.Bounds
	rolls   rolls
	more    chan struct{} // there may be something for another worker

	mu        sync.Mutex                       // never held while a lock of the database is waited for
	book      *book                            // guarded by mu, as all below
	counters  map[int]map[int64]*tally.Counter // by generation and plan
	replanned map[int]int64                    // ledger's position, by generation
	// behind is since when generations have been behind; the leading worker's.
	behind map[int]time.Time
}

// New returns a folder of what is tracked in the database that the pool reaches.
func New(pool *pgxpool.Pool, deriver Deriver, cfg Config) *Folder {
	cfg.Workers = cmp.Or(cfg.Workers, 2)
	cfg.RoundRows = cmp.Or(cfg.RoundRows, 5_000)
	cfg.BuildUnits = cmp.Or(cfg.BuildUnits, 10_000)
	cfg.Values = cmp.Or(cfg.Values, 1_000)
	cfg.MembersDelay = cmp.Or(cfg.MembersDelay, time.Minute)
	cfg.Poll = cmp.Or(cfg.Poll, 200*time.Millisecond)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	return &Folder{
		pool: pool, deriver: deriver, cfg: cfg, metrics: newMetrics(cfg.Registry), bounds: tally.NewBounds(),
		more: make(chan struct{}, cfg.Workers), book: newBook(), counters: map[int]map[int64]*tally.Counter{},
		replanned: map[int]int64{}, behind: map[int]time.Time{},
	}
}

// Run counts until ctx ends. What fails is tried again; nothing is skipped.
func (f *Folder) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range f.cfg.Workers - 1 {
		wg.Go(func() { f.help(ctx) })
	}
	f.lead(ctx)
	wg.Wait()
	return ctx.Err()
}

// maxPause is the longest pause after failures.
const maxPause = 5 * time.Second

// lead looks for something to do.
func (f *Folder) lead(ctx context.Context) {
	w := &worker{}
	failures := 0
	for ctx.Err() == nil {
		busy, err := f.advance(ctx, w)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil:
			failures++
			f.metrics.stopped.Set(1)
			if failures&(failures-1) == 0 {
				f.cfg.Log.Log(ctx, levelOf(err), "counting has stopped: what was tracked waits", "error", err, "failures", failures)
			}
		case failures > 0:
			failures = 0
			f.metrics.stopped.Set(0)
			f.cfg.Log.InfoContext(ctx, "counting goes on")
		}
		if !busy || err != nil {
			pause(ctx, min(f.cfg.Poll<<min(failures, 10), max(maxPause, f.cfg.Poll)))
		}
	}
}

// help takes shards while there are any. What fails is left to who leads.
func (f *Folder) help(ctx context.Context) {
	w := &worker{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.more:
		}
		for busy := true; busy && ctx.Err() == nil; {
			busy, _ = f.advance(ctx, w)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d - rand.N(d/4+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// outlook is what there is to do in a generation.
type outlook struct {
	generation  int
	state       string
	behind      int   // shards that have not done the round
	size        int64 // of the round
	unpublished bool
	more        bool // to count, or to fill
	filling     bool
	batch, head int64
	ledger      int64
}

// smallRound is how many rows are counted in one transaction for all shards.
const smallRound = 2_000

// advance does one thing that there is to do, and says whether there was any.
func (f *Folder) advance(ctx context.Context, w *worker) (busy bool, err error) {
	all, err := f.look(ctx)
	if err != nil {
		return false, err
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, o := range all {
		switch {
		case o.state == retired:
			busy, err = f.clear(ctx, o.generation)
		case o.behind > 0:
			busy, err = f.step(ctx, w, o.generation, o.share())
		case o.unpublished, o.more, o.filling, o.state == building, f.isNews(o):
			busy, err = f.turn(ctx, o.generation)
			f.call()
		}
		if busy || err != nil {
			return busy, err
		}
	}
	return false, nil
}

// share is how many shards to take at once.
func (o *outlook) share() int {
	if o.size <= smallRound && !o.filling {
		return o.behind
	}
	return 1
}

// call tells other workers that there may be something to do.
func (f *Folder) call() {
	for range f.cfg.Workers - 1 {
		select {
		case f.more <- struct{}{}:
		default:
		}
	}
}

func (f *Folder) look(ctx context.Context) ([]outlook, error) {
	// No joins: Postgres expects some rows of a table that it knows nothing of, and
	// would compile what looks like millions.
	rows, err := f.pool.Query(ctx, `select r.generation, r.state,
			(select count(*) from track_folds f where f.generation = r.generation and f.round < r.round), r.size,
			r.target > r.batch or exists (select from track_folds f where f.generation = r.generation and f.deltas is not null),
			(select batch from track_head) > r.target,
			exists (select from track_plans p where p.generation = r.generation and p.state = 'building'),
			r.batch, (select batch from track_head), (select position from event_head)
		from track_rounds r`)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o outlook, err error) {
		err = row.Scan(&o.generation, &o.state, &o.behind, &o.size, &o.unpublished, &o.more, &o.filling, &o.batch, &o.head, &o.ledger)
		return o, err
	})
	if err == nil {
		f.note(all)
	}
	return all, err
}

// note remembers since when generations have been behind.
func (f *Folder) note(all []outlook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range all {
		if _, behind := f.behind[o.generation]; o.head == o.batch {
			delete(f.behind, o.generation)
		} else if !behind {
			f.behind[o.generation] = time.Now()
		}
	}
	f.metrics.observe(all, f.behind)
}

// isNews says whether the ledger has changed since plans were compared with it.
func (f *Folder) isNews(o outlook) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.replanned[o.generation] != o.ledger
}

// clearUnits is how many histories of a retired generation are deleted at once.
const clearUnits = 20_000

// clear deletes something of a generation that is of no use any more: the first of
// its histories, in the order of their key.
func (f *Folder) clear(ctx context.Context, generation int) (bool, error) {
	var shard int16
	var unitType, unit string
	err := f.pool.QueryRow(ctx, `select shard, unit_type, unit_id from track_units where generation = $1
		order by shard, unit_type, unit_id offset $2 limit 1`, generation, clearUnits).Scan(&shard, &unitType, &unit)
	switch {
	case err == nil:
		_, err = f.pool.Exec(ctx, `delete from track_units where generation = $1
			and (shard, unit_type, unit_id) < ($2, $3::text, $4::text)`, generation, shard, unitType, unit)
		return true, err
	case !errors.Is(err, pgx.ErrNoRows):
		return true, err
	}
	if _, err = f.pool.Exec(ctx, `delete from track_units where generation = $1`, generation); err != nil {
		return true, err
	}
	_, err = f.pool.Exec(ctx, `delete from track_rounds where generation = $1 and state = 'retired'`, generation)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.counters, generation)
	delete(f.replanned, generation)
	delete(f.behind, generation)
	return true, err
}
