package fault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// driver sends random commands to the servers of a stage, settles each whose
// outcome is unknown, and keeps what was acknowledged.
type driver struct {
	t      *testing.T
	stage  *stage
	seed   uint64
	client *http.Client
	// pace is the longest pause between two commands of one worker.
	pace time.Duration

	mu       sync.Mutex // guards all below
	acks     []ack
	known    []known
	count    figures
	firstAck chan struct{} // closed and nil again at the next ack; nil: nobody waits
}

// known is an experiment as the driver last heard of it.
type known struct {
	id      string
	version int
	gone    bool
}

// figures are what a run is reported with.
type figures struct {
	acks, sent, unknown, replays, refused int
	slowest503                            time.Duration
}

func newDriver(t *testing.T, s *stage) *driver {
	t.Helper()
	seed := rand.Uint64() >> 1
	if text := os.Getenv("ASSAY_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("ASSAY_SEED: %v", err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("ASSAY_SEED=%d", seed)
		}
	})
	return &driver{
		t: t, stage: s, seed: seed, pace: 4 * time.Millisecond,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
	}
}

// work runs workers until ctx ends and the last command is settled.
func (d *driver) work(ctx context.Context, workers int) {
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			w := &worker{driver: d, name: fmt.Sprintf("w%d", i), random: rand.New(rand.NewPCG(d.seed, uint64(i)))}
			for ctx.Err() == nil {
				w.step()
				time.Sleep(time.Duration(w.random.Int64N(int64(d.pace) + 1)))
			}
		})
	}
	wg.Wait()
}

// figures returns the figures so far.
func (d *driver) figures() figures {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

func (f figures) String() string {
	return fmt.Sprintf("%d acks of %d requests, %d refused, %d unknown outcomes settled, %d replays compared, slowest 503 %v",
		f.acks, f.sent, f.refused, f.unknown, f.replays, f.slowest503.Round(time.Millisecond))
}

// nextAck returns a channel that is closed at the next acknowledgement.
func (d *driver) nextAck() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.firstAck == nil {
		d.firstAck = make(chan struct{})
	}
	return d.firstAck
}

// send sends to one server and notes what every answer is to be like.
func (d *driver) send(r *replica, q request) response {
	res := r.send(d.client, q)
	if err := res.fault(); err != nil {
		d.t.Errorf("%s %s %s: %v", r.name, q.method, q.path, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count.sent++
	if res.status == http.StatusServiceUnavailable {
		d.count.slowest503 = max(d.count.slowest503, res.took)
	}
	return res
}

// settle sends a command with its key, to one server and then another, until
// the outcome is known.
func (d *driver) settle(first int, q request) response {
	until := time.Now().Add(2 * patience)
	for i := first; ; i++ {
		res := d.send(d.stage.replicas[i%len(d.stage.replicas)], q)
		if !res.unknown() {
			return res
		}
		if time.Now().After(until) {
			d.t.Errorf("%s %s was never answered: %s", q.method, q.path, res)
			return res
		}
		d.mu.Lock()
		d.count.unknown++
		d.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

// worker is one client.
type worker struct {
	*driver
	name   string
	random *rand.Rand
	made   int
}

// step sends one command, the right way or a wrong one.
func (w *worker) step() {
	w.made++
	key := fmt.Sprintf("%s-%d", w.name, w.made)
	switch n := w.random.IntN(100); {
	case n < 4:
		w.sendInvalid(key)
	case n < 8:
		w.sendStale(key)
	default:
		w.sendWish(key, w.wish(key))
	}
}

// sendWish sends a command, in one of the ways that careful clients do.
func (w *worker) sendWish(key string, wish wish) {
	q := wish.request(key)
	first := w.random.IntN(2)
	a := ack{wish: wish, key: key, began: w.stage.clock.now()}
	var other chan response
	if w.random.IntN(20) == 0 { // the same, through both servers at once
		other = make(chan response, 1)
		go func() { other <- w.settle(first+1, q) }()
	}
	res := w.settle(first, q)
	a.ended = w.stage.clock.now()
	if other != nil {
		w.compare(q, res, <-other)
	}
	if !w.note(&a, res) {
		return
	}
	switch w.random.IntN(12) {
	case 0:
		w.compare(q, res, w.settle(first+1, q))
	case 1:
		if q.body += " "; q.method == http.MethodDelete {
			return
		}
		if got := w.settle(first, q); got.status != http.StatusUnprocessableEntity {
			w.t.Errorf("%s used again with another request: %s", key, got)
		}
	}
}

// compare holds the answer to a retry against the first.
func (w *worker) compare(q request, a, b response) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count.replays++
	replayed := a.header.Get("Idempotent-Replayed") + b.header.Get("Idempotent-Replayed")
	if a.status != b.status || a.status < 300 && (a.position() != b.position() || a.version() != b.version() ||
		string(a.body) != string(b.body) || replayed == "") {
		w.t.Errorf("%s %s with one key twice:\n%s %v\n%s %v", q.method, q.path, a, a.header, b, b.header)
	}
}

// note keeps an acknowledgement. It returns false for a refusal.
func (w *worker) note(a *ack, res response) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if res.status < 200 || res.status > 299 {
		w.count.refused++
		// Others may have deleted it, or come between.
		if res.status != http.StatusNotFound && (a.ifMatch == 0 || res.status != http.StatusPreconditionFailed) {
			w.t.Errorf("%s %+v: %s", a.key, a.wish, res)
		}
		return false
	}
	a.position, a.version = res.position(), res.version()
	if a.op == "batch" {
		w.noteBatch(a, res)
	} else {
		w.noteOne(a, res)
	}
	w.acks = append(w.acks, *a)
	w.count.acks++
	if w.firstAck != nil {
		close(w.firstAck)
		w.firstAck = nil
	}
	return true
}

func (w *worker) noteOne(a *ack, res response) {
	if res.status != http.StatusNoContent {
		a.doc = &document{}
		if err := json.Unmarshal(res.body, a.doc); err != nil {
			w.t.Errorf("%s: %v in %s", a.key, err, res.body)
		}
		a.id = cmp.Or(a.id, a.doc.ID)
	}
	w.learn(a.id, a.version, a.op == "delete")
}

func (w *worker) noteBatch(a *ack, res response) {
	var answer struct {
		Results []struct {
			ID      string `json:"id"`
			Version int    `json:"version"`
			Changed bool   `json:"changed"`
		} `json:"results"`
	}
	if err := json.Unmarshal(res.body, &answer); err != nil || len(answer.Results) != len(a.parts) {
		w.t.Errorf("%s: %v in %s", a.key, err, res.body)
		return
	}
	for i, r := range answer.Results {
		a.parts[i].id = cmp.Or(a.parts[i].id, r.ID)
		a.changed = append(a.changed, r.Changed)
		w.learn(r.ID, r.Version, a.parts[i].op == "delete")
	}
}

// learn keeps what an answer told; w.mu is held.
func (w *worker) learn(id string, version int, gone bool) {
	for i := range w.known {
		if k := &w.known[i]; k.id == id {
			k.version, k.gone = max(k.version, version), k.gone || gone
			return
		}
	}
	w.known = append(w.known, known{id, version, gone})
}

// pick returns an experiment to change, and how many there are.
func (w *worker) pick() (k known, living int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []known
	for _, k := range w.known {
		if !k.gone {
			all = append(all, k)
		}
	}
	if len(all) == 0 {
		return known{}, 0
	}
	return all[w.random.IntN(len(all))], len(all)
}
