package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/tracking"
)

const (
	// maxBatch and maxBody bound one request; the server takes 5 MiB.
	maxBatch = 500
	maxBody  = 1 << 20
	// maxReceipt bounds the answer: a rejection for each event of a batch.
	maxReceipt = 1 << 20
	// sendTimeout bounds one attempt.
	sendTimeout = 10 * time.Second
	// The pause after a failure doubles from minPause to maxPause; a server may
	// ask for up to maxRetryAfter.
	minPause      = time.Second
	maxPause      = 30 * time.Second
	maxRetryAfter = 5 * time.Minute
)

// Stats counts exposures and events since the client was made. What came in is
// what is accounted for: Exposures + Events = Accepted + Rejected + Pending + the
// sum of Dropped, exactly, at any time.
type Stats struct {
	Exposures  int64 `json:"exposures"`  // not counting Duplicates
	Events     int64 `json:"events"`     // given to Track
	Duplicates int64 `json:"duplicates"` // exposures left out: the same was reported within the window
	Accepted   int64 `json:"accepted"`   // stored by the server
	Rejected   int64 `json:"rejected"`   // refused by the server, one by one
	Pending    int64 `json:"pending"`    // in the queue, or under way
	Retries    int64 `json:"retries"`    // batches that had to be sent again
	Dropped    Drops `json:"dropped"`
}

// Drops counts what was given up, by reason.
type Drops struct {
	QueueFull int64 `json:"queue_full"` // the server took too little for too long
	Invalid   int64 `json:"invalid"`    // could not be sent: a unit id of over 1 KiB, say
	Refused   int64 `json:"refused"`    // in a batch that the server refused as a whole
	Unsent    int64 `json:"unsent"`     // left when Close ran out of time; the last batch may have arrived
	Closed    int64 `json:"closed"`     // came after Close
	Disabled  int64 `json:"disabled"`   // tracking is off
}

// reporter keeps exposures and events until the server has them. Events stay in
// the queue, with their ids, while they are under way.
type reporter struct {
	url, token string // empty url: tracking is off
	http       *http.Client
	log        *slog.Logger
	capacity   int
	interval   time.Duration
	wake       chan struct{} // holds one

	mu sync.Mutex
	// mu guards what follows.
	queue   []json.RawMessage // each smaller than maxBody
	stats   Stats
	entered int64         // ever put into the queue
	settled int64         // ever taken out of it: the oldest go first
	moved   chan struct{} // closed, and replaced, when settled grows
	closed  bool
}

// add queues an event, or counts why not and says so. fault is what was wrong with
// it before.
func (r *reporter) add(e *tracking.Event, fault error) error {
	if e.ID == uuid.Nil {
		e.ID, _ = uuid.NewV7() // the system's randomness never fails
	}
	encoded, err := e.Encode()
	if fault != nil {
		err = fault
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Type == tracking.Exposure {
		r.stats.Exposures++
	} else {
		r.stats.Events++
	}
	switch {
	case err != nil:
		r.stats.Dropped.Invalid++
		return err
	case r.url == "":
		r.stats.Dropped.Disabled++
		return nil
	case r.closed:
		r.stats.Dropped.Closed++
		return ErrClosed
	case len(r.queue) >= r.capacity:
		r.stats.Dropped.QueueFull++
		return ErrQueueFull
	}
	r.queue = append(r.queue, encoded)
	r.entered++
	if len(r.queue) == maxBatch {
		r.hurry()
	}
	return nil
}

func newReporter(cfg *Config) *reporter {
	r := &reporter{
		token: cfg.Token, http: cfg.HTTPClient, log: cfg.Log,
		capacity: cfg.ExposureQueue, interval: cfg.ExposureInterval,
		wake: make(chan struct{}, 1), moved: make(chan struct{}),
	}
	if cfg.URL != "" && !cfg.DisableTracking {
		r.url = strings.TrimSuffix(cfg.URL, "/") + "/track"
	}
	return r
}

// hurry has the queue sent without waiting for the interval.
func (r *reporter) hurry() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) counts() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := r.stats
	stats.Pending = int64(len(r.queue))
	return stats
}

