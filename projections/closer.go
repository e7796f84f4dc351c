package projections

import (
	"context"
	"log/slog"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// closerTick is how often the ledger's clock is read.
const closerTick = time.Second

// Closer closes days that are over. Every replica runs one: a day is closed
// exactly once, because closing is decided under the append lock.
type Closer struct {
	store *eventstore.Store
	log   *slog.Logger

	// through is the last day known to be closed; known is false before the
	// first attempt. The record at position had the hash then. Run alone uses all
	// of them.
	through  domain.Date
	known    bool
	position int64
	hash     domain.Hash
	failing  bool
}

// NewCloser returns a closer of the store's days. log may be nil.
func NewCloser(store *eventstore.Store, log *slog.Logger) *Closer {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Closer{store: store, log: log}
}

// Run closes each day within two seconds of its end by the ledger's clock, and
// at its start all days that ended before, until ctx ends.
func (c *Closer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := c.tick(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && !c.failing:
			c.log.WarnContext(ctx, "days cannot be closed now", "error", err)
		case err == nil && c.failing:
			c.log.InfoContext(ctx, "days can be closed again")
		}
		c.failing = err != nil
		c.pause(ctx)
	}
	return ctx.Err()
}

func (c *Closer) pause(ctx context.Context) {
	timer := time.NewTimer(spread(closerTick))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// tick closes what is due. It takes the append lock only when something may be.
func (c *Closer) tick(ctx context.Context) error {
	reading, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	head, err := c.store.Head(reading)
	if err != nil {
		return err
	}
	if hash, ok, err := c.store.HashAt(reading, c.position); err != nil {
		return err
	} else if !ok || hash != c.hash {
		c.known = false // another history: its days may be open
	}
	c.position, c.hash = head.Position, head.Hash
	today := domain.DateOf(head.Time())
	if c.known && c.through >= today-1 {
		return nil
	}
	return c.close(ctx)
}

// close closes every day that is over, as many transactions as it takes.
func (c *Closer) close(ctx context.Context) error {
	for {
		done, err := c.store.Execute(ctx, eventstore.Command{
			Meta:   eventstore.Meta{Actor: "assay", Reason: "the day is over"},
			Decide: closeDays,
		})
		if err != nil {
			return err
		}
		end := done.Answer.(closing)
		c.through, c.known, c.position, c.hash = end.through, true, end.position, end.hash
		for i := range done.Records {
			if closed, ok := done.Records[i].Event.(domain.DayClosed); ok {
				c.log.InfoContext(ctx, "day closed", "date", closed.Report.Date, "position", done.Records[i].Position)
			}
		}
		if len(done.Records) == 0 {
			return nil
		}
	}
}

// closing is what a ledger has closed at one of its records.
type closing struct {
	through  domain.Date
	position int64
	hash     domain.Hash
}

// closeDays answers with the closing.
func closeDays(tx *eventstore.Tx) (any, error) {
	err := tx.Append(tx.Catalog.CloseDays(tx.Now)...)
	return closing{tx.Catalog.ClosedThrough(), tx.Catalog.Position(), tx.Catalog.Hash()}, err
}
