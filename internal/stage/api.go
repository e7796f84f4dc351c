package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// routes are what the command asks for. Refusals and faults are told in words.
func (s *stage) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(context.Context, *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
			defer cancel()
			answer, err := f(ctx, r)
			if err != nil {
				http.Error(w, err.Error(), statusOf(err))
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer) // who asked is gone
		})
	}
	act := func(pattern string, f func(context.Context, *stack, *http.Request) error) {
		handle("POST /stacks/{id}/"+pattern+"/{action}", func(ctx context.Context, r *http.Request) (any, error) {
			k := s.find(r.PathValue("id"))
			if k == nil {
				return nil, errNoStack
			}
			return struct{}{}, f(ctx, k, r)
		})
	}
	handle("POST /stacks", s.create)
	handle("DELETE /stacks/{id}", s.delete)
	handle("GET /stacks/{id}/log", s.log)
	act("clock", func(ctx context.Context, k *stack, r *http.Request) error {
		offset, err := time.ParseDuration(r.PathValue("action"))
		if err != nil {
			return errNoAction
		}
		return k.setClock(ctx, offset)
	})
	handle("POST /stacks/{id}/assay", s.run)
	act("postgres", func(ctx context.Context, k *stack, r *http.Request) error {
		return k.actPostgres(ctx, r.PathValue("action"))
	})
	act("redis", func(ctx context.Context, k *stack, r *http.Request) error {
		return k.actRedis(ctx, r.PathValue("action"))
	})
	act("servers/{n}", func(ctx context.Context, k *stack, r *http.Request) error {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 0 || n >= len(k.servers) {
			return errNoServer
		}
		return k.actServer(ctx, k.servers[n], r.PathValue("action"))
	})
	act("edge", func(ctx context.Context, k *stack, r *http.Request) error {
		if k.edge == nil {
			return errNoServer
		}
		return k.actServer(ctx, k.edge, r.PathValue("action"))
	})
	return mux
}

var (
	errNoStack = errors.New("no such stack")
	errBody    = errors.New("not a body that can be read")
)

func statusOf(err error) int {
	switch {
	case errors.Is(err, errNoStack), errors.Is(err, errNoAction), errors.Is(err, errNoServer):
		return http.StatusNotFound
	case errors.Is(err, errSharedPostgres), errors.Is(err, errNoRedis):
		return http.StatusConflict
	case errors.Is(err, errBody), errors.Is(err, errOptions):
		return http.StatusBadRequest
	case errors.Is(err, errTooMany):
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}

// made is the answer to who asked for a stack.
type made struct {
	ID      string   `json:"id"`
	URLs    []string `json:"urls"`
	EdgeURL string   `json:"edge_url,omitempty"`
	Token   string   `json:"token"`
}

// ran is what came of a command of assay.
type ran struct {
	Code   int    `json:"code"`
	Output string `json:"output"`
}

// run runs assay with the arguments of the body, a list, in a stack's environment.
func (s *stage) run(ctx context.Context, r *http.Request) (any, error) {
	k := s.find(r.PathValue("id"))
	if k == nil {
		return nil, errNoStack
	}
	var args []string
	if err := json.NewDecoder(r.Body).Decode(&args); err != nil {
		return nil, errors.Join(errBody, err)
	}
	return k.run(ctx, args)
}

func (s *stage) create(ctx context.Context, r *http.Request) (any, error) {
	var o options
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(errBody, err)
	}
	k, err := s.add(ctx, o)
	if err != nil {
		return nil, err
	}
	answer := made{ID: k.ID, Token: k.Token}
	for _, server := range k.servers {
		answer.URLs = append(answer.URLs, server.url())
	}
	if k.edge != nil {
		answer.EdgeURL = k.edge.url()
	}
	return answer, nil
}

// delete ends a stack and tells what its programs should not have logged.
func (s *stage) delete(_ context.Context, r *http.Request) (any, error) {
	k := s.remove(r.PathValue("id"))
	if k == nil {
		return nil, errNoStack
	}
	faults := faultsIn(k.log())
	k.close()
	return struct {
		Faults []string `json:"faults"`
	}{faults}, nil
}

func (s *stage) log(_ context.Context, r *http.Request) (any, error) {
	k := s.find(r.PathValue("id"))
	if k == nil {
		return nil, errNoStack
	}
	return struct {
		Log string `json:"log"`
	}{k.log()}, nil
}
