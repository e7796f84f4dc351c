package localpg

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// descendants returns the children of pid, their children and so on.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], child)
	}
	all := children[pid]
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// running says whether pid is a process that has not ended.
func running(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ")
}

func TestKilledParentLeavesNoProcess(t *testing.T) {
	parent, url, _ := hold(t, reachableDir(t))
	// A session that is busy does not wait for its client.
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		_, _ = conn.Exec(t.Context(), "select count(*) from generate_series(1, 1000000000000)")
	}()
	time.Sleep(100 * time.Millisecond)
	processes := descendants(t, parent.Process.Pid)
	if len(processes) < 4 {
		t.Fatalf("only %d processes below the parent", len(processes))
	}

	kill(t, parent)
	deadline := time.Now().Add(2 * time.Second)
	for _, pid := range processes {
		for running(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d outlives its parent by 2 s", pid)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	<-busy
}

func TestRestartAfterThePostmasterWasKilled(t *testing.T) {
	s := start(t, Config{})
	url := s.URL(Superuser, "postgres")
	query(t, url, "create table t as select 1 as n")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		_, _ = conn.Exec(t.Context(), "select pg_sleep(0.5), count(*) from generate_series(1, 3000000)")
	}()
	time.Sleep(100 * time.Millisecond)

	if err := syscall.Kill(s.child.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, url, "select n from t"); got != "1" {
		t.Errorf("rows = %q, want 1", got)
	}
	<-busy
}
