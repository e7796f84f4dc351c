package edge

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

const (
	// maxBody bounds what evaluation reads, in bytes.
	maxBody = 64 << 10
	// keptBuffer and keptMembers bound what a call keeps for the next request.
	keptBuffer  = 256 << 10
	keptMembers = 100
)

// call is what an evaluation needs; it is used again, so that a request
// allocates little.
type call struct {
	body       []byte
	out        []byte
	reader     reader
	id         string
	attributes map[string]any
	keys       []string
	all        bool // no keys were named
	unit       evaluator.Unit
	results    []evaluator.Result
	missing    []string
}

func newCall() *call { return &call{attributes: map[string]any{}} }

// release keeps the call for another request, without what was asked.
func (e *Edge) release(c *call) {
	if cap(c.out) > keptBuffer || len(c.attributes) > keptMembers {
		return
	}
	if cap(c.body) > keptBuffer {
		c.body = nil
	}
	clear(c.attributes)
	clear(c.keys)
	clear(c.missing)
	c.reader, c.id, c.keys, c.missing, c.all = reader{}, "", c.keys[:0], c.missing[:0], false
	e.calls.Put(c)
}

// read reads the body under its bound.
func (c *call) read(x *exchange) *fault {
	n := x.r.ContentLength
	if n == 0 {
		c.body = c.body[:0]
		return nil
	}
	if f := checkType(x.r.Header); f != nil {
		return f
	}
	if n > maxBody {
		return tooLarge(maxBody)
	}
	var err error
	if n > 0 {
		if int64(cap(c.body)) < n {
			c.body = make([]byte, n)
		}
		c.body = c.body[:n]
		_, err = io.ReadFull(x.r.Body, c.body)
	} else {
		c.body, err = io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	}
	var over *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &over):
		return tooLarge(maxBody)
	}
	return bodyFault(err)
}

// bodyFault is the fault of a body that did not come to its end.
func bodyFault(err error) *fault {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &fault{status: http.StatusRequestTimeout, field: "body", detail: "must arrive within 10 s"}
	}
	return malformed("body", "ended before all of it had come")
}

func tooLarge(limit int) *fault {
	return &fault{status: http.StatusRequestEntityTooLarge, field: "body", detail: "must be at most " + strconv.Itoa(limit) + " bytes"}
}

func checkType(h http.Header) *fault {
	if coding := h.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return &fault{status: http.StatusUnsupportedMediaType, field: "Content-Encoding", detail: "must be absent: compressed bodies are not read"}
	}
	sent := h.Get("Content-Type")
	if sent == jsonType {
		return nil
	}
	media, params, err := mime.ParseMediaType(sent)
	charset, named := params["charset"]
	if err == nil && media == jsonType && (!named || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	return &fault{status: http.StatusUnsupportedMediaType, field: "Content-Type", detail: "must be application/json, in UTF-8"}
}

// invalidBody is the fault of a body that domain.Decode refused.
func invalidBody(err error) *fault {
	var invalid *domain.InvalidError
	if errors.As(err, &invalid) {
		return malformed(invalid.Field, invalid.Problem)
	}
	return malformed("body", "must be JSON")
}
