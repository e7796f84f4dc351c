package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/pgtest"
)

// commandVariable makes the test binary the command itself.
const commandVariable = "TESTENV_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(commandVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

func testenv(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), commandVariable+"=1", pgtest.URLVariable+"=")
	return cmd
}

func TestCommandSeesOneServerThatEndsWithIt(t *testing.T) {
	out, err := testenv("--", "sh", "-c", `echo "$`+pgtest.URLVariable+`"; exit 7`).Output()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != 7 {
		t.Fatalf("%v, want exit status 7: %s", err, out)
	}
	url := strings.TrimSpace(string(out))
	if _, err := pgx.ParseConfig(url); err != nil || !strings.HasPrefix(url, "postgres://postgres@") {
		t.Fatalf("URL %q: %v", url, err)
	}
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		conn.Close(t.Context())
		t.Error("the server runs on")
	}
}

func TestServerInTheEnvironmentIsKept(t *testing.T) {
	cmd := testenv("sh", "-c", `echo "$`+pgtest.URLVariable+`"`)
	cmd.Env = append(cmd.Env, pgtest.URLVariable+"=postgres://elsewhere")
	if out, err := cmd.Output(); string(out) != "postgres://elsewhere\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

func TestSignalReachesTheCommand(t *testing.T) {
	cmd := testenv("--", "sh", "-c", `trap 'exit 9' TERM; echo "$`+pgtest.URLVariable+`"; while :; do sleep 0.01; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 9 {
		t.Errorf("exit status %d, want 9", code)
	}
	if conn, err := pgx.Connect(t.Context(), strings.TrimSpace(url)); err == nil {
		conn.Close(t.Context())
		t.Error("the server runs on")
	}
}

func TestCommandsThatDoNotRun(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"none":          {nil, 2},
		"unknown":       {[]string{"--", "/no/such/command"}, 127},
		"ended by KILL": {[]string{"--", "sh", "-c", "kill -9 $$"}, 137},
	} {
		cmd := testenv(c.args...)
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != c.code {
			t.Errorf("%s: exit status %d, want %d", name, code, c.code)
		}
	}
}
