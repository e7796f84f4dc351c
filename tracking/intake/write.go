package intake

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/assaylabs/assay/tracking"
)

// item is one event of a group.
type item struct {
	*tracking.Event
	request *request
	place   int // in the request
	fate    fate
}

// fate is what became of an item.
type fate byte

const (
	pending fate = iota
	isNew
	isDuplicate
	isRefused
	isUnknown // stored or not
)

// writer stores one group at a time; its memory serves the next one too.
type writer struct {
	*Intake
	items []item
	ids   []byte
	rows  []byte
	// wary counts down the transactions that look for ids that are not new, after
	// one was found; the others find out by failing.
	wary int
}

// write stores what waits until ctx ends.
func (in *Intake) write(ctx context.Context) {
	w := &writer{Intake: in}
	for ctx.Err() == nil {
		if group := in.take(); group != nil {
			w.store(ctx, group)
			continue
		}
		select {
		case <-ctx.Done():
		case <-in.ready:
		}
	}
}

func (w *writer) store(ctx context.Context, group []*request) {
	w.items = w.items[:0]
	for _, r := range group {
		for i := range r.events {
			w.items = append(w.items, item{Event: &r.events[i], request: r, place: i})
		}
	}
	slices.SortStableFunc(w.items, func(a, b item) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	err := w.settle(ctx, w.items)
	for i := range w.items {
		w.items[i].tell()
	}
	w.done(group, nil)
	clear(w.items) // what they point to may go
	if err != nil {
		w.metrics.failed.Inc()
		w.cfg.Log.WarnContext(ctx, "tracked events were not stored", "events", len(w.items), "error", err)
	}
}

// tell counts the item for its caller.
func (it *item) tell() {
	r := it.request
	switch it.fate {
	case isNew:
		r.stored.New++
	case isDuplicate:
		r.stored.Duplicates++
	case isRefused:
		r.stored.Refused = append(r.stored.Refused, tracking.Rejection{
			Index: it.place, Problem: "event: cannot be stored", Reason: tracking.Refused,
		})
	default:
		r.err = tracking.ErrDown
	}
}

// settle decides the fate of items, which are sorted by id. Of those that share an
// id the first counts, unless it is refused. The error is why some are unknown.
func (w *writer) settle(ctx context.Context, items []item) error {
	var err error
	for {
		unique := make([]*item, 0, len(items))
		for i := range items {
			switch it := &items[i]; {
			case it.fate != pending:
			case len(unique) > 0 && unique[len(unique)-1].ID == it.ID:
			default:
				unique = append(unique, it)
			}
		}
		if len(unique) == 0 {
			return err
		}
		err = cmp.Or(w.divide(ctx, unique), err)
		var first *item // of its id, and not refused
		for i := range items {
			switch it := &items[i]; {
			case it.fate != pending && it.fate != isRefused:
				first = it
			case it.fate == pending && first != nil && first.ID == it.ID:
				it.fate = first.fate
				if it.fate == isNew {
					it.fate = isDuplicate
				}
			}
		}
	}
}

// divide stores items of different ids; when the database refuses them, by
// halves, so that a bad one goes alone.
func (w *writer) divide(ctx context.Context, items []*item) error {
	err := w.transact(ctx, items)
	if lacksPartition(err) {
		if err = w.makePartitions(ctx); err == nil {
			err = w.transact(ctx, items)
		}
	}
	switch {
	case err == nil:
		return nil
	case !refused(err):
		mark(items, isUnknown)
		return err
	case len(items) > 1:
		half := len(items) / 2
		return cmp.Or(w.divide(ctx, items[:half]), w.divide(ctx, items[half:]))
	}
	w.cfg.Log.WarnContext(ctx, "a tracked event was refused by the database", "id", items[0].ID, "error", err)
	mark(items, isRefused)
	return nil
}

func mark(items []*item, f fate) {
	for _, it := range items {
		it.fate = f
	}
}
