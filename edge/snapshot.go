package edge

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

// The codings of bodies, the preferred last.
type coding int

const (
	identity coding = iota
	gzipped
	brotlied
	codings
)

const (
	// worthCoding is the size from which a body is compressed, in bytes.
	worthCoding = 1 << 10
	// brotliLevel packs tighter than gzip in the same time.
	brotliLevel = 5
	// keptDeltas bounds how many deltas of one state are remembered.
	keptDeltas = 64
	// cacheControl of snapshots: an SDK may go on for a day with what it has.
	cacheControl = "max-age=60, stale-while-revalidate=300, stale-if-error=86400"
)

// bodies are one document in every coding, each made once, when first asked for.
// They share an ETag, by which replicas, events and copies on disk know the
// document; it would have to tell codings apart only if parts could be asked for.
type bodies struct {
	etag  string
	tags  []string // the value of the header ETag
	coded [codings]func() ([]byte, error)
}

func newBodies(etag string, encode func() ([]byte, error)) *bodies {
	plain := sync.OnceValues(encode)
	return &bodies{etag, []string{etag}, [codings]func() ([]byte, error){
		plain,
		sync.OnceValues(func() ([]byte, error) { return pack(plain, gzipPack) }),
		sync.OnceValues(func() ([]byte, error) { return pack(plain, brotliPack) }),
	}}
}

func pack(plain func() ([]byte, error), packer func(*bytes.Buffer, []byte) error) ([]byte, error) {
	data, err := plain()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = packer(&buf, data)
	return buf.Bytes(), err
}

func gzipPack(buf *bytes.Buffer, data []byte) error {
	w := gzip.NewWriter(buf)
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

func brotliPack(buf *bytes.Buffer, data []byte) error {
	w := brotli.NewWriterLevel(buf, brotliLevel)
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

// resource is a document that edges or SDKs keep a copy of: whole, or what changed
// since a position.
type resource struct {
	whole    *bodies
	document evaluator.Document
	encode   func(evaluator.Document) ([]byte, error)

	mu sync.Mutex
	// deltas remembers what was asked for: after a change nearly all ask for the
	// same. Guarded by mu.
	deltas map[int64]*bodies
}

func newResource(etag string, d evaluator.Document, encode func(evaluator.Document) ([]byte, error)) *resource {
	return &resource{
		whole:    newBodies(etag, func() ([]byte, error) { return encode(d) }),
		document: d, encode: encode, deltas: map[int64]*bodies{},
	}
}

// snapshotOf is what GET /snapshot shows of a state.
func snapshotOf(state *feed.State) *resource {
	return newResource(state.ETag, state.Document, evaluator.Document.Encode)
}

// feedOf is what an edge needs to serve as this one does: keys too, without their
// secrets.
func feedOf(state *feed.State) *resource {
	update := feed.Update{Keys: state.Keys}
	if update.Keys == nil {
		update.Keys = []domain.Key{}
	}
	keys, _ := domain.Encode(update.Keys) // fails with the whole, below
	etag := formOf(state.ETag, strconv.FormatUint(xxh3.Hash(keys), 16))
	return newResource(etag, state.Document, func(d evaluator.Document) ([]byte, error) {
		update := update
		update.Document = d
		return domain.Encode(update)
	})
}

// formOf is the ETag of another form of a document.
func formOf(etag, form string) string { return strings.TrimSuffix(etag, `"`) + "-" + form + `"` }

// since is what changed after a position; all of it where that is not known.
func (r *resource) since(position int64) *bodies {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := r.deltas[position]; ok {
		return b
	}
	b := r.whole
	if delta, ok := r.document.Since(position); ok {
		etag := formOf(b.etag, "since-"+strconv.FormatInt(position, 10))
		b = newBodies(etag, func() ([]byte, error) { return r.encode(delta) })
	}
	if len(r.deltas) >= keptDeltas {
		clear(r.deltas)
	}
	r.deltas[position] = b
	return b
}

// serveResource answers GET /snapshot and GET /feed.
func (e *Edge) serveResource(x *exchange, r *resource) int {
	body := r.whole
	if x.r.URL.RawQuery != "" {
		query := x.r.URL.Query()
		if query.Has("since") {
			since, err := strconv.ParseInt(query.Get("since"), 10, 64)
			if err != nil || since < 0 || len(query["since"]) > 1 {
				return e.fail(x, malformed("since", "must be a position, 0 or more"))
			}
			body = r.since(since)
		}
	}
	if matches(x.r.Header, r.whole.etag) {
		body = r.whole // the client has all of it: nothing changed
	}
	h := x.w.Header()
	if h["Vary"] == nil {
		h["Vary"] = e.headers.vary
	} else {
		h.Add("Vary", "Accept-Encoding")
	}
	if matches(x.r.Header, body.etag) {
		return e.notModified(x, body.tags)
	}
	return e.serveBodies(x, body)
}

// serveBodies answers with a document in the best coding that the client takes.
func (e *Edge) serveBodies(x *exchange, b *bodies) int {
	c := accepted(x.r.Header)
	plain, err := b.coded[identity]()
	data := plain
	if len(plain) < worthCoding {
		c = identity
	}
	if c != identity && err == nil {
		data, err = b.coded[c]()
		x.w.Header().Set("Content-Encoding", c.String())
	}
	if err != nil {
		e.log.ErrorContext(x.r.Context(), "a document cannot be encoded", "error", err)
		x.w.Header().Del("Content-Encoding")
		return e.fail(x, &fault{status: http.StatusInternalServerError, detail: "the document cannot be encoded"})
	}
	h := x.w.Header()
	h["Etag"] = b.tags
	h["Content-Length"] = []string{strconv.Itoa(len(data))}
	return e.write(x, data)
}

func (c coding) String() string { return [...]string{"identity", "gzip", "br"}[c] }

// accepted returns the best coding that the client takes.
func accepted(h http.Header) coding {
	best := identity
	for _, line := range h["Accept-Encoding"] {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			if q := strings.TrimSpace(params); strings.HasPrefix(q, "q=0") && strings.Trim(q, "q=0.") == "" {
				continue
			}
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "br", "*":
				best = brotlied
			case "gzip":
				best = max(best, gzipped)
			}
		}
	}
	return best
}

// listed says whether an If-None-Match list has the ETag, weakly compared.
func listed(line, etag string) bool {
	for part := range strings.SplitSeq(line, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == etag || part == "*" {
			return true
		}
	}
	return false
}
