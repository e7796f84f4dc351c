package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/domain"
)

var (
	// errBusy says that another replica is moving the hash.
	errBusy = errors.New("another replica is at it")
	// errOutdated says that the ledger was rewritten since it was read: the view
	// must not replace what may be of its present history.
	errOutdated = errors.New("the ledger was rewritten")
)

// Run keeps Redis in step until ctx ends: it moves what changed at once, and
// every other second verifies the content and replaces it when it is unfit.
func (r *Redis) Run(ctx context.Context) error {
	var failures int
	var next, waiting time.Time
	for ctx.Err() == nil {
		changed := r.follower.Changed()
		now := time.Now()
		if !now.Before(next) {
			r.last, next = nil, now.Add(spread(redisCheck))
		}
		patient := waiting.IsZero() || now.Sub(waiting) < lockPatience
		err := r.step(ctx, patient)
		if ctx.Err() != nil {
			break
		}
		pause, nudge := time.Until(next), r.nudge
		switch {
		case errors.Is(err, errBusy):
			if waiting.IsZero() {
				waiting = now
			}
			pause, changed = spread(lockRetry), nil
			if r.last == nil {
				pause = spread(healRetry)
			}
		case err != nil:
			failures++
			r.failed(ctx, err)
			next = time.Time{}
			pause, changed, nudge = backoff(failures), nil, nil
		}
		if !errors.Is(err, errBusy) {
			waiting = time.Time{}
		}
		if err == nil {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-nudge:
			next = time.Time{}
		case <-time.After(pause):
		}
	}
	return ctx.Err()
}

// backoff is the pause after so many failures in a row.
func backoff(failures int) time.Duration {
	return spread(min(redisRetry, 100*time.Millisecond<<min(failures-1, 4)))
}

// step brings Redis to the present view, whatever it holds.
func (r *Redis) step(ctx context.Context, patient bool) error {
	ctx, cancel := context.WithTimeout(ctx, redisStep)
	defer cancel()
	view := r.follower.View()
	at, err := r.heard(ctx)
	if err != nil {
		return err
	}
	// Nothing was written and nobody disturbed when there is nothing to do.
	verdict := r.judge(ctx, at, view)
	if verdict < mustMove {
		r.settled(ctx, at, verdict)
		return nil
	}
	release, err := r.lock(ctx, patient, view)
	if errors.Is(err, errOutdated) {
		r.follower.wake()
		r.settled(ctx, at, unsure)
		return nil
	}
	if err != nil {
		if at.fault == nil {
			at.docs, at.context, r.last = nil, nil, &at
		}
		return err
	}
	defer release()
	for range 5 {
		switch verdict {
		case mustMove:
			at, err = r.move(ctx, at, view)
		case mustReplace:
			at, err = r.replace(ctx, at, view)
		case mustExchange:
			at, err = r.exchange(ctx, at, view)
		default:
			r.settled(ctx, at, verdict)
			return nil
		}
		r.last = nil
		if err != nil {
			return err
		}
		verdict = r.judge(ctx, at, view)
	}
	return errBusy
}

// heard is what Redis holds, from memory where that is enough.
func (r *Redis) heard(ctx context.Context) (found, error) {
	if r.last != nil {
		return *r.last, nil
	}
	return r.read(ctx, true)
}

// verdict is what has to be done with what Redis holds.
type verdict int

const (
	// inStep: nothing, it is the view's.
	inStep verdict = iota
	// isAhead: nothing, it is newer than the view, or may be.
	isAhead
	// unsure: nothing, this process has not read the ledger, or not as it is now.
	unsure
	// mustMove: it is older, and of the same history.
	mustMove
	// mustReplace: it is unfit.
	mustReplace
	// mustExchange: it is older, and nobody can say of which history.
	mustExchange
)

