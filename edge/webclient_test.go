package edge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
)

// webClient is the OFREP web provider from npm, as it comes, in a Node of its own.
type webClient struct {
	in  io.Writer
	out *bufio.Scanner
	all []asked // in order
}

// asked is a request that the provider made, and its answer.
type asked struct {
	Query, IfNoneMatch, ETag string
	Status                   int
}

type webAnswer struct {
	Value                       any
	Reason, Variant, ErrorCode  string
	FlagMetadata                map[string]any
	Flags                       []string
	Requests                    []asked
	Error, ErrorMessage, Source string
}

// installWeb installs the provider and returns where. Without Node, or npm's
// registry, the test fails: there is no other way to know that browsers are
// served.
func installWeb(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "client.mjs"} {
		data, err := os.ReadFile(filepath.Join("testdata", "ofrep-web", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("this test needs Node 20 or later with npm, and npm's registry: npm ci: %v\n%s", err, output)
	}
	return dir
}

// startWeb starts what is installed in dir.
func startWeb(t *testing.T, dir, url, token string) *webClient {
	t.Helper()
	cmd := exec.Command("node", "client.mjs", url, token)
	cmd.Dir, cmd.Stderr = dir, t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs Node 20 or later: %v", err)
	}
	// A client that hangs must not hang the test.
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		timer.Stop()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	return &webClient{in: in, out: scanner}
}

// do has the client obey a command.
func (c *webClient) do(t *testing.T, command string) webAnswer {
	t.Helper()
	if _, err := io.WriteString(c.in, command+"\n"); err != nil {
		t.Fatal(err)
	}
	if !c.out.Scan() {
		t.Fatalf("%s: the client ended: %v", command, c.out.Err())
	}
	var answer webAnswer
	if err := json.Unmarshal(c.out.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v: %s", command, err, c.out.Bytes())
	}
	return answer
}

// requests are all that the client has made.
func (c *webClient) requests(t *testing.T) []asked {
	t.Helper()
	c.all = append(c.all, c.do(t, `{"do":"requests"}`).Requests...)
	return c.all
}

// told waits until the client has asked for what an event told it of.
func (c *webClient) told(t *testing.T, position int) asked {
	t.Helper()
	for { // until startWeb's timer ends the client
		for _, request := range c.requests(t) {
			if strings.Contains(request.Query, fmt.Sprintf("flagConfigEtag=%%22%d-", position)) {
				return request
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestWebProvider(t *testing.T) {
	dir := installWeb(t)
	t.Run("serves", func(t *testing.T) { testWebProvider(t, dir) })
	t.Run("says what is wrong", func(t *testing.T) { testWebProviderRefused(t, dir) })
}

func testWebProvider(t *testing.T, dir string) {
	s := newStack(t, Config{})
	s.show(t, demo(2, experiment("live", `"status":"inactive"`)))
	c := startWeb(t, dir, s.url, s.tokens[domain.Client])
	if got := c.do(t, `{"do":"start","context":{"targetingKey":"u1","country":"DE"}}`); got.Error != "" {
		t.Fatal(got.Error)
	}
	details := func(key, fallback string) webAnswer {
		t.Helper()
		return c.do(t, `{"do":"details","key":"`+key+`","fallback":`+fallback+`}`)
	}
	if got := details("banner", "true"); got.Value != false || got.Reason != "DISABLED" || got.FlagMetadata["assayReason"] != "AUDIENCE" {
		t.Errorf("got %+v", got)
	}
	if got := details("text", `"c"`); got.Value != "b" || got.Reason != "SPLIT" || got.Variant != "treatment" || got.FlagMetadata["version"] != 3.0 {
		t.Errorf("got %+v", got)
	}
	if got := details("price", "[]"); len(got.Value.([]any)) != 2 || got.Variant != `é"<` {
		t.Errorf("got %+v", got)
	}
	if got := details("nope", "true"); got.Value != true || got.ErrorCode != "FLAG_NOT_FOUND" {
		t.Errorf("got %+v", got)
	}
	if got := details("banner", "7"); got.Value != 7.0 || got.ErrorCode != "TYPE_MISMATCH" {
		t.Errorf("got %+v", got)
	}

	// The stream begins with what the page has already.
	if got := c.told(t, 2); got.Status != 304 {
		t.Errorf("told of what it has: %+v", got)
	}

	// The unit stays, an attribute changes: the provider still sends its ETag, and
	// must not be told that nothing changed.
	c.do(t, `{"do":"context","context":{"targetingKey":"u1","country":"US"}}`)
	if got := details("banner", "false"); got.Value != true || got.Reason != "SPLIT" {
		t.Errorf("after a change of attributes: %+v", got)
	}
	if !slices.ContainsFunc(c.requests(t), func(a asked) bool {
		return a.Query == "" && a.Status == 200 && a.IfNoneMatch != "" && a.ETag != a.IfNoneMatch
	}) {
		t.Errorf("requests %+v", c.all)
	}

	// A toggle reaches the page without being asked for.
	s.show(t, demo(3, experiment("live", `"version":4`)))
	for {
		got := c.do(t, `{"do":"change"}`)
		if slices.Contains(got.Flags, "live") {
			if len(got.Flags) != 1 {
				t.Errorf("one flag changed, told of %q", got.Flags)
			}
			break
		}
	}
	if got := details("live", "false"); got.Value != true {
		t.Errorf("after a toggle: %+v", got)
	}
	if got := c.told(t, 3); got.Status != 200 {
		t.Errorf("told of a toggle: %+v", got)
	}
}

func testWebProviderRefused(t *testing.T, dir string) {
	s := newStack(t, Config{})
	c := startWeb(t, dir, s.url, "wrong")
	if got := c.do(t, `{"do":"start","context":{"targetingKey":"u1"}}`); got.Error == "" {
		t.Errorf("a wrong token is taken: %+v", got)
	}
	if got := c.do(t, `{"do":"details","key":"banner","fallback":true}`); got.Value != true || got.ErrorCode != "PROVIDER_FATAL" {
		t.Errorf("got %+v", got)
	}
	if requests := c.requests(t); len(requests) != 1 || requests[0].Status != 401 {
		t.Errorf("requests %+v", requests)
	}
}
