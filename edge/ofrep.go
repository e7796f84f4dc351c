package edge

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
)

// eventPatience bounds the wait for the state that an event told a client of: the
// client may ask another replica than the one that it listens to.
const eventPatience = 500 * time.Millisecond

// targetingKey is the member of an OFREP context that holds the unit.
const targetingKey = "targetingKey"

// flag answers OFREP's request for one flag.
func (e *Edge) flag(x *exchange, c *call) int {
	e.awaitEvent(x)
	f := c.read(x)
	if f == nil {
		f = c.parseContext()
	}
	if f != nil {
		return e.fail(x, f)
	}
	s := x.view.state.Snapshot
	experiment, ok := s.Experiment(x.key)
	if !ok {
		return e.fail(x, &fault{status: http.StatusNotFound, code: codeNotFound, detail: "there is no experiment with this key"})
	}
	s.Prepare(&c.unit, c.id, c.attributes)
	c.out = x.view.flags.appendFlag(c.out[:0], s.Evaluate(experiment, &c.unit))
	return e.write(x, c.out)
}

// flags answers OFREP's request for all flags, inactive ones too.
func (e *Edge) flags(x *exchange, c *call) int {
	behind := e.awaitEvent(x)
	if f := c.read(x); f != nil {
		return e.fail(x, f)
	}
	etag := bulkETag(x, c.body)
	// Only a body that was understood was ever given an ETag.
	if !behind && matches(x.r.Header, etag) {
		return e.notModified(x, []string{etag})
	}
	if f := c.parseContext(); f != nil {
		return e.fail(x, f)
	}
	s, flags := x.view.state.Snapshot, x.view.flags
	s.Prepare(&c.unit, c.id, c.attributes)
	c.results = s.EvaluateAll(&c.unit, c.results[:0])
	c.out = append(c.out[:0], `{"flags":[`...)
	for _, r := range c.results {
		c.out = append(flags.appendFlag(c.out, r), ',')
	}
	if len(c.results) > 0 {
		c.out = c.out[:len(c.out)-1] // the last comma
	}
	c.out = append(c.out, x.who.bulkEnd...)
	h := x.w.Header()
	h["Etag"] = []string{etag}
	h["Content-Length"] = []string{strconv.Itoa(len(c.out))}
	return e.write(x, c.out)
}

// bulkETag covers the revision, the context and who asks.
func bulkETag(x *exchange, body []byte) string {
	sum := xxh3.HashSeed(body, x.view.seed^x.who.seed)
	var buf [64]byte
	b := append(buf[:0], '"')
	b = append(b, x.view.id...)
	b = append(b, '-')
	for shift := 56; shift >= 0; shift -= 8 {
		b = hex.AppendEncode(b, []byte{byte(sum >> shift)})
	}
	return string(append(b, '"'))
}

// awaitEvent waits, for a while, for the state that the client was told of, and
// says whether this replica is still behind it.
func (e *Edge) awaitEvent(x *exchange) (behind bool) {
	if x.r.URL.RawQuery == "" {
		return false
	}
	position, ok := positionOf(x.r.URL.Query().Get("flagConfigEtag"))
	if !ok {
		return false
	}
	return !e.await(x, position, eventPatience)
}

// positionOf reads the position that an event's ETag begins with.
func positionOf(etag string) (int64, bool) {
	etag = strings.TrimPrefix(strings.TrimPrefix(etag, "W/"), `"`)
	end := strings.IndexFunc(etag, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(etag)
	}
	position, err := strconv.ParseInt(etag[:end], 10, 64)
	return position, err == nil
}

// parseContext reads the body of an OFREP request. It takes none as an empty
// context, and members that it does not know.
func (c *call) parseContext() *fault {
	if len(c.body) == 0 {
		return nil
	}
	text := string(c.body)
	p := &c.reader
	p.read(text)
	seen := false
	p.open('{')
	for first := true; p.more('}', &first); {
		if p.name() != "context" || seen {
			p.fail()
			break
		}
		seen = true
		p.members(c.attributes, 1)
	}
	if !p.end() {
		if f := c.decodeContext(); f != nil {
			return f
		}
	}
	switch id := c.attributes[targetingKey].(type) {
	case nil: // no unit, which is an answer too
	case string:
		c.id = id
	default:
		return &fault{status: http.StatusBadRequest, code: codeContext, field: "context.targetingKey", detail: "must be a string"}
	}
	return nil
}

// decodeContext is the part of parseContext that has nothing left to doubt.
func (c *call) decodeContext() *fault {
	clear(c.attributes)
	var body map[string]jsontext.Value
	err := domain.Decode(c.body, &body)
	if err == nil && body == nil {
		err = domain.Invalid("body", "must be an object")
	}
	if err != nil {
		f := invalidBody(err)
		f.code = codeParse
		return f
	}
	context, ok := body["context"]
	if !ok || context.Kind() == 'n' {
		return nil
	}
	if err := domain.Decode(context, &c.attributes); err != nil {
		return &fault{status: http.StatusBadRequest, code: codeContext, field: "context", detail: "must be an object"}
	}
	return nil
}
