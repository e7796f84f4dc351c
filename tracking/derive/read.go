package derive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// page is how many records are read at once, so that no query takes long.
const page = 20_000

// readOn reads the ledger to its end. Where the ledger is another one than was
// read, by a restore or a fail-over, all of it is read again.
func (d *Deriver) readOn(ctx context.Context) error {
	for {
		n, same, err := d.readPage(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("read the ledger after %d: %w", d.past.end(), err)
		case !same:
			d.past = newPast()
			clear(d.moments)
		case n < page:
			return nil
		}
	}
}

// readPage takes the next records up. It is not the same ledger if its record at
// the end of what was read is another one.
func (d *Deriver) readPage(ctx context.Context) (n int, same bool, err error) {
	end := d.past.end()
	// Of other types not even the data is read: reports of days are large.
	rows, err := d.pool.Query(ctx, `select position, stream_id, type, schema_version, recorded_at, hash,
			case when type ~ '^(experiment|layer|holdout|segment)\.' then data end
		from events where position >= $1 order by position limit $2 + 1`, end, page)
	if err != nil {
		return 0, false, err
	}
	var position int64
	var schema int
	var stream, typ string
	var at time.Time
	var hash, data []byte
	same = end == 0
	_, err = pgx.ForEachRow(rows, []any{&position, &stream, &typ, &schema, &at, &hash, &data}, func() error {
		if position == end {
			same = bytes.Equal(hash, d.past.hash)
			return nil
		}
		if !same {
			return nil
		}
		if next := d.past.end() + 1; position != next {
			return &eventstore.PoisonError{Position: next, Err: errors.New("the record is missing")}
		}
		if data != nil {
			event, err := eventstore.Decode(typ, schema, data)
			if err != nil {
				return &eventstore.PoisonError{Position: position, Err: err}
			}
			d.past.fold(position, domain.Stream(stream), event)
		}
		d.past.times = append(d.past.times, at.UnixMicro())
		d.past.hash = append(d.past.hash[:0], hash...)
		n++
		return nil
	})
	return n, same, err
}
