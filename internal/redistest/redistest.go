// Package redistest gives tests a real Redis, and the one that stands in for it
// where none is installed.
package redistest

import (
	"testing"

	"github.com/assaylabs/assay/internal/localredis"
)

// Real starts an empty redis-server for this test alone, with args added to its
// command line. The test fails where none is installed.
func Real(t testing.TB, args ...string) *localredis.Server {
	t.Helper()
	if _, ok := localredis.Installed(); !ok {
		t.Fatal("this test needs redis-server: install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)")
	}
	server, err := localredis.Start(t.Context(), localredis.Config{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// Memory starts an empty server inside the test binary.
func Memory(t testing.TB) *localredis.Server {
	t.Helper()
	server, err := localredis.StartMemory(localredis.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// URLs starts one of each kind, for tests that have to hold on both, and returns
// their URLs by name: "redis" and "memory".
func URLs(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{"redis": Real(t).URL(), "memory": Memory(t).URL()}
}
