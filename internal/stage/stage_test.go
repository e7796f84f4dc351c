package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	// What the programs are made of: go test must not remember results over changes.
	_ "github.com/assaylabs/assay/edge"
	_ "github.com/assaylabs/assay/http"
	_ "github.com/assaylabs/assay/internal/control"
	_ "github.com/assaylabs/assay/internal/serving"
)

// commandVariable makes the test binary the command itself.
const commandVariable = "STAGE_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(commandVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

// call sends a request and decodes a JSON answer into out, if that is not nil.
func call(t *testing.T, method, url, token, body string, out any) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil {
		if err := json.NewDecoder(bytes.NewReader(answer)).Decode(out); err != nil {
			t.Fatalf("%s %s: %d %s", method, url, res.StatusCode, answer)
		}
	}
	return res.StatusCode, string(answer)
}

func must(t *testing.T, method, url, token, body string, out any) {
	t.Helper()
	if status, text := call(t, method, url, token, body, out); status >= 300 {
		t.Fatalf("%s %s: %d %s", method, url, status, text)
	}
}

// names lists the experiments that a server has.
func names(t *testing.T, url, token string) string {
	t.Helper()
	var list struct {
		Items []struct {
			Name string `json:"name"`
		} `json:"items"`
	}
	must(t, http.MethodGet, url+"/experiments", token, "", &list)
	var names []string
	for _, item := range list.Items {
		names = append(names, item.Name)
	}
	return strings.Join(names, ",")
}

func refuses(t *testing.T, url string) {
	t.Helper()
	addr := strings.TrimPrefix(url, "http://")
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Errorf("%s answers", addr)
	}
}

func TestStacks(t *testing.T) {
	s, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	add := func(t *testing.T, body string) (made, string) {
		t.Helper()
		var m made
		must(t, http.MethodPost, s.url()+"/stacks", "", body, &m)
		return m, s.url() + "/stacks/" + m.ID
	}
	end := func(t *testing.T, at string) {
		t.Helper()
		var ended struct {
			Faults []string `json:"faults"`
		}
		must(t, http.MethodDelete, at, "", "", &ended)
		if len(ended.Faults) > 0 {
			t.Errorf("logged: %q", ended.Faults)
		}
	}

	t.Run("are apart, and end", func(t *testing.T) {
		first, at := add(t, "")
		second, alsoAt := add(t, `{"redis":false,"clock":"-72h"}`)
		must(t, http.MethodPost, first.URLs[0]+"/experiments", first.Token, `{"name":"of the first"}`, nil)
		if got := names(t, second.URLs[0], second.Token); got != "" {
			t.Errorf("the second has %s", got)
		}
		if status, _ := call(t, http.MethodPost, alsoAt+"/redis/kill", "", "", nil); status != http.StatusConflict {
			t.Errorf("kill a Redis that is not there: %d", status)
		}
		if status, _ := call(t, http.MethodPost, at+"/postgres/kill", "", "", nil); status != http.StatusConflict {
			t.Errorf("kill the PostgreSQL of others: %d", status)
		}
		var known struct {
			At time.Time `json:"created_at"`
		}
		must(t, http.MethodPost, alsoAt+"/clock/-48h", "", "", nil)
		must(t, http.MethodPost, second.URLs[0]+"/experiments", second.Token, `{"name":"of long ago"}`, &known)
		if ago := time.Since(known.At); ago < 47*time.Hour || ago > 49*time.Hour {
			t.Errorf("made %s ago", ago)
		}
		var verified ran
		must(t, http.MethodPost, alsoAt+"/assay", "", `["verify"]`, &verified)
		if verified.Code != 0 || verified.Output == "" {
			t.Errorf("assay verify: %+v", verified)
		}
		must(t, http.MethodPost, alsoAt+"/assay", "", `["nonsense"]`, &verified)
		if verified.Code != 2 {
			t.Errorf("assay nonsense: %+v", verified)
		}
		end(t, at)
		refuses(t, first.URLs[0])
		if status, _ := call(t, http.MethodDelete, at, "", "", nil); status != http.StatusNotFound {
			t.Errorf("ended twice: %d", status)
		}
		end(t, alsoAt)
	})

	t.Run("come back with their data", func(t *testing.T) {
		m, at := add(t, `{"own_postgres":true,"servers":2,"edge":true,"env":{"ASSAY_LOG":"json"}}`)
		must(t, http.MethodPost, m.URLs[0]+"/experiments", m.Token, `{"name":"kept"}`, nil)
		for _, action := range []string{"servers/0/kill", "edge/kill", "postgres/kill", "redis/kill"} {
			must(t, http.MethodPost, at+"/"+action, "", "", nil)
		}
		refuses(t, m.URLs[0])
		refuses(t, m.EdgeURL)
		// Without what it depends on a server is not ready, but it starts.
		must(t, http.MethodPost, at+"/servers/0/start", "", "", nil)
		must(t, http.MethodGet, m.URLs[0]+"/healthz", "", "", nil)
		for _, action := range []string{"redis/start", "redis/flush", "postgres/start", "edge/start"} {
			must(t, http.MethodPost, at+"/"+action, "", "", nil)
		}
		for _, action := range []string{"servers/1/kill", "servers/1/start", "servers/0/start"} {
			must(t, http.MethodPost, at+"/"+action, "", "", nil)
		}
		for _, url := range m.URLs {
			if got := names(t, url, m.Token); got != "kept" {
				t.Errorf("%s has %q", url, got)
			}
		}
		var logged struct {
			Log string `json:"log"`
		}
		must(t, http.MethodGet, at+"/log", "", "", &logged)
		for _, want := range []string{"== assay0.log", "== assay1.log", "== assay-edge0.log", `"msg":"serving"`} {
			if !strings.Contains(logged.Log, want) {
				t.Errorf("the log lacks %q", want)
			}
		}
		end(t, at)
	})

	t.Run("are refused in words", func(t *testing.T) {
		_, at := add(t, "")
		for _, c := range []struct {
			method, url, body string
			status            int
		}{
			{http.MethodPost, s.url() + "/stacks", `{"postgres":true}`, http.StatusBadRequest},
			{http.MethodPost, s.url() + "/stacks", `{"servers":3}`, http.StatusBadRequest},
			{http.MethodPost, s.url() + "/stacks", `{"clock":"yesterday"}`, http.StatusBadRequest},
			{http.MethodPost, s.url() + "/stacks/none/redis/kill", "", http.StatusNotFound},
			{http.MethodPost, at + "/redis/stop", "", http.StatusNotFound},
			{http.MethodPost, at + "/clock/back", "", http.StatusNotFound},
			{http.MethodPost, at + "/assay", "verify", http.StatusBadRequest},
			{http.MethodPost, s.url() + "/stacks/none/assay", "[]", http.StatusNotFound},
			{http.MethodPost, at + "/servers/1/kill", "", http.StatusNotFound},
			{http.MethodPost, at + "/edge/kill", "", http.StatusNotFound},
			{http.MethodPost, s.url() + "/stacks", `{"env":{"ASSAY_LOG":"x"}}`, http.StatusInternalServerError},
		} {
			if status, text := call(t, c.method, c.url, "", c.body, nil); status != c.status || len(text) < 10 {
				t.Errorf("%s %s %s: %d %s", c.method, c.url, c.body, status, text)
			}
		}
		end(t, at)
		if len(s.stacks) > 0 {
			t.Errorf("%d stacks are left", len(s.stacks))
		}
	})

	t.Run("are bounded in number", func(t *testing.T) {
		for i := range maxStacks {
			s.stacks[string(rune('a'+i))] = nil
		}
		if status, _ := call(t, http.MethodPost, s.url()+"/stacks", "", "", nil); status != http.StatusTooManyRequests {
			t.Errorf("one too many: %d", status)
		}
		clear(s.stacks)
	})
}