// run sends until ctx ends.
func (r *reporter) run(ctx context.Context) {
	ticker := time.NewTicker(r.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-r.wake:
		}
		r.drain(ctx)
	}
}

// drain sends until the queue is empty or ctx ends.
func (r *reporter) drain(ctx context.Context) {
	pause := minPause
	for ctx.Err() == nil {
		count, body := r.batch()
		if count == 0 {
			return
		}
		after, err := r.send(ctx, count, body)
		if err == nil {
			pause = minPause
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if after == 0 {
			after = pause/2 + rand.N(pause/2)
			pause = min(2*pause, maxPause)
		}
		r.log.WarnContext(ctx, "exposures cannot be sent: keeping them", "error", err, "retry_in", after, "pending", r.retrying())
		select {
		case <-ctx.Done():
		case <-time.After(after):
		}
	}
}

func (r *reporter) retrying() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Retries++
	return len(r.queue)
}

// batch is a body of the oldest events, which stay where they are.
func (r *reporter) batch() (count int, body []byte) {
	r.mu.Lock()
	size := 0
	for count < min(len(r.queue), maxBatch) && size+len(r.queue[count]) <= maxBody {
		size += len(r.queue[count])
		count++
	}
	events := slices.Clone(r.queue[:count])
	r.mu.Unlock()
	body = append(make([]byte, 0, size+count+16), `{"events":[`...)
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, e...)
	}
	return count, append(body, "]}"...)
}

// send makes one attempt. An error says that the batch must be sent again, after
// the time that the server asks for if it does.
func (r *reporter) send(ctx context.Context, count int, body []byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+r.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := r.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusAccepted:
		return 0, r.accept(response.Body, count)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		r.log.ErrorContext(ctx, "the server refuses a batch of exposures", "status", response.StatusCode, "events", count)
		r.settle(count, func(s *Stats) { s.Dropped.Refused += int64(count) })
		return 0, nil
	}
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10) // so that the connection can be used again
	return retryAfter(response.Header), fmt.Errorf("%s answers %s", r.url, response.Status)
}

// accept counts what the server has stored and what it never will. Without a
// receipt that can be read nothing is known to be stored: the same ids go again.
func (r *reporter) accept(answer io.Reader, count int) error {
	var receipt tracking.Receipt
	if err := json.NewDecoder(io.LimitReader(answer, maxReceipt)).Decode(&receipt); err != nil {
		return fmt.Errorf("read the receipt: %w", err)
	}
	rejected := len(receipt.Rejected)
	if rejected > count || receipt.Accepted+rejected != count {
		return fmt.Errorf("the receipt is for %d events, not %d", receipt.Accepted+rejected, count)
	}
	if rejected > 0 {
		first := receipt.Rejected[0]
		r.log.Warn("the server rejects exposures", "rejected", rejected, "of", count, "first", first.Problem)
	}
	r.settle(count, func(s *Stats) {
		s.Accepted += int64(count - rejected)
		s.Rejected += int64(rejected)
	})
	return nil
}

// settle takes the oldest events out of the queue.
func (r *reporter) settle(count int, tally func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = slices.Delete(r.queue, 0, count)
	r.settled += int64(count)
	tally(&r.stats)
	close(r.moved)
	r.moved = make(chan struct{})
}

// flush waits until all that is in the queue now has been settled.
func (r *reporter) flush(ctx context.Context) error {
	r.hurry()
	target := int64(-1)
	for {
		r.mu.Lock()
		if target < 0 {
			target = r.entered
		}
		left, moved := target-r.settled, r.moved
		r.mu.Unlock()
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d exposures and events not sent: %w", left, context.Cause(ctx))
		case <-moved:
		}
	}
}

// close takes nothing more.
func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// abandon counts what is left. run has ended, and nothing comes in any more.
func (r *reporter) abandon() {
	left := r.counts().Pending
	r.settle(int(left), func(s *Stats) { s.Dropped.Unsent += left })
}

// retryAfter is how long the server asks to wait; 0 when it does not.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}
