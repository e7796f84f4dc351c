package projections

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// VerifyOptions of Verify; the zero value is usable.
type VerifyOptions struct {
	// Checkpoint is "position:hash" from outside the database: it alone shows
	// that the ledger's end was cut off or written anew.
	Checkpoint string
	// Redacted are the positions whose data is known not to be what was hashed:
	// only their hashes are verified, and they are noted.
	Redacted []int64
	// Redis is compared too, in that namespace; nil for not.
	Redis     redis.UniversalClient
	Namespace string
	// Progress is told how many of how many records are done.
	Progress func(done, total int64)
}

// Verification is what Verify found.
type Verification struct {
	Records int64 `json:"records"`
	// FirstBad is the first position that is not what was appended; 0 for none.
	FirstBad int64  `json:"first_bad_position"`
	Bad      bool   `json:"bad"`
	Problem  string `json:"problem,omitzero"`
	// Mismatches are rows of read models that differ from the ledger's replay.
	Mismatches []string `json:"mismatches"`
	// Notes say what could not be compared.
	Notes      []string `json:"notes,omitempty"`
	Checkpoint string   `json:"checkpoint"`
}

// OK says that everything is as it was appended.
func (v Verification) OK() bool { return !v.Bad && len(v.Mismatches) == 0 }

// maxMismatches bounds what is listed.
const maxMismatches = 20

// Verify re-derives the ledger's chain and every read model from the first
// record on, in one snapshot, and says what differs. Redis has no part in the
// snapshot: it is given some seconds to stand where the ledger does.
func Verify(ctx context.Context, pool *pgxpool.Pool, opts VerifyOptions) (Verification, error) {
	var v *verifier
	err := Snapshot(ctx, pool, func(tx pgx.Tx) error {
		// Rows are stored almost in the order in which they are compared: there is
		// little to sort, given the memory.
		if _, err := tx.Exec(ctx, patience+"; set local work_mem = '64MB'"); err != nil {
			return err
		}
		head, err := eventstore.ReadHead(ctx, tx)
		if err != nil {
			return fmt.Errorf("read the ledger's head: %w", err)
		}
		if v, err = newVerifier(head, opts); err != nil {
			return err
		}
		if err := stream(ctx, tx, 0, opts.Redacted, v.fold); err != nil {
			return err
		}
		if v.end(); v.Bad {
			return nil
		}
		return v.compare(ctx, tx)
	})
	if v != nil && v.Bad {
		return v.Verification, nil // reading ended early, and the transaction with it
	}
	if err == nil && opts.Redis != nil {
		err = v.compareRedis(ctx, pool)
	}
	if err != nil {
		return Verification{}, err
	}
	return v.Verification, nil
}

type verifier struct {
	Verification
	head    eventstore.Head
	opts    VerifyOptions
	catalog *domain.Catalog
	*gathered
	// want is the hash that the checkpoint gives to position wantAt; -1 for none.
	want   domain.Hash
	wantAt int64
}

func newVerifier(head eventstore.Head, opts VerifyOptions) (*verifier, error) {
	c := domain.NewCatalog(head.BeganAt)
	v := &verifier{
		Verification: Verification{Mismatches: []string{}},
		head:         head, opts: opts, catalog: c, gathered: gather(c),
		wantAt: -1,
	}
	var err error
	if opts.Checkpoint != "" {
		v.wantAt, v.want, err = domain.ParseCheckpoint(opts.Checkpoint)
	}
	return v, err
}

func (v *verifier) bad(f *fault) {
	if !v.Bad {
		v.Bad, v.FirstBad, v.Problem = true, f.position, f.problem
	}
}

// fold checks and applies a chunk.
func (v *verifier) fold(c *chunk) error {
	for i := range c.records {
		r := &c.records[i]
		if f := v.check(r); f != nil {
			c.cut(i, f)
			break
		}
		if slices.Contains(v.opts.Redacted, r.Position) {
			v.Notes = append(v.Notes, fmt.Sprintf("the data of record %d with its hash: it was redacted", r.Position))
		}
		v.apply(r)
		v.Records++
	}
	if c.fault != nil {
		v.bad(c.fault)
	}
	if v.opts.Progress != nil {
		v.opts.Progress(v.Records, v.head.Position)
	}
	return nil
}

// check compares a record with the ledger before it.
func (v *verifier) check(r *eventstore.Record) *fault {
	switch {
	case r.Chain(v.catalog.Hash()) != r.Hash:
		return faultf(r.Position, "the hash does not follow from the record and the one before it")
	case r.Version != v.catalog.Version(r.Stream)+1:
		return faultf(r.Position, "version %d of %s does not follow %d", r.Version, r.Stream, v.catalog.Version(r.Stream))
	case r.RecordedAt.Before(v.catalog.At()):
		return faultf(r.Position, "the time falls")
	case r.Position == 1 && r.RecordedAt.Before(v.head.BeganAt):
		return faultf(r.Position, "the record is older than the ledger")
	case r.Position == v.wantAt && r.Hash != v.want:
		return faultf(r.Position, "the checkpoint has another hash: the ledger was written anew up to here")
	}
	if closing, ok := r.Event.(domain.DayClosed); ok {
		return v.checkClosing(r, closing.Report.Date)
	}
	return nil
}

// checkClosing re-derives a day's report.
func (v *verifier) checkClosing(r *eventstore.Record, date domain.Date) *fault {
	end := (date + 1).Start()
	if r.RecordedAt.Before(end) {
		return faultf(r.Position, "day %s was closed before its end", date)
	}
	due := v.catalog.CloseDays(end)
	if len(due) == 0 {
		return faultf(r.Position, "day %s was closed before", date)
	}
	report, err := domain.Encode(due[0].Event)
	if err != nil || !bytes.Equal(report, r.Data) {
		return faultf(r.Position, "the report of day %s is not what the ledger says", date)
	}
	return nil
}

// end checks the ledger's end against its head and the checkpoint.
func (v *verifier) end() {
	last := v.catalog.Position()
	v.Checkpoint = domain.Checkpoint(last, v.catalog.Hash())
	switch {
	case v.Bad:
	case v.wantAt > last:
		v.bad(faultf(last+1, "the record is missing: the checkpoint is at %d", v.wantAt))
	case v.head.Position > last:
		v.bad(faultf(last+1, "the record is missing: the ledger's head is at %d", v.head.Position))
	case v.head.Position < last:
		v.bad(faultf(v.head.Position+1, "the record is beyond the ledger's head"))
	case v.head.Hash != v.catalog.Hash():
		v.bad(faultf(last, "the ledger's head has another hash"))
	case last > 0 && !v.head.RecordedAt.Equal(v.catalog.At()):
		v.bad(faultf(last, "the ledger's head has another time"))
	}
}
