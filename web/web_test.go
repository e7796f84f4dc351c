package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	shell  = `<!doctype html><script type="module" src="/assets/app-0a1b.js"></script>`
	script = "/assets/app-0a1b.js"
)

func built(t *testing.T) *Console {
	t.Helper()
	c, err := read(fstest.MapFS{
		"index.html":           {Data: []byte(shell)},
		"favicon.svg":          {Data: []byte("<svg/>")},
		"assets/app-0a1b.js":   {Data: []byte(strings.Repeat("console.log(1);", 1000))},
		"assets/text.woff2":    {Data: bytes.Repeat([]byte("a"), 1000)},
		"assets/deep/other.js": {Data: []byte("1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(t *testing.T, c *Console, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	file := c.File(path)
	if file == nil {
		t.Fatalf("nothing at %s", path)
	}
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	file.ServeHTTP(w, r)
	return w
}

func TestPathsOfTheConsole(t *testing.T) {
	c := built(t)
	for _, tt := range []struct {
		path, route string
		found       bool
	}{
		{"/", "/", true},
		{"/console", "/console", true},
		{"/console/", "/console", true},
		{"/console/experiments/checkout-button/results", "/console", true},
		{"/console/assets/none.js", "/console", true},
		{script, "/assets/{file}", true},
		{"/assets/deep/other.js", "/assets/{file}", true},
		{"/favicon.svg", "/favicon.svg", true},
		{"/assets/", "/assets/{file}", false},
		{"/assets/none.js", "/assets/{file}", false},
		{"/assets/../index.html", "/assets/{file}", false},
		{"/index.html", "", false},
		{"/favicon.ico", "", false},
		{"/consoles", "", false},
		{"//", "", false},
		{"/experiments", "", false},
		{"", "", false},
	} {
		if route, file := c.Route(tt.path), c.File(tt.path); route != tt.route || (file != nil) != tt.found {
			t.Errorf("%q: route %q, found %v", tt.path, route, file != nil)
		}
	}
}

func TestShellIsAskedForEachTime(t *testing.T) {
	c := built(t)
	w := ask(t, c, "GET", "/console/experiments")
	h := w.Header()
	if w.Code != http.StatusOK || w.Body.String() != shell || h.Get("Cache-Control") != "no-cache" || h.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %v %s", w.Code, h, w.Body)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
	if !strings.Contains(h.Get("Permissions-Policy"), "camera=()") {
		t.Errorf("Permissions-Policy %q", h.Get("Permissions-Policy"))
	}
	again := ask(t, c, "GET", "/", "If-None-Match", h.Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("%d %v", again.Code, again.Header())
	}
	if w := ask(t, c, "GET", "/", "If-None-Match", `"another"`); w.Code != http.StatusOK {
		t.Errorf("%d for another ETag", w.Code)
	}
	if w := ask(t, c, "HEAD", "/"); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %s", w.Code, w.Body)
	}
}

func TestAssetsAreCompressedAndKept(t *testing.T) {
	c := built(t)
	plain := ask(t, c, "GET", script)
	if h := plain.Header(); h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("Vary") != "Accept-Encoding" ||
		h.Get("Content-Encoding") != "" || h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", h)
	}
	small := ask(t, c, "GET", script, "Accept-Encoding", "gzip, deflate, br, zstd")
	if h := small.Header(); h.Get("Content-Encoding") != "gzip" || h.Get("ETag") == plain.Header().Get("ETag") || h.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v", h)
	}
	if small.Body.Len() >= plain.Body.Len() {
		t.Errorf("%d bytes compressed, %d plain", small.Body.Len(), plain.Body.Len())
	}
	z, err := gzip.NewReader(small.Body)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(z); err != nil || !bytes.Equal(data, plain.Body.Bytes()) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	again := ask(t, c, "GET", script, "Accept-Encoding", "gzip", "If-None-Match", small.Header().Get("ETag"))
	if again.Code != http.StatusNotModified {
		t.Errorf("%d for the ETag of what is compressed", again.Code)
	}
	for _, path := range []string{"/assets/text.woff2", "/assets/deep/other.js"} {
		if w := ask(t, c, "GET", path, "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed", path)
		}
	}
	if w := ask(t, c, "GET", "/favicon.svg"); w.Header().Get("Cache-Control") != "no-cache" || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%v", w.Header())
	}
}

func TestAcceptEncoding(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "x-gzip": true, "br": false, "br, gzip;q=0.5": true, "gzip;q=0": false,
		"gzip; q=0.000, *": false, "*": true, "*;q=0": false, "*, gzip;q=0": false, "identity": false, "gzip;q=x": false, "gzipped": false,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
	if acceptsGzip(nil) || !acceptsGzip([]string{"br", "gzip"}) {
		t.Error("several headers are not read as one")
	}
}

// What is built into the program must load under its own policy.
func TestBuiltPageNeedsNothingInline(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	page := ask(t, c, "GET", "/").Body.String()
	for _, forbidden := range []string{"<style", "style=", "onload=", "onclick=", "javascript:", "http://", "https://"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page holds %s", forbidden)
		}
	}
	for _, attribute := range []string{`src="`, `href="`} {
		for _, rest := range strings.Split(page, attribute)[1:] {
			path, _, _ := strings.Cut(rest, `"`)
			if path != "/docs" && c.File(path) == nil {
				t.Errorf("the page refers to %s, which is not there", path)
			}
		}
	}
	if strings.Count(page, "<script") != strings.Count(page, "<script src=")+strings.Count(page, `<script type="module" crossorigin src=`) {
		t.Error("the page holds a script of its own")
	}
}

// The shell is all that the first page loads, as it goes over the wire: itself,
// its scripts, its styles and the font of its letters.
func TestShellIsSmall(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	page := ask(t, c, "GET", "/").Body.String()
	paths := map[string]bool{"/": true}
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		paths[match[1]] = true
	}
	total, fonts := 0, 0
	for path := range paths {
		size := ask(t, c, "GET", path, "Accept-Encoding", "gzip").Body.Len()
		t.Logf("%7d %s", size, path)
		total += size
		if strings.HasSuffix(path, ".woff2") {
			fonts++
		}
	}
	if fonts != 1 {
		t.Errorf("the page names %d fonts", fonts)
	}
	if total >= 200_000 {
		t.Errorf("the shell has %d bytes compressed", total)
	}
}

func TestBuildWithoutAPage(t *testing.T) {
	if _, err := read(fstest.MapFS{"assets/a.js": {Data: []byte("1")}}); err == nil {
		t.Error("a build without index.html is served")
	}
}
