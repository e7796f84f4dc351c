package sdk_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A program that uses the SDK must not have to link a database, or a server.
func TestWhatTheSDKLinks(t *testing.T) {
	for _, tt := range []struct {
		program string
		also    []string // what it may link beside the standard library and ours
	}{
		{"github.com/assaylabs/assay/sdk", nil},
		{"github.com/assaylabs/assay/sdk/sdktest", nil},
		{"github.com/assaylabs/assay/sdk/openfeature", []string{"github.com/open-feature/go-sdk"}},
	} {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{.Module.Path}} {{.ImportPath}}{{end}}", tt.program).Output()
		if err != nil {
			t.Fatal(err)
		}
		rooms := []string{"domain", "evaluator", "feed", "sdk", "sdk/openfeature", "sdk/sdktest", "targeting", "tracking"}
		modules := append(tt.also, "github.com/go-json-experiment/json", "github.com/google/uuid",
			"github.com/klauspost/cpuid/v2", "github.com/sony/gobreaker/v2", "github.com/tmaxmax/go-sse", "github.com/zeebo/xxh3")
		lines := strings.Fields(string(out))
		if len(lines) < 20 {
			t.Fatalf("%s links nothing: %q", tt.program, out)
		}
		for i := 0; i < len(lines); i += 2 {
			room, ours := strings.CutPrefix(lines[i+1], "github.com/assaylabs/assay/")
			if ours && !slices.Contains(rooms, room) || !ours && !slices.Contains(modules, lines[i]) {
				t.Errorf("%s links %s", tt.program, lines[i+1])
			}
		}
	}
}
