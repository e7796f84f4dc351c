// Package natstest gives tests a real cluster of NATS servers with JetStream,
// whose nodes can be killed. Begin with Start.
package natstest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/assaylabs/assay/internal/proc"
)

const (
	startTimeout = 30 * time.Second
	stopGrace    = 5 * time.Second
)

// Cluster is some servers that hold one another's data. Its methods may be
// called concurrently.
type Cluster struct {
	Nodes []*Node
}

// Node is one server. What it has acknowledged is on its disk.
type Node struct {
	config string
	path   string
	port   *proc.Port
	log    proc.Tail

	mu    sync.Mutex
	child *proc.Process // mu guards
}

// Start starts a cluster of that many nodes and returns when it has a leader.
func Start(t testing.TB, nodes int) *Cluster {
	t.Helper()
	path := program(t)
	routes := make([]*proc.Port, nodes)
	for i := range routes {
		routes[i] = reserve(t)
	}
	c := &Cluster{}
	for i := range nodes {
		n := &Node{path: path, port: reserve(t)}
		dir := t.TempDir()
		n.config = filepath.Join(dir, "nats.conf")
		if err := os.WriteFile(n.config, configuration(i, n.port, routes, dir), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, n)
		t.Cleanup(n.Kill)
		n.Start(t)
	}
	c.await(t)
	return c
}

func reserve(t testing.TB) *proc.Port {
	t.Helper()
	port, err := proc.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.Release)
	return port
}

// program is the path of the server that tools/go.mod names, built if need be.
func program(t testing.TB) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	tools := filepath.Join(filepath.Dir(strings.TrimSpace(string(root))), "tools", "go.mod")
	var stderr bytes.Buffer
	cmd := exec.Command("go", "tool", "-modfile="+tools, "-n", "nats-server")
	cmd.Stderr = &stderr
	path, err := cmd.Output()
	if err != nil {
		t.Fatalf("build nats-server: %v: %s", err, &stderr)
	}
	return strings.TrimSpace(string(path))
}

// configuration is a node's file. sync_interval: without it JetStream
// acknowledges what the disk does not have yet.
func configuration(i int, port *proc.Port, routes []*proc.Port, dir string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "server_name: n%d\nlisten: %s\n", i, port.Addr())
	fmt.Fprintf(&b, "jetstream { store_dir: %s, sync_interval: always, max_file: 1GB, max_mem: 64MB }\n", strconv.Quote(dir))
	if len(routes) > 1 {
		fmt.Fprintf(&b, "cluster { name: test, listen: %s, routes: [", routes[i].Addr())
		for i, route := range routes {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%q", "nats://"+route.Addr())
		}
		b.WriteString("] }\n")
	}
	return b.Bytes()
}

// URL is the addresses of all nodes, for clients.
func (c *Cluster) URL() string {
	urls := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		urls[i] = "nats://" + n.port.Addr()
	}
	return strings.Join(urls, ",")
}

// await waits until JetStream has a leader that can place streams.
func (c *Cluster) await(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(startTimeout)
	for {
		err := ready(c.URL())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("NATS is not ready: %v\n%s", err, &c.Nodes[0].log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func ready(url string) error {
	nc, err := nats.Connect(url, nats.Timeout(time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := nc.JetStream(nats.MaxWait(time.Second))
	if err != nil {
		return err
	}
	_, err = js.AccountInfo()
	return err
}

// Start starts the node, or starts it again on what it holds.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	cmd := exec.Command(n.path, "--config", n.config)
	cmd.Stdout, cmd.Stderr = &n.log, &n.log
	child, err := proc.Start(cmd, nil, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	n.child = child
}

// Kill ends the node at once, as kill -9 does.
func (n *Node) Kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.child != nil {
		n.child.Stop(stopGrace)
		n.child = nil
	}
}
