// Package localredis runs a private Redis, for development and for tests: a real
// redis-server (or valkey-server) as a child process where one is installed,
// else one inside this process.
//
// Begin with [Start].
package localredis

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/assaylabs/assay/internal/proc"
)

const (
	startTimeout = 10 * time.Second
	stopTimeout  = 5 * time.Second
)

// Config says how to run a server. The zero value is right for most.
type Config struct {
	// Dir is where the server may write; empty: a temporary directory. Nothing
	// is written unless Args ask for it.
	Dir string
	// Port of 127.0.0.1 to listen on; 0 takes a free one.
	Port int
	// Args are added to the command line, such as "--maxmemory", "10mb". The
	// server inside this process ignores them.
	Args []string
}

// Server is a private Redis. Its methods may be called concurrently.
type Server struct {
	cfg  Config
	path string     // of the program; empty: inside this process
	port *proc.Port // nil where the caller chose it
	temp *os.File   // the lock of a temporary directory

	mu     sync.Mutex
	child  *proc.Process        // mu guards
	memory *miniredis.Miniredis // mu guards
}

// Installed returns the path of a Redis server's program.
func Installed() (string, bool) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// Start starts the best server there is and returns when it answers. ctx bounds
// the start only.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	path, _ := Installed()
	return start(ctx, path, cfg)
}

// StartMemory starts a server inside this process.
func StartMemory(cfg Config) (*Server, error) {
	return start(context.Background(), "", cfg)
}

func start(ctx context.Context, path string, cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, path: path}
	if cfg.Port == 0 {
		var err error
		if s.port, err = proc.ReservePort(); err != nil {
			return nil, err
		}
		s.cfg.Port = s.port.Number
	}
	if s.Real() {
		if err := s.settle(); err != nil {
			s.Stop()
			return nil, fmt.Errorf("directory for Redis: %w", err)
		}
	}
	if err := s.Restart(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) settle() error {
	if s.cfg.Dir != "" {
		return os.MkdirAll(s.cfg.Dir, 0o700)
	}
	var err error
	s.cfg.Dir, s.temp, err = proc.TempDir(os.TempDir(), "assay-redis-", func(string) {})
	return err
}

// Real says whether this is redis-server itself, not the one in this process.
func (s *Server) Real() bool { return s.path != "" }

// Addr is the server's host:port.
func (s *Server) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.cfg.Port))
}

// URL is the server's address for clients. It stays the same over restarts.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Kill ends the server at once; what it held is lost.
func (s *Server) Kill() { s.end() }

// Restart starts the server again on its port, empty, ending it before that if
// it runs.
func (s *Server) Restart(ctx context.Context) error {
	s.end()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.Real() {
		return s.launch(ctx)
	}
	s.memory = miniredis.NewMiniRedis()
	s.memory.ClockTTL(true)
	if err := s.memory.StartAddr(s.Addr()); err != nil {
		s.memory = nil
		return fmt.Errorf("start Redis: %w", err)
	}
	return nil
}

// Stop ends the server and removes its temporary directory.
func (s *Server) Stop() {
	s.end(syscall.SIGTERM)
	s.port.Release()
	if s.temp != nil {
		_ = os.RemoveAll(s.cfg.Dir)
		_ = s.temp.Close()
	}
}

func (s *Server) end(signals ...syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		s.child.Stop(stopTimeout, signals...)
		s.child = nil
	}
	if s.memory != nil {
		s.memory.Close()
		s.memory = nil
	}
}

// launch starts the program and waits until it answers. s.mu is held.
func (s *Server) launch(ctx context.Context) error {
	var tail proc.Tail
	cmd := exec.Command(s.path, append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.cfg.Port), "--dir", s.cfg.Dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	}, s.cfg.Args...)...)
	cmd.Stdout, cmd.Stderr = &tail, &tail
	child, err := proc.Start(cmd, nil, syscall.SIGKILL)
	if err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	for !answers(s.Addr()) {
		select {
		case <-child.Done():
			return fmt.Errorf("start Redis: it ended: %s", &tail)
		case <-ctx.Done():
			child.Stop(stopTimeout)
			return fmt.Errorf("start Redis: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.child = child
	return nil
}

func answers(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	reply, _ := bufio.NewReader(conn).ReadString('\n')
	// With a password set, a refusal is an answer too.
	return strings.HasPrefix(reply, "+PONG") || strings.HasPrefix(reply, "-NOAUTH")
}