// judge compares what Redis holds with the view, and with the ledger.
func (r *Redis) judge(ctx context.Context, at found, view *View) verdict {
	own := view.mark()
	older := at.mark.position < own.position
	switch {
	case view.Loaded && at.fault == nil && at.mark == own:
		return inStep
	case view.Loaded && (at.mark.position == own.position || at.fault != nil && older):
		return mustReplace
	case !view.Loaded && at.fault != nil:
		return unsure
	}
	hash, ok, err := r.follower.hashAt(ctx, at.mark.position)
	foreign := err == nil && (!ok || hash != at.mark.hash)
	switch {
	case !view.Loaded && foreign:
		return unsure
	case !view.Loaded:
		return isAhead
	case foreign:
		return mustReplace
	case err != nil && older:
		return mustExchange // the view is newer and true, whatever the other is
	case older:
		return mustMove
	}
	return isAhead // nothing newer is overwritten on a guess
}

// lock takes the lock that lets one replica at a time move the hash, and asks
// whether the view is still of the ledger's history. Without Postgres it does
// without both, when not patient without the lock: the scripts compare anyway.
func (r *Redis) lock(ctx context.Context, patient bool, view *View) (release func(), err error) {
	free := func() {}
	if r.pool == nil {
		return free, nil
	}
	asking, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	conn, err := r.pool.Acquire(asking)
	if err != nil {
		return free, nil
	}
	end := func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, err := conn.Exec(ending, "rollback"); err != nil {
			_ = conn.Conn().Close(ending)
		}
		conn.Release()
	}
	var alone, same bool
	b := &pgx.Batch{}
	b.Queue("begin read only")
	b.Queue(`select pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' ' || $1, 0)),
			$2 = 0 or exists (select from events where position = $2 and hash = $3)`,
		r.keys.hash, view.Position, view.Hash[:]).
		QueryRow(func(row pgx.Row) error { return row.Scan(&alone, &same) })
	err = conn.SendBatch(asking, b).Close()
	switch {
	case err != nil:
		end()
		return free, nil
	case !same:
		end()
		return nil, errOutdated
	case !alone && patient:
		end()
		return nil, errBusy
	}
	return end, nil
}

const (
	// maxPush bounds what one script call sets and deletes; more goes through
	// replace.
	maxPush = 5_000
	// maxPushBytes bounds the documents of one call, and maxPushContext what goes
	// with them: a segment may be large, and to write all segments for the sake
	// of one would be larger.
	maxPushBytes   = 4 << 20
	maxPushContext = 128 << 20
	// replaceChunk is how many fields are written at once, and replaceBytes after
	// how many bytes the next ones wait.
	replaceChunk = 200
	replaceBytes = 4 << 20
	// prepared is how long a hash that nobody swapped in stays.
	prepared = time.Minute
)

// edits are what one hash has to be told.
type edits struct {
	set   []any // field, value and so on
	gone  []any
	bytes int
}

func (e *edits) put(field string, value []byte) {
	e.set, e.bytes = append(e.set, field, value), e.bytes+len(value)
}

// args are the edits as the script reads them.
func (e *edits) args() []any {
	args := append([]any{len(e.set) / 2}, e.set...)
	return append(append(args, len(e.gone)), e.gone...)
}

// move sends what changed since the position that Redis has.
func (r *Redis) move(ctx context.Context, at found, view *View) (found, error) {
	var docs, around edits
	after := at.mark.position
	for _, d := range view.Docs {
		if d.Experiment.Position > after {
			docs.put(d.Experiment.ID.String(), d.JSON)
		}
	}
	for _, t := range since(view.graves, after) {
		if t.Kind == domain.KindExperiment {
			docs.gone = append(docs.gone, t.ID)
		}
	}
	for _, f := range view.contextFields(after) {
		around.put(f.name, f.value)
	}
	for _, field := range view.contextGone(after) {
		around.gone = append(around.gone, field)
	}
	args := append(docs.args(), around.args()...)
	if len(args) > 2*maxPush || docs.bytes > maxPushBytes || around.bytes > maxPushContext {
		return r.exchange(ctx, at, view)
	}
	return reply(r.push.Run(ctx, r.client, r.keys.all(),
		append([]any{at.position, at.digest, view.Position, view.mark().String(), r.keys.channel}, args...)...))
}

