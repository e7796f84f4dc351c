package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/assaylabs/assay/internal/proc"
)

// server is one program at one address, which stays when it is killed and
// started again. Its methods may be called concurrently.
type server struct {
	path string
	args []string
	env  []string
	port *proc.Port
	log  *os.File

	mu    sync.Mutex
	child *proc.Process // mu guards; nil when killed
}

// newServer prepares a program; the log is its file's name.
func newServer(path string, args []string, log string) (*server, error) {
	port, err := proc.ReservePort()
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		port.Release()
		return nil, err
	}
	return &server{path: path, args: args, port: port, log: file}, nil
}

func (s *server) url() string { return "http://" + s.port.Addr() }

// start begins the program, unless it runs, and waits until it answers path with
// a status of that name; of healthz this is ok, of readyz ready.
func (s *server) start(ctx context.Context, path, status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		cmd := exec.Command(s.path, s.args...)
		cmd.Env, cmd.Stderr = append(s.env, "LISTEN_ADDR="+s.port.Addr()), s.log
		child, err := proc.Start(cmd, nil, syscall.SIGKILL)
		if err != nil {
			return err
		}
		s.child = child
	}
	for {
		err := s.answers(ctx, path, status)
		if err == nil {
			return nil
		}
		select {
		case <-s.child.Done():
			s.child = nil
			return fmt.Errorf("%s ended: %s", s.path, s.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w: %s", s.path, ctx.Err(), err, s.tail())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *server) answers(ctx context.Context, path, status string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+path, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct {
		Status string `json:"status"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != status {
		return errors.New("it is " + answer.Status)
	}
	return nil
}

// kill is kill -9, and returns when the program is gone.
func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		s.child.Stop(0)
		s.child = nil
	}
}

// close kills the program and gives up its address.
func (s *server) close() {
	s.kill()
	s.port.Release()
	_ = s.log.Close()
}

// text is all that the program has logged.
func (s *server) text() string {
	text, _ := os.ReadFile(s.log.Name())
	return string(text)
}

func (s *server) tail() string {
	text := s.text()
	return text[max(0, len(text)-4000):]
}
