package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	sse "github.com/tmaxmax/go-sse"

	"github.com/assaylabs/assay/evaluator"
)

const (
	// maxBody bounds what is read of an answer, in bytes after decompression.
	maxBody = 1 << 30
	// headerTimeout bounds the wait for an answer to begin.
	headerTimeout = 5 * time.Second
	dialTimeout   = 2 * time.Second
)

// ControlConfig says how a Control asks. URL and Token are needed.
type ControlConfig struct {
	// URL is that of assay serve or assay-edge, Token a key with the role server.
	URL, Token string
	// Path is where the whole state is: /snapshot when empty. /feed has the keys
	// too, for processes that answer others.
	Path string
	// Client must not limit the time of a request: Watch is one for ever. Nil is
	// one that dials for 2 s at most and waits 5 s for an answer to begin.
	Client *http.Client
	// Silence is after how long without a byte the stream is given up: 40 s when
	// 0, which is two heartbeats and a bit.
	Silence time.Duration
}

// Control is a server of Assay as a source, over HTTP.
type Control struct {
	cfg  ControlConfig
	etag string // as last received: Fetch alone uses it
}

// NewControl returns the source.
func NewControl(cfg ControlConfig) *Control {
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	cfg.Path = cmp.Or(cfg.Path, "/snapshot")
	cfg.Silence = cmp.Or(cfg.Silence, 40*time.Second)
	if cfg.Client == nil {
		cfg.Client = &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:   headerTimeout,
			ResponseHeaderTimeout: headerTimeout,
			IdleConnTimeout:       time.Minute,
			ForceAttemptHTTP2:     true,
		}}
	}
	return &Control{cfg: cfg}
}

// Name implements Source.
func (c *Control) Name() string { return "control" }

// errDelta says that a delta does not lead to what the server has.
var errDelta = errors.New("the changes do not fit what they were asked for")

// Fetch implements Source. It asks for what changed, and for all where that does
// not add up.
func (c *Control) Fetch(ctx context.Context, have *State) (*Update, error) {
	u, err := c.fetch(ctx, have, have != nil)
	if errors.Is(err, errDelta) {
		return c.fetch(ctx, have, false)
	}
	return u, err
}

func (c *Control) fetch(ctx context.Context, have *State, delta bool) (*Update, error) {
	path, header := c.cfg.Path, http.Header{}
	if delta {
		path += "?since=" + strconv.FormatInt(have.Document.Position, 10)
	}
	if have != nil {
		known := have.ETag
		if sameDocument(c.etag, have.ETag) && c.etag != have.ETag {
			known += ", " + c.etag
		}
		header.Set("If-None-Match", known)
	}
	res, err := c.get(ctx, path, header)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotModified {
		return nil, nil
	}
	u, err := c.read(res.Body)
	if err != nil {
		return nil, err
	}
	etag := res.Header.Get("ETag")
	if u.Document.Base != 0 {
		if u, err = merge(have, u, etag); err != nil {
			return nil, err
		}
	}
	c.etag = etag
	return u, nil
}

// read decodes the body of /feed or /snapshot.
func (c *Control) read(body io.Reader) (*Update, error) {
	data, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxBody {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxBody)
	}
	if c.cfg.Path == "/feed" {
		return parseUpdate(data)
	}
	d, err := evaluator.ParseDocument(data)
	return &Update{Document: d}, err
}

// merge makes changes a whole state, and proves that it is the one that the
// server has: what they were taken from may be of another history.
func merge(have *State, u *Update, etag string) (*Update, error) {
	if have == nil || u.Document.Base != have.Document.Position {
		return nil, errDelta
	}
	var err error
	if u.Document, err = have.Document.Merge(u.Document); err != nil {
		return nil, errors.Join(errDelta, err)
	}
	if u.etag, err = ETag(u.Document); err != nil {
		return nil, err
	}
	if !sameDocument(etag, u.etag) {
		return nil, errDelta
	}
	return u, nil
}

// sameDocument says whether an ETag is that of some form of the document that
// has the other ETag: forms differ by what follows another dash.
func sameDocument(form, etag string) bool {
	rest, ok := strings.CutPrefix(form, strings.TrimSuffix(etag, `"`))
	return ok && (rest == `"` || strings.HasPrefix(rest, "-"))
}

func (c *Control) get(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.cfg.URL+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	res, err := c.cfg.Client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusNotModified {
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 200)) // it only adds to the error
	err = fmt.Errorf("GET %s: %s %s", c.cfg.Path, res.Status, text)
	if after, _ := strconv.Atoi(res.Header.Get("Retry-After")); after > 0 {
		return nil, &BusyError{err, time.Duration(after) * time.Second}
	}
	return nil, err
}

// errSilent ends a stream that has said nothing for too long.
var errSilent = errors.New("the stream fell silent")

// Watch implements Source: it listens to the server's stream.
func (c *Control) Watch(ctx context.Context, hint func(int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(c.cfg.Silence, func() { cancel(errSilent) })
	defer silence.Stop()
	res, err := c.get(ctx, "/stream", http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	hint(0)
	heard := &listening{res.Body, func() { silence.Reset(c.cfg.Silence) }}
	for event, err := range sse.Read(heard, nil) {
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		position, _ := strconv.ParseInt(event.LastEventID, 10, 64)
		hint(position)
	}
	return io.ErrUnexpectedEOF
}

// listening notes that something was heard, comments included.
type listening struct {
	io.Reader
	heard func()
}

func (l *listening) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.heard()
	}
	return n, err
}
