// Package localpg runs a private PostgreSQL as a child process, for development
// and for tests. It takes the binaries that are installed, else it downloads
// them once. It works as root too: the server then runs as an unprivileged user.
//
// Begin with [Start]. The server listens on 127.0.0.1 alone, trusts whoever
// connects there, and its superuser is called postgres.
package localpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/assaylabs/assay/internal/proc"
)

// Superuser is the name of the user who may do everything.
const Superuser = "postgres"

// Bounds on waiting: to find or download programs and make a database, to start
// (which includes recovery after a crash), and to stop.
const (
	prepareTimeout = 5 * time.Minute
	startTimeout   = time.Minute
	stopTimeout    = 10 * time.Second
)

// Config says where and how to run a server. The zero value is a temporary
// server on a free port.
type Config struct {
	// Dir is the server's alone and keeps the data from start to start. Empty: a
	// temporary directory that Stop removes, or the next start where Stop was
	// never reached.
	Dir string
	// InMemory puts a temporary directory into memory, where there is room for one.
	InMemory bool
	// Port of 127.0.0.1 to listen on; 0 takes a free one.
	Port int
	// Settings are PostgreSQL's own, such as "fsync": "off".
	Settings map[string]string
	// Log receives the server's log; nil drops it.
	Log io.Writer
}

// Volatile are settings for data that need not survive a crash of the machine:
// no commit waits for the disk.
func Volatile() map[string]string {
	return map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
}

// Server is a private PostgreSQL. Its methods may be called concurrently.
type Server struct {
	cfg  Config
	room *room
	port *proc.Port // nil where the caller chose it
	bin  string

	mu    sync.Mutex
	child *proc.Process // mu guards; nil when stopped
}

// Start starts a server and returns when it takes connections. ctx bounds the
// start only. A server that a killed process left on the same directory is
// stopped first; one whose process lives is [proc.ErrLocked].
func Start(ctx context.Context, cfg Config) (*Server, error) {
	var port *proc.Port
	if cfg.Port == 0 {
		var err error
		if port, err = proc.ReservePort(); err != nil {
			return nil, err
		}
		cfg.Port = port.Number
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	room, err := openRoom(cfg.Dir, cfg.InMemory)
	if err != nil {
		port.Release()
		return nil, fmt.Errorf("directory for PostgreSQL: %w", err)
	}
	s := &Server{cfg: cfg, room: room, port: port}
	if s.bin, err = room.prepare(ctx, binDirs(ctx), cfg.Log); err == nil {
		err = s.launch(ctx)
	}
	if err != nil {
		port.Release()
		return nil, errors.Join(err, room.close())
	}
	return s, nil
}

// Addr is the server's host:port.
func (s *Server) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.cfg.Port))
}

// URL connects user to database db. It stays the same over restarts.
func (s *Server) URL(user, db string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Host: s.Addr(), Path: "/" + db, RawQuery: "sslmode=disable"}
	return u.String()
}

// Dir is where the data really lie: not below Config.Dir when this runs as root
// and the server's user cannot reach that.
func (s *Server) Dir() string { return s.room.dir }

// Stop ends all sessions, writes everything down, ends the server and gives up
// its directory. The server cannot be started again.
func (s *Server) Stop() error {
	s.end(stopTimeout, syscall.SIGINT, syscall.SIGQUIT)
	s.port.Release()
	return s.room.close()
}

// Kill ends the server at once, as a crash would (pg_ctl stop -m immediate).
// Restart brings it back, with all that was committed.
func (s *Server) Kill() { s.end(stopTimeout, syscall.SIGQUIT) }

// Restart starts the server again on its port and data, stopping it before that
// if it runs.
func (s *Server) Restart(ctx context.Context) error {
	s.end(stopTimeout, syscall.SIGINT, syscall.SIGQUIT)
	return s.launch(ctx)
}

func (s *Server) end(grace time.Duration, signals ...syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		s.child.Stop(grace, signals...)
		s.child = nil
	}
}

func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()

	for s.child == nil {
		child, err := s.fork(ctx)
		switch {
		case err == nil:
			s.child = child
		case !strings.Contains(err.Error(), "is still in use") || ctx.Err() != nil:
			return fmt.Errorf("start PostgreSQL: %w", err)
		default: // sessions of a server that was killed are on their way out
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// fork starts the postmaster and waits until it is ready. When it ends before
// that, the error holds the end of its log.
func (s *Server) fork(ctx context.Context) (*proc.Process, error) {
	settings := map[string]string{
		"port":             strconv.Itoa(s.cfg.Port),
		"listen_addresses": "127.0.0.1",
		// TCP serves every client here, and a socket file would be left by a kill.
		"unix_socket_directories": "",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}
	maps.Copy(settings, s.cfg.Settings)
	args := []string{"-D", s.room.data()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	cmd := s.room.command(filepath.Join(s.bin, "postgres"), args...)
	var tail proc.Tail
	cmd.Stdout = io.MultiWriter(&tail, s.cfg.Log)
	cmd.Stderr = cmd.Stdout

	// SIGQUIT, not SIGKILL: the postmaster takes its own children with it.
	child, err := proc.Start(cmd, s.room.owner, syscall.SIGQUIT)
	if err != nil {
		return nil, err
	}
	for !s.ready(child.PID()) {
		select {
		case <-child.Done():
			return nil, fmt.Errorf("it ended: %s", &tail)
		case <-ctx.Done():
			child.Stop(time.Second, syscall.SIGQUIT)
			return nil, fmt.Errorf("%w: %s", ctx.Err(), &tail)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return child, nil
}

// ready reads what pg_ctl reads: the postmaster's own word in its pid file.
func (s *Server) ready(pid int) bool {
	lines := s.room.pidFile()
	return len(lines) > 7 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}
