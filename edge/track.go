package edge

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/tracking"
)

// Tracker stores what units saw and did. It is called concurrently.
type Tracker interface {
	// Store returns when the events are stored; the error is tracking.ErrFull, or
	// one that wraps tracking.ErrDown.
	Store(ctx context.Context, events []tracking.Event) (tracking.Stored, error)
}

const (
	// maxHeld bounds the bodies of POST /track in memory, in bytes, beyond
	// keptBuffer for each.
	maxHeld = 64 << 20
	// maxRetryAfter is in seconds. Callers come back spread over as many.
	maxRetryAfter = 5
	// nowhere is the Retry-After of an edge that cannot track, in seconds.
	nowhere = 60
)

// tracks is the state of POST /track.
type tracks struct {
	forward *forwarder // nil without
	held    atomic.Int64
	meter   *trackMeter
}

// track answers POST /track: what is not rejected is stored. The requests of
// clients that went away are stored too.
func (e *Edge) track(x *exchange, c *call) int {
	held, f := e.readTracked(x, c)
	defer e.tracks.held.Add(-held)
	if f != nil {
		return e.fail(x, f)
	}
	events, rejected, err := tracking.Parse(c.body, time.Now())
	if err != nil {
		field, problem, _ := strings.Cut(err.Error(), ": ")
		return e.fail(x, malformed(field, problem))
	}
	m := e.tracks.meter
	m.received.Add(float64(len(events) + len(rejected)))
	if e.cfg.Tracker == nil {
		return e.pass(x, c.body, len(events)+len(rejected))
	}
	stored, err := e.cfg.Tracker.Store(context.WithoutCancel(x.r.Context()), events)
	if err != nil {
		m.events.WithLabelValues(outcomeOf(err), "").Add(float64(len(events) + len(rejected)))
		return e.fail(x, trackFault(err))
	}
	for i := range stored.Refused {
		stored.Refused[i].Index = tracking.Index(stored.Refused[i].Index, rejected)
	}
	if len(stored.Refused) > 0 {
		rejected = append(rejected, stored.Refused...)
		slices.SortFunc(rejected, func(a, b tracking.Rejection) int { return cmp.Compare(a.Index, b.Index) })
	}
	m.stored.Add(float64(stored.New))
	m.duplicate.Add(float64(stored.Duplicates))
	for _, r := range rejected {
		m.events.WithLabelValues("rejected", string(r.Reason)).Inc()
	}
	return e.receipt(x, c, tracking.Receipt{Accepted: stored.New + stored.Duplicates, Rejected: rejected})
}

// receipt answers 202.
func (e *Edge) receipt(x *exchange, c *call, r tracking.Receipt) int {
	c.out = append(c.out[:0], `{"accepted":`...)
	c.out = strconv.AppendInt(c.out, int64(r.Accepted), 10)
	c.out = append(c.out, `,"rejected":`...)
	if len(r.Rejected) == 0 {
		c.out = append(c.out, "[]"...)
	} else {
		rejected, _ := domain.Encode(r.Rejected) // cannot fail: numbers and UTF-8
		c.out = append(c.out, rejected...)
	}
	c.out = append(c.out, '}')
	return e.answer(x, http.StatusAccepted, c.out)
}

// readTracked reads the body, and holds memory only for what has come: who says
// that much will come may not send it. held is what to give back.
func (e *Edge) readTracked(x *exchange, c *call) (held int64, f *fault) {
	c.body = c.body[:0]
	if x.r.ContentLength == 0 {
		return 0, nil
	}
	if f := checkType(x.r.Header); f != nil {
		return 0, f
	}
	if x.r.ContentLength > tracking.MaxBody {
		return 0, tooLarge(tracking.MaxBody)
	}
	for {
		if len(c.body) == cap(c.body) {
			size := max(2*cap(c.body), 4<<10)
			if n := int(x.r.ContentLength) + 1; n > len(c.body) {
				size = min(size, n) // one more, to see the end
			}
			if size > keptBuffer {
				more := int64(size) - held
				held += more
				if e.tracks.held.Add(more) > maxHeld {
					return held, trackFault(tracking.ErrFull)
				}
			}
			c.body = append(make([]byte, 0, size), c.body...)
		}
		n, err := x.r.Body.Read(c.body[len(c.body):cap(c.body)])
		c.body = c.body[:len(c.body)+n]
		switch {
		case len(c.body) > tracking.MaxBody:
			return held, tooLarge(tracking.MaxBody)
		case errors.Is(err, io.EOF):
			return held, nil
		case err != nil:
			return held, bodyFault(err)
		}
	}
}

func outcomeOf(err error) string {
	if errors.Is(err, tracking.ErrFull) {
		return "full"
	}
	return "down"
}

// trackFault is the answer to a batch that was not stored.
func trackFault(err error) *fault {
	f := &fault{status: http.StatusServiceUnavailable, detail: tracking.ErrDown.Error() + ", send them again"}
	if errors.Is(err, tracking.ErrFull) {
		f.status, f.detail = http.StatusTooManyRequests, tracking.ErrFull.Error()+", send these again"
	}
	f.retryAfter = 1 + rand.IntN(maxRetryAfter)
	return f
}

// trackMeter counts events by what became of them: received is the sum of all
// outcomes, when no request is under way.
type trackMeter struct {
	received, stored, duplicate prometheus.Counter
	events                      *prometheus.CounterVec
}

func newTrackMeter() *trackMeter {
	m := &trackMeter{
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "assay_track_received_total",
			Help: "Events in requests that could be read: the sum of all outcomes.",
		}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "assay_track_events_total",
			Help: "Events by outcome: stored, duplicate, forwarded, rejected (with the reason), full, down, denied.",
		}, []string{"outcome", "reason"}),
	}
	m.stored, m.duplicate = m.events.WithLabelValues("stored", ""), m.events.WithLabelValues("duplicate", "")
	return m
}
