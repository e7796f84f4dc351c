package simulate

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"
)

const (
	// lateBy is how many events later a late one is sent at most.
	lateBy = 50_000
	// duplicateBy is how many events later the second delivery is.
	duplicateBy = 5_000
	// flushAfter is the longest that an event waits for others in its batch where
	// the rate is bounded.
	flushAfter = 500 * time.Millisecond
)

// parcel is an event on its way, perhaps twice.
type parcel struct {
	id      uuid.UUID
	encoded []byte
	outcome outcome // guarded by delivery.mu
}

// due is a delivery to come, when so many events have been made.
type due struct {
	at int64
	*parcel
}

type dues []due

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at < d[j].at }
func (d dues) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dues) Push(x any)        { *d = append(*d, x.(due)) }

func (d *dues) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// post puts events into batches: shuffled, late and twice, as the Config says.
// For one goroutine.
type post struct {
	cfg      *Config
	rand     *rand.Rand
	limit    *rate.Limiter // nil: as fast as it goes
	delivery *delivery
	out      chan<- []*parcel

	made    int64
	waiting dues
	batch   []*parcel
	flushed time.Time
}

// admit waits for the time of the next event; false means that time is over.
func (p *post) admit(ctx context.Context) bool {
	if p.limit == nil {
		return ctx.Err() == nil
	}
	return p.limit.Wait(ctx) == nil
}

// add sends an event, or keeps it for its time.
func (p *post) add(ctx context.Context, e *event) error {
	parcel := &parcel{id: e.id, encoded: e.encode()}
	if err := p.delivery.begin(parcel); err != nil {
		return err
	}
	p.made++
	spread := int64(p.cfg.Reorder) + 1
	if p.rand.Float64() < p.cfg.Late {
		spread = lateBy
	}
	heap.Push(&p.waiting, due{p.made + p.rand.Int64N(spread), parcel})
	if p.rand.Float64() < p.cfg.Duplicates {
		p.delivery.duplicate()
		heap.Push(&p.waiting, due{p.made + p.rand.Int64N(spread+duplicateBy), parcel})
	}
	p.release(ctx, p.made)
	return nil
}

// release sends what is due.
func (p *post) release(ctx context.Context, at int64) {
	for len(p.waiting) > 0 && p.waiting[0].at <= at {
		p.batch = append(p.batch, heap.Pop(&p.waiting).(due).parcel)
		if len(p.batch) >= p.cfg.Batch {
			p.flush(ctx)
		}
	}
	if p.limit != nil && time.Since(p.flushed) > flushAfter {
		p.flush(ctx)
	}
}

// flush sends the batch, or keeps it for finish when ctx ends first.
func (p *post) flush(ctx context.Context) {
	p.flushed = time.Now()
	if len(p.batch) == 0 {
		return
	}
	select {
	case p.out <- p.batch:
		p.batch = nil
	case <-ctx.Done():
	}
}

// finish sends all that is left.
func (p *post) finish(ctx context.Context) {
	for len(p.waiting) > 0 && ctx.Err() == nil {
		p.release(ctx, p.waiting[0].at)
	}
	p.flush(ctx)
}
