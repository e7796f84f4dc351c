package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestKilledStageLeavesNoProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0], "--", "sh", "-c", "echo $ASSAY_STAGE; exec sleep 600")
	cmd.Env = append(os.Environ(), commandVariable+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	lines := bufio.NewReader(out)
	url, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var m made
	must(t, http.MethodPost, strings.TrimSpace(url)+"/stacks", "", `{"own_postgres":true}`, &m)

	_ = cmd.Process.Kill()
	gone := make(chan struct{})
	go func() { // the command holds the pipe for as long as it lives
		_, _ = io.Copy(io.Discard, lines)
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the command outlives the stage")
	}
	server := strings.TrimPrefix(m.URLs[0], "http://")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("a server outlives the stage")
		}
	}
}
