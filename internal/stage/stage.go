package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/proc"
	"github.com/assaylabs/assay/migrations"
)

const (
	// servingRole is what servers connect as: not the owner, as in production.
	servingRole = "assay_app"
	// template is a migrated database, of which every stack that shares the
	// stage's PostgreSQL gets a copy.
	template = "stage_template"
	// maxStacks bounds how many there are at a time: who needs more has forgotten
	// to close some.
	maxStacks = 8
	// answerWithin bounds every request to the stage.
	answerWithin = 2 * time.Minute
)

// stage is what all stacks share, and the server that hands them out.
type stage struct {
	dir      string
	lock     *os.File // of dir
	postgres *localpg.Server
	edge     func() error // builds assay-edge, once

	server   *http.Server
	listener net.Listener
	cut      context.CancelFunc // ends the requests under way

	mu     sync.Mutex
	stacks map[string]*stack // mu guards; nil is one that is being made
	made   int               // mu guards
}

// open builds the program, starts the shared PostgreSQL and answers requests.
// ctx bounds the opening only. Close the stage.
func open(ctx context.Context) (*stage, error) {
	s := &stage{stacks: map[string]*stack{}}
	var err error
	if s.dir, s.lock, err = proc.TempDir(os.TempDir(), "assay-stage-", func(string) {}); err != nil {
		return nil, err
	}
	s.edge = sync.OnceValue(func() error { return s.build(context.Background(), "assay-edge") })
	built := make(chan error, 1)
	go func() { built <- s.build(ctx, "assay") }()
	err = s.openPostgres(ctx)
	if err = errors.Join(err, <-built); err == nil {
		err = s.listen()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) build(ctx context.Context, program string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", s.dir+string(filepath.Separator),
		"github.com/assaylabs/assay/cmd/"+program)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return nil
}

func (s *stage) openPostgres(ctx context.Context) error {
	var err error
	if s.postgres, err = localpg.Start(ctx, pgtest.Config()); err != nil {
		return err
	}
	if err := statements(ctx, s.postgres.URL(localpg.Superuser, "postgres"), "create role "+servingRole+" login", "create database "+template); err != nil {
		return err
	}
	return migrations.Run(ctx, s.postgres.URL(localpg.Superuser, template), "", servingRole)
}

// statements carries them out, in the database of a URL.
func statements(ctx context.Context, url string, all ...string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range all {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func (s *stage) listen() error {
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	base, cut := context.WithCancel(context.Background())
	s.cut = cut
	s.server = &http.Server{
		Handler: s.routes(), BaseContext: func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 2 * answerWithin,
	}
	go func() { _ = s.server.Serve(s.listener) }() // ends with close alone
	return nil
}

func (s *stage) url() string { return "http://" + s.listener.Addr().String() }

// close ends everything that the stage started.
func (s *stage) close() {
	if s.server != nil {
		s.cut()
		ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
		_ = s.server.Shutdown(ctx) // past its time the children are ended all the same
		cancel()
	}
	s.mu.Lock()
	var wg sync.WaitGroup
	for _, stack := range s.stacks {
		if stack != nil {
			wg.Go(stack.close)
		}
	}
	s.mu.Unlock()
	wg.Wait()
	if s.postgres != nil {
		_ = s.postgres.Stop() // its directory is swept by the next start
	}
	_ = os.RemoveAll(s.dir)
	_ = s.lock.Close()
}

var errTooMany = fmt.Errorf("there are %d stacks already", maxStacks)

// add makes a stack and keeps it.
func (s *stage) add(ctx context.Context, o options) (*stack, error) {
	s.mu.Lock()
	if len(s.stacks) >= maxStacks {
		s.mu.Unlock()
		return nil, errTooMany
	}
	s.made++
	id := fmt.Sprintf("stack%d", s.made)
	s.stacks[id] = nil
	s.mu.Unlock()

	stack, err := newStack(ctx, s, id, o)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.stacks, id)
		return nil, err
	}
	s.stacks[id] = stack
	return stack, nil
}

// find returns a stack, nil where there is none.
func (s *stage) find(id string) *stack {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stacks[id]
}

// remove forgets a stack and returns it, nil where there is none.
func (s *stage) remove(id string) *stack {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.stacks[id]
	if found != nil {
		delete(s.stacks, id)
	}
	return found
}

// variables writes an environment as exec wants it.
func variables(env map[string]string) []string {
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}

// faultsIn lists the lines that no program should ever log.
func faultsIn(log string) []string {
	faults := []string{}
	for line := range strings.Lines(log) {
		for _, bad := range []string{"DATA RACE", "panic", "level=ERROR"} {
			if strings.Contains(line, bad) {
				faults = append(faults, strings.TrimSpace(line))
				break
			}
		}
	}
	return faults
}
