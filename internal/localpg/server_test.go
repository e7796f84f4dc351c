//go:build unix

package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/proc"
)

// holdVariable makes the test binary a process that starts a server in the
// directory it names, prints its URL and directory, and waits to be killed.
const holdVariable = "LOCALPG_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(holdVariable); ok {
		s, err := Start(context.Background(), Config{Dir: dir})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.URL(Superuser, "postgres"), s.room.dir)
		time.Sleep(time.Minute)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// reachableDir is a directory that the server's user can reach when this runs
// as root, which t.TempDir's is not.
func reachableDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "postgres")
}

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(); os.RemoveAll(s.room.dir) })
	return s
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		out = append(out, string(rows.RawValues()[0]))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(out, ",")
}

func TestDataOutlivesStopKillAndRestart(t *testing.T) {
	dir := reachableDir(t)
	s := start(t, Config{Dir: dir, Settings: map[string]string{"max_connections": "17"}})
	url := s.URL(Superuser, "postgres")
	query(t, url, "create table t as select 1 as n")
	if got := query(t, url, "show max_connections"); got != "17" {
		t.Errorf("max_connections = %s, want 17", got)
	}
	if got := query(t, url, "show fsync"); got != "on" {
		t.Errorf("fsync = %s, want on", got)
	}
	if got := query(t, url, "show server_encoding"); got != "UTF8" {
		t.Errorf("server_encoding = %s, want UTF8", got)
	}

	s.Kill()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, url, "insert into t values (2)")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, url, "insert into t values (3)")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	s = start(t, Config{Dir: dir})
	if got := query(t, s.URL(Superuser, "postgres"), "select n from t order by n"); got != "1,2,3" {
		t.Errorf("rows after a second start = %s, want 1,2,3", got)
	}
}

func TestDirectoryServesOneProcessAtATime(t *testing.T) {
	dir := reachableDir(t)
	s := start(t, Config{Dir: dir})
	if second, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, proc.ErrLocked) {
		if err == nil {
			second.Stop()
		}
		t.Fatalf("second start: %v, want ErrLocked", err)
	}
	query(t, s.URL(Superuser, "postgres"), "select 1")
}

func TestClosedDirectoryIsPointedOutOf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "postgres") // below a directory of mode 0700
	s := start(t, Config{Dir: dir})
	query(t, s.URL(Superuser, "postgres"), "create table t as select 1 as n")
	place := s.room.dir
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if strings.HasPrefix(place, dir) {
			t.Errorf("the data lie in %s, closed to the server's user", place)
		}
	} else if place != dir {
		t.Errorf("the data lie in %s, want %s", place, dir)
	}

	s = start(t, Config{Dir: dir})
	if got := query(t, s.URL(Superuser, "postgres"), "select n from t"); got != "1" {
		t.Errorf("rows after a second start = %q, want 1", got)
	}
}

func TestStopRemovesATemporaryServer(t *testing.T) {
	s := start(t, Config{Settings: Volatile()})
	if got := query(t, s.URL(Superuser, "postgres"), "show fsync"); got != "off" {
		t.Errorf("fsync = %s, want off", got)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.room.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", s.room.dir, err)
	}
}

func TestBadSettingIsNamed(t *testing.T) {
	_, err := Start(t.Context(), Config{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Fatalf("error = %v, want one that names the setting", err)
	}
}

// hold starts this test binary again as the parent of a server.
func hold(t *testing.T, dir string) (parent *exec.Cmd, url, place string) {
	t.Helper()
	parent = exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), holdVariable+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parent.Process.Kill(); parent.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	url, place, ok := strings.Cut(strings.TrimSpace(line), " ")
	if !ok {
		t.Fatalf("the parent says %q: %v", line, err)
	}
	t.Cleanup(func() { os.RemoveAll(place) })
	return parent, url, place
}

func kill(t *testing.T, parent *exec.Cmd) {
	t.Helper()
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
}

func TestStartAfterTheParentWasKilled(t *testing.T) {
	dir := reachableDir(t)
	parent, url, _ := hold(t, dir)
	query(t, url, "create table t as select 1 as n")
	kill(t, parent)
	s := start(t, Config{Dir: dir})
	if got := query(t, s.URL(Superuser, "postgres"), "select n from t"); got != "1" {
		t.Errorf("rows = %q, want 1", got)
	}
}

func TestTemporaryDirectoryOfAKilledParentIsSwept(t *testing.T) {
	alive, url, other := hold(t, "")
	dead, _, place := hold(t, "")
	kill(t, dead)
	start(t, Config{})
	if _, err := os.Stat(place); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", place, err)
	}
	query(t, url, "select 1") // a living one is left alone

	kill(t, alive)
	start(t, Config{})
	if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", other, err)
	}
}

// abandon leaves a server running in dir that no process looks after, as a
// killed parent does where the kernel has no parent-death signal.
func abandon(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	s := start(t, Config{Dir: dir})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	cmd := s.room.command(filepath.Join(s.bin, "postgres"), "-D", s.room.data(), "-c", "unix_socket_directories=", "-p", strconv.Itoa(s.cfg.Port))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.room.owner != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.room.owner.UID, Gid: s.room.owner.GID}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	for !s.ready(cmd.Process.Pid) {
		select {
		case <-ended:
			t.Fatal("the abandoned server ended")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return cmd
}

func TestAbandonedServerIsStopped(t *testing.T) {
	dir := reachableDir(t)
	abandoned := abandon(t, dir)
	s := start(t, Config{Dir: dir})
	query(t, s.URL(Superuser, "postgres"), "select 1")
	if args := proc.Arguments(abandoned.Process.Pid); len(args) > 0 {
		t.Errorf("the abandoned server still runs: %q", args)
	}
}

func TestPIDFileOfAnotherProcess(t *testing.T) {
	dir := reachableDir(t)
	s := start(t, Config{Dir: dir})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	stranger := s.room.command("sleep", "60")
	p, err := proc.Start(stranger, s.room.owner, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(time.Second) })
	text := fmt.Sprintf("%d\n%s\n", p.PID(), s.room.data())
	if err := os.WriteFile(filepath.Join(s.room.data(), "postmaster.pid"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	start(t, Config{Dir: dir})
	select {
	case <-p.Done():
		t.Error("a process that is no server of this directory was killed")
	default:
	}
}
