package openfeature_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// server is one that has a snapshot to give, or is out of order.
type server struct {
	url string

	mu       sync.Mutex
	snapshot string
}

func newServer(t *testing.T) *server {
	s := &server{}
	mux := http.NewServeMux()
	etag := `"7-` + uuid.NewString() + `"`
	mux.HandleFunc("GET /snapshot", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.snapshot == "":
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.Header.Get("If-None-Match") == etag:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", etag)
			fmt.Fprint(w, s.snapshot)
		}
	})
	listening := httptest.NewServer(mux)
	t.Cleanup(listening.Close)
	s.url = listening.URL
	return s
}

func (s *server) set(snapshot string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot = snapshot
}
