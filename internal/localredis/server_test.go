package localredis_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/internal/localredis"
	"github.com/assaylabs/assay/internal/redistest"
)

func client(t *testing.T, s *localredis.Server) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries = -1
	c := redis.NewClient(options)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestBothKindsAlike(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *localredis.Server{
		"redis":  func(t testing.TB) *localredis.Server { return redistest.Real(t) },
		"memory": redistest.Memory,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			if s.Real() != (name == "redis") {
				t.Errorf("Real = %t", s.Real())
			}
			c := client(t, s)
			if err := c.Set(t.Context(), "k", "v", time.Minute).Err(); err != nil {
				t.Fatal(err)
			}
			if err := c.Set(t.Context(), "short", "v", 20*time.Millisecond).Err(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(40 * time.Millisecond)
			if n, err := c.Exists(t.Context(), "k", "short").Result(); n != 1 || err != nil {
				t.Errorf("%d keys (%v), want the one that has not expired", n, err)
			}

			s.Kill()
			if err := c.Ping(t.Context()).Err(); err == nil {
				t.Error("answers although killed")
			}
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, err := c.DBSize(t.Context()).Result(); n != 0 || err != nil {
				t.Errorf("%d keys after a restart (%v), want none", n, err)
			}
			s.Stop()
			if conn, err := net.Dial("tcp", s.Addr()); err == nil {
				conn.Close()
				t.Error("listens although stopped")
			}
		})
	}
}

func TestArgumentsReachTheServer(t *testing.T) {
	c := client(t, redistest.Real(t, "--maxmemory", "10mb"))
	got, err := c.ConfigGet(t.Context(), "maxmemory").Result()
	if err != nil || got["maxmemory"] != "10485760" {
		t.Errorf("maxmemory = %v, %v", got, err)
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	_, err := localredis.Start(t.Context(), localredis.Config{Args: []string{"--no-such-option", "1"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("error = %v", err)
	}
}

func TestStartPicksTheInstalledServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "redis")
	s, err := localredis.Start(t.Context(), localredis.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if _, installed := localredis.Installed(); s.Real() != installed {
		t.Errorf("Real = %t, installed = %t", s.Real(), installed)
	}

	t.Setenv("PATH", "")
	memory, err := localredis.Start(t.Context(), localredis.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Stop()
	if memory.Real() {
		t.Error("Real without a program")
	}
	s.Stop()
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Error("Stop removed a directory that is not temporary")
	}
}
