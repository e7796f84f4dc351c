package projections

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

const (
	// auditEvery is the pause between audits, of all replicas together.
	auditEvery = time.Minute
	// auditNew and auditOld bound the records of one audit: those that no audit
	// has read yet, and those that are read again.
	auditNew = 50_000
	auditOld = 5_000
	// auditTime bounds one audit.
	auditTime = 30 * time.Second
	// auditRepeat is after how long what is wrong is written down again.
	auditRepeat = time.Hour
)

// Auditor verifies the ledger's chain all the time, a little at a time: what was
// appended since the last audit, and in turn what is older. Any number may run on
// one ledger: one at a time does.
type Auditor struct {
	pool *pgxpool.Pool
	by   string
	log  *slog.Logger
}

// NewAuditor returns an auditor, which signs as by. log may be nil.
func NewAuditor(pool *pgxpool.Pool, by string, log *slog.Logger) *Auditor {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Auditor{pool: pool, by: by, log: log}
}

// Run audits once a minute until ctx ends.
func (a *Auditor) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		found, err := a.Audit(ctx, auditEvery)
		switch {
		case ctx.Err() != nil:
		case err != nil && !failing:
			a.log.WarnContext(ctx, "the ledger cannot be audited now", "error", err)
		case found != nil && !found.OK:
			a.log.ErrorContext(ctx, "the ledger is not what was appended", "position", found.FirstBad, "problem", found.Problem)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(spread(auditEvery / 4)):
		}
	}
	return ctx.Err()
}

// Audit verifies some of the ledger and keeps what it found; nil if another is at
// it, or was less than so long ago.
func (a *Auditor) Audit(ctx context.Context, every time.Duration) (*Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, auditTime)
	defer cancel()
	var found *Finding
	err := pgx.BeginTxFunc(ctx, a.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		var alone bool
		err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' audit', 0))`).Scan(&alone)
		if err != nil || !alone {
			return err
		}
		last, age, err := a.last(ctx, tx)
		if err != nil || age < every-every/8 {
			return err
		}
		start := time.Now()
		next, err := audit(ctx, tx, last)
		if err != nil {
			return err
		}
		next.Seconds, next.By = time.Since(start).Seconds(), a.by
		if !next.OK && !last.OK && next.FirstBad == last.FirstBad && next.Problem == last.Problem && age < auditRepeat {
			return nil
		}
		if err := next.Keep(ctx, tx); err != nil {
			return err
		}
		found = &next
		_, err = tx.Exec(ctx, `select sweep_verifications()`)
		return err
	})
	return found, err
}

// last is what an audit goes on from, and how long ago the last audit was: that
// audit, or a full verification that came after it and found everything in order,
// as it does when a backup was restored.
func (a *Auditor) last(ctx context.Context, tx pgx.Tx) (last Finding, age time.Duration, err error) {
	all, err := LastFindings(ctx, tx)
	if err != nil {
		return last, 0, err
	}
	var now time.Time
	if err := tx.QueryRow(ctx, `select clock_timestamp()`).Scan(&now); err != nil {
		return last, 0, err
	}
	last, audited := all[ChainVerification]
	if !audited {
		last.OK = true
	}
	age = now.Sub(last.At)
	if full, verified := all[FullVerification]; verified && full.OK {
		last.Redacted = full.Redacted
		if full.At.After(last.At) {
			last.Position, last.Hash, last.OK = full.Position, full.Hash, true
		}
	}
	last.Reread = min(last.Reread, last.Position)
	return last, age, nil
}

// audit goes on from the last finding.
func audit(ctx context.Context, tx pgx.Tx, last Finding) (Finding, error) {
	next := last
	next.Kind, next.OK, next.FirstBad, next.Problem, next.Mismatches = ChainVerification, true, 0, "", 0
	head, err := eventstore.ReadHead(ctx, tx)
	if err != nil {
		return next, err
	}
	bad := func(f *fault) (Finding, error) {
		next.OK, next.FirstBad, next.Problem = false, f.position, f.problem
		return next, nil
	}
	if head.Position < last.Position {
		return bad(faultf(head.Position+1, "the record is missing: it was verified before, and so was what followed up to %d", last.Position))
	}
	anchor, err := hashIn(ctx, tx, last.Position)
	if err != nil {
		return next, err
	}
	if anchor != last.Hash {
		return bad(faultf(last.Position, "the record has another hash than when it was verified: the ledger was written anew"))
	}
	// What is old first: an audit that cannot get past something new still does it.
	if last.Reread >= last.Position {
		next.Reread = 0
	}
	if old, err := hashIn(ctx, tx, next.Reread); err != nil {
		return next, err
	} else if end, err := walk(ctx, tx, next.Reread, old, min(next.Reread+auditOld, last.Position), last.Redacted); err != nil {
		return next, err
	} else if end.fault != nil {
		return bad(end.fault)
	} else {
		next.Reread = end.position
	}
	end, err := walk(ctx, tx, last.Position, last.Hash, min(last.Position+auditNew, head.Position), last.Redacted)
	if err != nil {
		return next, err
	}
	next.Position, next.Hash = end.position, end.hash
	switch {
	case end.fault != nil:
		return bad(end.fault)
	case end.position == head.Position && end.hash != head.Hash:
		return bad(faultf(end.position, "the ledger's head has another hash"))
	}
	return next, nil
}

// hashIn is the hash of the record at a position; zero where there is none.
func hashIn(ctx context.Context, tx pgx.Tx, position int64) (hash domain.Hash, err error) {
	var b []byte
	err = tx.QueryRow(ctx, `select coalesce((select hash from events where position = $1), '')`, position).Scan(&b)
	copy(hash[:], b)
	return hash, err
}

// walked is how far records follow from each other, and what is wrong with the
// next, if anything is.
type walked struct {
	position int64
	hash     domain.Hash
	fault    *fault
}

// walk reads the records after a position up to another, and checks each: that it
// is there, follows from the one before, and holds the data that was hashed.
func walk(ctx context.Context, tx pgx.Tx, after int64, hash domain.Hash, to int64, redacted []int64) (walked, error) {
	at := walked{position: after, hash: hash}
	for at.position < to && at.fault == nil {
		c := newChunk(redacted, nil)
		if err := c.readUpTo(ctx, tx, at.position, min(at.position+chunkSize, to)); err != nil {
			return at, err
		}
		broken := c.fault
		c.decode()
		if c.fault != nil {
			broken = c.fault
		}
		for i := range c.records {
			r := &c.records[i]
			if r.Chain(at.hash) != r.Hash {
				broken = faultf(r.Position, "the hash does not follow from the record and the one before it")
				break
			}
			at.position, at.hash = r.Position, r.Hash
		}
		at.fault = broken
	}
	return at, nil
}

// readUpTo fills the chunk with the records after a position up to another.
func (c *chunk) readUpTo(ctx context.Context, q eventstore.Querier, after, to int64) error {
	rows, err := q.Query(ctx, selectRecords+` where position > $1 and position <= $2 order by position`,
		pgx.QueryResultFormats{pgx.BinaryFormatCode}, after, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	next := after + 1
	var reader *reader
	for rows.Next() {
		if reader == nil {
			reader = newReader(rows)
		}
		if c.fault = reader.record(c, next); c.fault != nil {
			return nil
		}
		next++
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("records after %d: %w", after, err)
	}
	if next <= to {
		c.fault = faultf(next, "the record is missing")
	}
	return nil
}
