package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

const (
	maxIdempotencyKey = 255
	maxRef            = 128
)

// input is what a handler needs of a request, read and checked.
type input struct {
	// request is what was read, for what is asked about sessions.
	request *http.Request
	// ref is the {id} of the path: an id or a key, well formed.
	ref string
	// date is the {date} of the path, as it was sent.
	date        string
	query       url.Values
	body        []byte
	minPosition int64
	accept      string // the media type to answer
	noneMatch   string // ETags that the client has
	call        commands.Call
	hasReason   bool
}

// read checks everything about a request that needs no knowledge of the domain.
func (a *api) read(r *route, x *exchange, w http.ResponseWriter, req *http.Request) (*input, error) {
	in := &input{request: req}
	var err error
	if err = in.readPath(req); err != nil {
		return nil, err
	}
	if in.query, err = readQuery(req.URL.RawQuery, r.query); err != nil {
		return nil, err
	}
	if in.accept, err = negotiate(req.Header.Values("Accept"), r.types()); err != nil {
		return nil, err
	}
	if r.waits {
		if in.minPosition, err = readMinPosition(req.Header); err != nil {
			return nil, err
		}
	}
	if r.ok.tagged {
		in.noneMatch = strings.Join(req.Header.Values("If-None-Match"), ",")
	}
	if err := in.readMeta(r, x, req.Header); err != nil {
		return nil, err
	}
	if in.body, err = readBody(r.body, w, req); err != nil {
		return nil, err
	}
	if in.call.IdempotencyKey != "" {
		in.call.RequestHash = hashRequest(req, in.body)
	}
	return in, nil
}

func (in *input) readPath(req *http.Request) error {
	vars := mux.Vars(req)
	if id, ok := vars["id"]; ok {
		ref, err := url.PathUnescape(id)
		if err != nil || !wellFormedRef(ref) {
			return domain.ErrNotFound
		}
		in.ref = ref
	}
	if date, ok := vars["date"]; ok {
		in.date, _ = url.PathUnescape(date) // a bad escape is not a date either
	}
	return nil
}

// wellFormedRef says whether anything could have that id or key: nothing else
// gets as far as a query.
func wellFormedRef(ref string) bool {
	if ref == "" || len(ref) > maxRef {
		return false
	}
	for i := range len(ref) {
		c := ref[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			_, err := uuid.Parse(ref)
			return err == nil
		}
	}
	return true
}

// readMeta reads the headers that go with commands.
func (in *input) readMeta(r *route, x *exchange, h http.Header) error {
	version, err := readIfMatch(h)
	if err != nil {
		return err
	}
	if h.Get("If-Match") != "" && !r.conditional {
		return domain.Invalid("If-Match", "is not supported by this route")
	}
	key, err := readIdempotencyKey(h)
	if err != nil {
		return err
	}
	if key != "" && !r.command {
		return domain.Invalid("Idempotency-Key", "goes with commands only")
	}
	if !r.command {
		return nil
	}
	reason, given, err := readReason(h)
	if err != nil {
		return err
	}
	in.hasReason = given
	in.call.IfMatch, in.call.Reason, in.call.IdempotencyKey = version, reason, key
	in.call.Actor, in.call.KeyID = x.actor, x.keyID
	in.call.RequestID, in.call.CorrelationID = x.requestID, x.correlationID
	return nil
}

// withReason adds the reason that the body gives, if any. The header may repeat
// it but not differ.
func (in *input) withReason(body *string) error {
	if body == nil {
		return nil
	}
	if err := domain.CheckReason(*body); err != nil {
		return err
	}
	if in.hasReason && in.call.Reason != *body {
		return domain.Invalid("reason", "must be the same in the body and in Assay-Reason, or in one of them only")
	}
	in.call.Reason = *body
	return nil
}

// single returns the header's one value, "" when absent.
func single(h http.Header, name string) (string, error) {
	values := h[name]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", malformed(name, "must be sent once")
}

// readIfMatch reads If-Match: "<version>"; 0 for none and for *.
func readIfMatch(h http.Header) (int, error) {
	value, err := single(h, "If-Match")
	if err != nil || value == "" || value == "*" {
		return 0, err
	}
	n := len(value)
	if n < 3 || value[0] != '"' || value[n-1] != '"' {
		return 0, malformed("If-Match", `must be "<version>", one strong entity tag in quotes, or *`)
	}
	version, err := strconv.ParseUint(value[1:n-1], 10, 31)
	if err != nil || version == 0 || value[1] == '0' || value[1] == '+' {
		return 0, malformed("If-Match", `must be "<version>" with a whole number from 1, as in the ETag`)
	}
	return int(version), nil
}

func readIdempotencyKey(h http.Header) (string, error) {
	values, sent := h["Idempotency-Key"]
	if !sent {
		return "", nil
	}
	key, err := single(h, "Idempotency-Key")
	if err != nil {
		return "", err
	}
	if key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(values[0], notVisible) {
		return "", malformed("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
	}
	return key, nil
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' }

// readReason reads Assay-Reason: UTF-8 as it is, without percent-encoding.
func readReason(h http.Header) (reason string, given bool, err error) {
	reason, err = single(h, "Assay-Reason")
	if err != nil || reason == "" {
		return "", false, err
	}
	if err := domain.CheckReason(reason); err != nil {
		return "", false, domain.Invalid("Assay-Reason", "must be at most %d characters", domain.MaxReason)
	}
	return reason, true, nil
}

func readMinPosition(h http.Header) (int64, error) {
	value, err := single(h, "Assay-Min-Position")
	if err != nil || value == "" {
		return 0, err
	}
	position, err := strconv.ParseUint(value, 10, 53)
	if err != nil {
		return 0, malformed("Assay-Min-Position", "must be a position, a whole number")
	}
	return int64(position), nil
}

// checkHeaders refuses what is not UTF-8 in any header.
func checkHeaders(h http.Header) error {
	for name, values := range h {
		for _, v := range values {
			if !utf8.ValidString(v) {
				return malformed(name, "must be UTF-8")
			}
		}
	}
	return nil
}

// hashRequest tells a retry from another request under the same key. Texts are
// preceded by their length.
func hashRequest(req *http.Request, body []byte) [32]byte {
	sum := sha256.New()
	var length [8]byte
	for _, text := range [...]string{req.Method, req.URL.EscapedPath(), req.Header.Get("If-Match")} {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		sum.Write(length[:])
		sum.Write([]byte(text))
	}
	sum.Write(body)
	return [32]byte(sum.Sum(nil))
}