func TestExecute(t *testing.T) {
	for _, c := range []struct {
		name, script string
		signal       os.Signal
		timeout      time.Duration
		code         int
		failed       bool
	}{
		{"passes the exit code on", "exit 7", nil, time.Minute, 7, false},
		{"sees the environment", `test "$WORD" = here`, nil, time.Minute, 0, false},
		{"passes signals on", "trap 'exit 9' TERM; while :; do sleep 0.01; done", syscall.SIGTERM, time.Minute, 9, false},
		{"tells a signal's number", "kill -9 $$", nil, time.Minute, 137, false},
		{"is bounded in time", "exec sleep 60", nil, 100 * time.Millisecond, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			signals := make(chan os.Signal, 1)
			if c.signal != nil {
				time.AfterFunc(300*time.Millisecond, func() { signals <- c.signal })
			}
			code, err := execute([]string{"sh", "-c", c.script}, append(os.Environ(), "WORD=here"), signals, c.timeout)
			if code != c.code || (err != nil) != c.failed {
				t.Errorf("%d, %v", code, err)
			}
		})
	}
	if code, err := execute([]string{"/no/such/command"}, nil, nil, time.Minute); code != 127 || err == nil {
		t.Errorf("unknown command: %d, %v", code, err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"--"}, {"-nonsense", "true"}} {
		var out bytes.Buffer
		if code := run(args, &out); code != 2 || !strings.Contains(out.String(), "usage: stage") {
			t.Errorf("%q: %d %s", args, code, &out)
		}
	}
}

func TestFaultsInALog(t *testing.T) {
	log := "level=INFO msg=request\nlevel=ERROR msg=\"it broke\"\npanic: no\nWARNING: DATA RACE\nlevel=WARN msg=slow\n"
	if got := strings.Join(faultsIn(log), "|"); got != `level=ERROR msg="it broke"|panic: no|WARNING: DATA RACE` {
		t.Errorf("%q", got)
	}
}
