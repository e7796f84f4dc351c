package proc

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parentVariable makes the test binary a parent that starts a child, prints the
// child's process id, and waits to be killed.
const parentVariable = "PROC_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) == "" {
		os.Exit(m.Run())
	}
	p, err := Start(exec.Command("sleep", "60"), nil, syscall.SIGTERM)
	if err != nil {
		os.Exit(1)
	}
	// Threads that come and go in the parent must not pass for its death.
	for range 50 {
		_, _ = Run(context.Background(), exec.Command("true"), nil)
	}
	os.Stdout.WriteString(strconv.Itoa(p.PID()) + "\n")
	time.Sleep(time.Minute)
}

func TestChildEndsWithItsParentOnly(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if len(Arguments(pid)) == 0 {
		t.Error("the child ended while its parent lived")
	}

	parent.Process.Kill()
	parent.Wait()
	for deadline := time.Now().Add(time.Second); len(Arguments(pid)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlives its parent by 1 s", pid)
		}
	}
}
