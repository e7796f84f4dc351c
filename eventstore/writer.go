package eventstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/domain"
)

// maxGroup is how many commands may share one transaction.
const maxGroup = 256

// Command is a wish to append.
type Command struct {
	Meta Meta
	// Decide reads tx.Catalog and calls tx.Append, or returns an error and
	// nothing is appended. It may run more than once, so it must have no other
	// effect. The answer is kept, as JSON, under the idempotency key.
	Decide func(tx *Tx) (answer any, err error)
}

// Committed is what became of a command.
type Committed struct {
	// Records were appended; none where the command changed nothing, or was
	// replayed.
	Records []Record
	// Answer is what Decide returned; nil when replayed.
	Answer any
	// Kept is the JSON of the answer to the idempotency key's first use.
	Kept []byte
	// Position is the ledger's after the command.
	Position int64
	// Replayed says that the idempotency key had been used before.
	Replayed bool
}

// Tx is a command's view of the ledger under the append lock.
type Tx struct {
	// Catalog holds all that has been appended, by this command too. Commands
	// read it and do not change it.
	Catalog *domain.Catalog
	// Now is the ledger's time.
	Now time.Time

	meta      Meta
	command   uuid.UUID
	records   []Record
	meanwhile func()
}

// Because sets the reason for what is appended from here on.
func (tx *Tx) Because(reason string) { tx.meta.Reason = reason }

// Meanwhile has f done while Postgres writes what was appended: there is time
// then. Where nothing is written it is not done. It comes before the answer.
func (tx *Tx) Meanwhile(f func()) { tx.meanwhile = f }

// Append stamps changes and applies them to the catalog.
func (tx *Tx) Append(changes ...domain.Change) error {
	for _, ch := range changes {
		data, schemaVersion, err := encode(ch.Event)
		if err != nil {
			return fmt.Errorf("append to %s: %w", ch.Stream, err)
		}
		r := Record{
			Position: tx.Catalog.Position() + 1,
			Stream:   ch.Stream, Version: tx.Catalog.Version(ch.Stream) + 1,
			Type: ch.Event.Type(), SchemaVersion: schemaVersion,
			Data: data, DataHash: sha256.Sum256(data),
			CommandID: tx.command, Actor: tx.meta.Actor, KeyID: tx.meta.KeyID, Reason: tx.meta.Reason,
			RequestID: tx.meta.RequestID, CorrelationID: tx.meta.CorrelationID,
			RecordedAt: tx.Now, Event: ch.Event,
		}
		r.Hash = r.Chain(tx.Catalog.Hash())
		tx.Catalog.Apply(r.Stamp(), r.Stream, r.Event)
		tx.records = append(tx.records, r)
	}
	return nil
}

// request is a command waiting for the writer.
type request struct {
	ctx  context.Context
	cmd  Command
	done chan outcome
}

type outcome struct {
	committed Committed
	err       error
}

// Execute decides the command on the whole ledger, under its lock, and appends
// what it decides. It returns Decide's error as it is, or one that wraps
// domain.ErrUnavailable: then the command may or may not have been appended,
// and a retry with the same idempotency key settles it.
func (s *Store) Execute(ctx context.Context, cmd Command) (Committed, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	req := &request{ctx: ctx, cmd: cmd, done: make(chan outcome, 1)}
	select {
	case s.queue <- req:
	case <-ctx.Done():
		return Committed{}, fmt.Errorf("%w: too many commands are waiting", domain.ErrUnavailable)
	}
	select {
	case out := <-req.done:
		return out.committed, out.err
	case <-ctx.Done():
		return Committed{}, fmt.Errorf("%w: the ledger did not answer in time", domain.ErrUnavailable)
	}
}

// write serves the queue, as many commands in one transaction as are waiting.
func (s *Store) write(ctx context.Context) {
	expected := 0
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.queue:
			group := s.gather(first, expected)
			s.commit(ctx, group)
			// Whoever waits by now, and whoever was just answered and asks again.
			expected = len(s.queue) + len(group)
		}
	}
}

const (
	// gatherPause is how long a group waits for the next command as long as it
	// has fewer than expected, gatherTime how long in all. Callers that were just
	// answered come back within it, and would else split into two groups that
	// take turns.
	gatherPause = 100 * time.Microsecond
	gatherTime  = time.Millisecond
)

// gather takes what waits into a group. One caller alone is not kept waiting.
func (s *Store) gather(first *request, expected int) []*request {
	group := append(make([]*request, 0, max(expected, 1)), first)
	var start, last time.Time
	for len(group) < maxGroup {
		select {
		case r := <-s.queue:
			group, last = append(group, r), time.Time{}
			continue
		default:
		}
		if expected < 2 || len(group) >= expected {
			return group
		}
		// Not a timer: those of an idle process are late by up to a millisecond.
		now := time.Now()
		if start.IsZero() {
			start = now
		}
		if last.IsZero() {
			last = now
		}
		if now.Sub(last) > gatherPause || now.Sub(start) > gatherTime {
			return group
		}
		runtime.Gosched()
	}
	return group
}

// commit runs a group in one transaction; when Postgres refuses it, one command
// at a time, so that a bad one fails alone.
func (s *Store) commit(ctx context.Context, group []*request) {
	live := group[:0]
	for _, r := range group {
		if r.ctx.Err() == nil {
			live = append(live, r)
		}
	}
	if len(live) == 0 {
		return
	}
	start := time.Now()
	err := s.transact(ctx, live)
	s.metrics.latency.Observe(time.Since(start).Seconds())
	s.metrics.group.Observe(float64(len(live)))
	if err == nil {
		return
	}
	s.metrics.failed.Inc()
	if len(live) > 1 && refused(err) {
		for _, r := range live {
			s.commit(ctx, []*request{r})
		}
		return
	}
	s.cfg.Log.WarnContext(ctx, "append failed", "commands", len(live), "error", err)
	for _, r := range live {
		r.done <- outcome{err: translate(err)}
	}
}

// refused says that Postgres refused a statement and nothing was committed. A
// session that ended, FATAL, may have committed before: its commands must not
// run again.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR"
}
