package edge

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

func TestSnapshotIsTheDocumentInEveryCoding(t *testing.T) {
	s := newStack(t, Config{})
	want, err := s.view().state.Document.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for accept, coding := range map[string]string{
		"identity": "", "gzip": "gzip", "br": "br", "gzip, deflate, br": "br", "br;q=0, gzip;q=0.5": "gzip",
		"gzip;q=0.0": "", "deflate": "", "*": "br", "GZIP": "gzip", ";;,,": "",
	} {
		got := s.send(t, request{method: "GET", path: "/snapshot", header: map[string]string{"Accept-Encoding": accept}}).want(t, http.StatusOK)
		if got.header.Get("Content-Encoding") != coding {
			t.Errorf("%s: coded as %q, want %q", accept, got.header.Get("Content-Encoding"), coding)
			continue
		}
		plain := got.body
		switch coding {
		case "gzip":
			r, err := gzip.NewReader(bytes.NewReader(got.body))
			if err != nil {
				t.Fatal(err)
			}
			plain, _ = io.ReadAll(r)
		case "br":
			plain, _ = io.ReadAll(brotli.NewReader(bytes.NewReader(got.body)))
		}
		if !bytes.Equal(plain, want) {
			t.Errorf("%s: got %s", accept, plain)
		}
		if got.header.Get("ETag") != s.view().state.ETag || got.header.Get("Cache-Control") != cacheControl ||
			got.header.Get("Vary") != "Accept-Encoding" || got.header.Get("Assay-Position") != "1" {
			t.Errorf("%s: headers %v", accept, got.header)
		}
	}
}

func TestSnapshotIsNotSentTwice(t *testing.T) {
	s := newStack(t, Config{})
	etag := s.send(t, request{method: "GET", path: "/snapshot"}).header.Get("ETag")
	for _, path := range []string{"/snapshot", "/snapshot?since=1", "/snapshot?since=0"} {
		got := s.send(t, request{method: "GET", path: path, header: map[string]string{"If-None-Match": etag}}).want(t, http.StatusNotModified)
		if got.header.Get("ETag") != etag || got.header.Get("Cache-Control") != cacheControl || len(got.body) > 0 {
			t.Errorf("%s: %v %q", path, got.header, got.body)
		}
	}
	s.show(t, demo(2))
	s.send(t, request{method: "GET", path: "/snapshot", header: map[string]string{"If-None-Match": etag}}).want(t, http.StatusOK)
}

func TestSnapshotIsTheSameOnEveryReplica(t *testing.T) {
	one, two := newStack(t, Config{}), newStack(t, Config{})
	two.show(t, demo(2))
	one.show(t, demo(3))
	two.show(t, demo(3))
	for _, accept := range []string{"identity", "gzip", "br"} {
		r := request{method: "GET", path: "/snapshot?since=2", header: map[string]string{"Accept-Encoding": accept}}
		a, b := one.send(t, r), two.send(t, r)
		if !bytes.Equal(a.body, b.body) || a.header.Get("ETag") != b.header.Get("ETag") {
			t.Errorf("%s: two replicas differ", accept)
		}
	}
}

func TestSinceTellsWhatChanged(t *testing.T) {
	s := newStack(t, Config{})
	before := s.view().state.Document
	s.show(t, demo(2, experiment("zebra", `"position":2`)))
	after, err := s.view().state.Document.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got := s.send(t, request{method: "GET", path: "/snapshot?since=1"}).want(t, http.StatusOK)
	delta, err := evaluator.ParseDocument(got.body)
	if err != nil || len(delta.Experiments) != 1 {
		t.Fatalf("%v: %s", err, got.body)
	}
	merged, err := before.Merge(delta)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := merged.Encode(); err != nil || !bytes.Equal(data, after) {
		t.Errorf("%v: merged %s\nwant %s", err, data, after)
	}
	if etag := got.header.Get("ETag"); etag == s.view().state.ETag || etag == "" {
		t.Errorf("the changes have the ETag %s, that of the whole is %s", etag, s.view().state.ETag)
	}
	s.send(t, request{method: "GET", path: "/snapshot?since=1", header: map[string]string{"If-None-Match": got.header.Get("ETag")}}).want(t, http.StatusNotModified)
	// What nobody can tell the changes since is answered whole.
	if got := s.send(t, request{method: "GET", path: "/snapshot?since=99"}).want(t, http.StatusOK); !bytes.Equal(got.body, after) {
		t.Errorf("got %s", got.body)
	}
	for i := range 3 * keptDeltas {
		s.view().snapshot.since(int64(i))
	}
	if n := len(s.view().snapshot.deltas); n > keptDeltas {
		t.Errorf("%d deltas are kept", n)
	}
}

func TestFeedHasKeysWithoutTheirSecrets(t *testing.T) {
	s := newStack(t, Config{})
	got := s.send(t, request{method: "GET", path: "/feed", token: edgeToken}).want(t, http.StatusOK)
	var update feed.Update
	if err := json.Unmarshal(got.body, &update); err != nil {
		t.Fatal(err)
	}
	document, _ := update.Document.Encode()
	want, _ := s.view().state.Document.Encode()
	if len(update.Keys) != len(s.keys) || update.Keys[0].SecretHash != s.keys[0].SecretHash || !bytes.Equal(document, want) {
		t.Errorf("got %s", got.body)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", got.header.Get("Cache-Control"))
	}
	for _, token := range s.tokens {
		if bytes.Contains(got.body, []byte(token)) {
			t.Error("the body holds a token")
		}
	}
	etag := got.header.Get("ETag")
	r := request{method: "GET", path: "/feed?since=1", token: edgeToken, header: map[string]string{"If-None-Match": etag}}
	s.send(t, r).want(t, http.StatusNotModified)
	s.keys = s.keys[1:]
	s.show(t, demo(2))
	s.send(t, r).want(t, http.StatusOK)
}

// An edge behind this one comes to serve the same, keys included.
func TestAnEdgeFeedsAnother(t *testing.T) {
	s := newStack(t, Config{})
	control := feed.NewControl(feed.ControlConfig{URL: s.url, Token: edgeToken, Path: "/feed"})
	behind := feed.New(feed.Config{}, control)
	run(t, behind.Run)
	for position := int64(2); position < 6; position++ {
		changed, cancel := behind.Subscribe()
		s.show(t, demo(position, experiment("late")))
		for state := behind.State(); state == nil || state.Document.Position < position; state = behind.State() {
			<-changed
		}
		cancel()
		if state := behind.State(); state.ETag != s.view().state.ETag || len(state.Keys) != len(s.keys) {
			t.Errorf("at %d: %s with %d keys, want %s", position, state.ETag, len(state.Keys), s.view().state.ETag)
		}
	}
}