// replace puts the whole view in the place of unfit content.
func (r *Redis) replace(ctx context.Context, at found, view *View) (found, error) {
	now, err := r.exchange(ctx, at, view)
	if err == nil && now.mark == view.mark() {
		r.healed(ctx, at, view)
	}
	return now, err
}

// exchange writes the whole view beside the hashes and swaps it in.
func (r *Redis) exchange(ctx context.Context, at found, view *View) (now found, err error) {
	next := r.keys.next + uuid.NewString()
	around := next + ":context"
	defer func() {
		if err != nil {
			cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = r.client.Unlink(cleaning, next, around).Err()
		}
	}()
	docs := make([]contextField, len(view.Docs))
	for i, d := range view.Docs {
		docs[i] = contextField{d.Experiment.ID.String(), d.JSON}
	}
	fields := view.contextFields(-1)
	if err := errors.Join(r.prepare(ctx, next, docs), r.prepare(ctx, around, fields)); err != nil {
		return found{}, fmt.Errorf("write to redis: %w", err)
	}
	return reply(r.swap.Run(ctx, r.client, append(r.keys.all(), next, around),
		at.position, at.digest, view.Position, view.mark().String(), r.keys.channel, len(docs), len(fields)))
}

// prepare writes a hash that nobody reads yet.
func (r *Redis) prepare(ctx context.Context, key string, fields []contextField) error {
	for len(fields) > 0 {
		var chunk edits
		n := 0
		for n < min(len(fields), replaceChunk) && chunk.bytes < replaceBytes {
			chunk.put(fields[n].name, fields[n].value)
			n++
		}
		fields = fields[n:]
		_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.HSet(ctx, key, chunk.set...)
			p.Expire(ctx, key, prepared)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reply reads a script's answer: what Redis holds now.
func reply(cmd *redis.Cmd) (found, error) {
	values, err := cmd.Slice()
	if err != nil {
		return found{}, fmt.Errorf("write to redis: %w", err)
	}
	if len(values) != 3 {
		return found{}, fmt.Errorf("write to redis: the script answers %v", values)
	}
	position, _ := values[1].(string)
	digest, _ := values[2].(string)
	return believe(position, digest), nil
}

// settled notes what Redis holds when there is nothing left to do.
func (r *Redis) settled(ctx context.Context, at found, v verdict) {
	at.docs, at.context = nil, nil
	if at.fault == nil && v != unsure {
		r.last = &at
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v == unsure && at.fault == nil {
		at.fault = fmt.Errorf("%w: it is of another history of the ledger", ErrRedisCorrupt)
	}
	if at.fault != nil {
		r.state.Up, r.state.Err = false, at.fault.Error()
		return
	}
	r.vouched = at.mark
	if !r.state.Up {
		r.log.InfoContext(ctx, "redis is in step", "position", at.mark.position)
	}
	if applied, ok := r.follower.appliedAt(r.state.Position + 1); ok && v == inStep && at.mark.position > r.state.Position {
		r.delay.Observe(time.Since(applied).Seconds())
	}
	r.state.Up, r.state.Err, r.state.Position, r.started = true, "", at.mark.position, true
	r.current = time.Now()
}

func (r *Redis) failed(ctx context.Context, err error) {
	r.last = nil
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Up || !r.started && r.state.Err != err.Error() {
		r.log.WarnContext(ctx, "redis is not in step", "error", err)
	}
	r.state.Up, r.state.Err = false, err.Error()
}

// healed counts a replacement, save the first filling of an empty Redis.
func (r *Redis) healed(ctx context.Context, was found, view *View) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(was.fault, ErrRedisEmpty) && !r.started {
		return
	}
	r.state.Healed++
	reason := was.fault
	if reason == nil {
		reason = errors.New("the content was not the ledger's")
	}
	r.log.WarnContext(ctx, "redis healed", "reason", reason, "was", was.position, "position", view.Position)
}
