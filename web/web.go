// Package web holds the console, the page that people work with: what its build
// left in dist is embedded and served from memory, so the page comes while
// nothing else is up. Begin with New; Console.Route says which paths are the console's.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed all:dist
var dist embed.FS

// The paths of the console; the files that are beside the shell, such as its
// icon, have their own.
const (
	shellPath = "/console"
	assetPath = "/assets/"
)

const (
	// policy lets the shell load what this server has and nothing else: no script
	// or style may stand in the page itself.
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	permissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), " +
		"microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()"

	// revalidate has the browser ask whether what it has is the newest; forever
	// goes with files whose name has a hash of what is in them.
	revalidate = "no-cache"
	forever    = "public, max-age=31536000, immutable"
)

// Console is the built page. It may be used by many goroutines.
type Console struct {
	shell *File
	files map[string]*File // by path
}

// New reads the files that are part of this program. The error is a fault of the
// build.
func New() (*Console, error) {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	return read(built)
}

func read(built fs.FS) (*Console, error) {
	c := &Console{files: map[string]*File{}}
	err := fs.WalkDir(built, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(built, name)
		at, cache := "/"+name, revalidate
		if strings.HasPrefix(at, assetPath) {
			cache = forever
		}
		c.files[at] = newFile(name, data, cache)
		return err
	})
	if err != nil {
		return nil, err
	}
	const shell = "/index.html"
	c.shell = c.files[shell]
	if c.shell == nil {
		return nil, errors.New("the console has no index.html: build it")
	}
	c.shell.shell = true
	delete(c.files, shell)
	return c, nil
}

// Route names the route of a path, for logs and metrics; it is empty when the
// path is not the console's.
func (c *Console) Route(path string) string {
	switch {
	case path == "/", path == shellPath:
		return path
	case strings.HasPrefix(path, shellPath+"/"):
		return shellPath
	case strings.HasPrefix(path, assetPath):
		return assetPath + "{file}"
	case c.files[path] != nil:
		return path
	}
	return ""
}

// File returns what is served at a path of the console, nil where there is
// nothing. Every path below /console is the shell's, which shows the page that
// the path names.
func (c *Console) File(path string) *File {
	switch c.Route(path) {
	case "/", shellPath:
		return c.shell
	}
	return c.files[path]
}

// File is one file, ready to be served to GET and HEAD.
type File struct {
	media, cache string
	tag          string // of the ETag, without quotes
	shell        bool
	data         []byte
	// compressed is data by gzip, made when it is first asked for; nil where
	// that saves nothing.
	compressed func() []byte
}

func newFile(name string, data []byte, cache string) *File {
	media, text := mediaType(name)
	sum := sha256.Sum256(data)
	f := &File{media: media, cache: cache, tag: hex.EncodeToString(sum[:12]), data: data}
	f.compressed = sync.OnceValue(func() []byte {
		if !text {
			return nil
		}
		return compress(data)
	})
	return f
}

// mediaType does not ask the machine, whose tables differ. text says that it is
// worth compressing.
func mediaType(name string) (media string, text bool) {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8", true
	case ".js":
		return "text/javascript; charset=utf-8", true
	case ".css":
		return "text/css; charset=utf-8", true
	case ".svg":
		return "image/svg+xml", true
	case ".json", ".map":
		return "application/json", true
	case ".woff2":
		return "font/woff2", false
	case ".png":
		return "image/png", false
	case ".webp":
		return "image/webp", false
	}
	return "application/octet-stream", false
}

func compress(data []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := z.Write(data); err != nil || z.Close() != nil || b.Len() >= len(data) {
		return nil
	}
	return b.Bytes()
}

// ServeHTTP answers GET and HEAD.
func (f *File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.media)
	h.Set("Cache-Control", f.cache)
	h.Set("X-Content-Type-Options", "nosniff")
	if f.shell {
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", permissions)
	}
	data, tag := f.data, f.tag
	if small := f.compressed(); small != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Values("Accept-Encoding")) {
			data, tag = small, tag+"-gzip"
			h.Set("Content-Encoding", "gzip")
			h.Set("Content-Length", strconv.Itoa(len(data)))
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// acceptsGzip reads Accept-Encoding: gzip by its name comes before *.
func acceptsGzip(values []string) bool {
	accepts := false
	for coding := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, params, _ := strings.Cut(coding, ";")
		weight, weighted := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(params, " ", "")), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		wanted := !weighted || err == nil && q > 0
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			return wanted
		case "*":
			accepts = wanted
		}
	}
	return accepts
}
