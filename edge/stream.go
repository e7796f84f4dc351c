package edge

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	// heartbeat is the pause between comments that show a quiet stream to be
	// alive.
	heartbeat = 15 * time.Second
	// writeWithin bounds one write to a listener: who reads slower is cut off.
	writeWithin = 10 * time.Second
	// maxRetry bounds, in seconds, when those who found no place come again.
	maxRetry = 30
	// Changes that come within the pause are told in one: telling a listener
	// costs about perListener of CPU.
	minPause, perListener = 20 * time.Millisecond, 10 * time.Microsecond
)

// hub tells listeners of changes. Nothing is kept for any of them: each looks at
// the newest event when it is woken, so that a slow one skips what it missed and
// costs the others nothing.
type hub struct {
	newest    atomic.Pointer[event]
	listeners atomic.Int64
	dropped   atomic.Int64
	max       int64

	mu     sync.Mutex
	closed bool // guarded by mu
}

// event is one that all listeners share. superseded is closed when there is a
// newer one, or none will come any more.
type event struct {
	id         string
	text       []byte // nil before the first
	last       bool
	superseded chan struct{}
}

func newHub(most int) *hub {
	h := &hub{max: int64(most)}
	h.newest.Store(&event{superseded: make(chan struct{})})
	return h
}

// publish tells everybody, unless it is what they were told last.
func (h *hub) publish(text []byte, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.newest.Load(); !h.closed && string(old.text) != string(text) {
		h.newest.Store(&event{id: id, text: text, superseded: make(chan struct{})})
		close(old.superseded)
	}
}

// close ends all streams, and those that begin later.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	old := h.newest.Load()
	h.newest.Store(&event{last: true, superseded: make(chan struct{})})
	close(old.superseded)
}

// pause is how long to wait after an event before the next.
func (h *hub) pause() time.Duration {
	return minPause + time.Duration(h.listeners.Load())*perListener
}

// enter takes a place for a listener, if there is one.
func (h *hub) enter() bool {
	if h.listeners.Add(1) <= h.max && !h.newest.Load().last {
		return true
	}
	h.leave()
	return false
}

func (h *hub) leave() { h.listeners.Add(-1) }

// stream answers GET /stream until the listener goes, reads too slowly, loses its
// key, or the edge stops.
func (e *Edge) stream(x *exchange) int {
	if !e.hub.enter() {
		return e.fail(x, unavailable("there are as many streams as this server takes, try again", 1+rand.IntN(maxRetry)))
	}
	defer e.hub.leave()
	e.stamp(x)
	h := x.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h["X-Content-Type-Options"] = e.headers.noSniff
	h.Set("X-Accel-Buffering", "no") // or nginx keeps events to itself
	s := listener{w: x.w, rc: http.NewResponseController(x.w), told: x.r.Header.Get("Last-Event-ID")}
	if s.rc.SetReadDeadline(time.Time{}) != nil {
		return e.fail(x, &fault{status: http.StatusInternalServerError, detail: "this connection cannot stream"})
	}
	if x.r.Method == http.MethodHead {
		return http.StatusOK
	}
	// Those that are cut off together come back at different times.
	opening := "retry: " + strconv.Itoa(1000+rand.IntN(4000)) + "\n\n"
	if !s.write([]byte(opening)) {
		return http.StatusOK
	}
	if !s.listen(e, x) {
		e.hub.dropped.Add(1)
	}
	return http.StatusOK
}

// listener is the writing side of one stream.
type listener struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	told string // the id of the event that it has
}

// listen writes events until there is a reason to stop; false if the reason is
// that they could not be written.
func (s *listener) listen(e *Edge, x *exchange) bool {
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	gone := x.r.Context().Done()
	who := x.who
	x.view, x.r, x.who = nil, nil, nil // they would be kept for as long as the stream
	for {
		now := e.hub.newest.Load()
		switch {
		case now.last:
			return true
		case now.text != nil && now.id != s.told:
			if !e.stillAdmits(who) {
				return true
			}
			s.told = now.id
			if !s.write(now.text) {
				return false
			}
			beat.Reset(heartbeat)
		}
		select {
		case <-now.superseded:
		case <-beat.C:
			if !e.stillAdmits(who) {
				return true
			}
			if !s.write([]byte(":\n\n")) {
				return false
			}
			beat.Reset(heartbeat)
		case <-gone:
			return true
		}
	}
}

func (s *listener) write(text []byte) bool {
	if s.rc.SetWriteDeadline(time.Now().Add(writeWithin)) != nil {
		return false
	}
	if _, err := s.w.Write(text); err != nil {
		return false
	}
	return s.rc.Flush() == nil
}

// stillAdmits says whether a caller that was let in would be let in now.
func (e *Edge) stillAdmits(who *caller) bool {
	if who.key.ID == uuid.Nil { // configured, or a visitor
		return who.live(time.Now())
	}
	now := e.view().callers.get(who.key.ID)
	return now != nil && now.role == who.role && now.live(time.Now())
}
