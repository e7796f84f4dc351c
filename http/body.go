package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
)

// readBody reads the whole body under its bound and checks that it is JSON. The
// domain checks what it says.
func readBody(b *body, w http.ResponseWriter, req *http.Request) ([]byte, error) {
	if b == nil {
		return nil, refuseBody(req)
	}
	if err := checkType(b, req.Header); err != nil {
		return nil, err
	}
	data, err := readAll(w, req, b.limit)
	if err != nil {
		return nil, err
	}
	return data, checkSyntax(data)
}

func refuseBody(req *http.Request) error {
	if req.ContentLength == 0 || req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	if n, err := req.Body.Read(make([]byte, 1)); n == 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return malformed("body", "must be absent: this route reads none")
}

func checkType(b *body, h http.Header) error {
	if coding := h.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return &fault{status: http.StatusUnsupportedMediaType, field: "Content-Encoding", detail: "must be absent: compressed bodies are not read"}
	}
	sent, err := single(h, "Content-Type")
	if err != nil {
		return err
	}
	if sent == jsonType || b.patch && sent == mergePatchType {
		return nil
	}
	media, params, err := mime.ParseMediaType(sent)
	charset, named := params["charset"]
	if err == nil && (media == jsonType || b.patch && media == mergePatchType) && (!named || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	want := jsonType
	if b.patch {
		want += " or " + mergePatchType
	}
	return &fault{status: http.StatusUnsupportedMediaType, field: "Content-Type", detail: "must be " + want + ", in UTF-8"}
}

func readAll(w http.ResponseWriter, req *http.Request, limit int64) ([]byte, error) {
	if req.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	limited := http.MaxBytesReader(w, req.Body, limit)
	var data []byte
	var err error
	if n := req.ContentLength; n >= 0 {
		data = make([]byte, n)
		_, err = io.ReadFull(limited, data)
	} else {
		data, err = io.ReadAll(limited)
	}
	var over *http.MaxBytesError
	switch {
	case err == nil:
		return data, nil
	case errors.As(err, &over):
		return nil, tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &fault{status: http.StatusRequestTimeout, field: "body", detail: "must arrive within 10 s"}
	}
	return nil, malformed("body", "ended before all of it had come")
}

func tooLarge(limit int64) error {
	return &fault{
		status: http.StatusRequestEntityTooLarge, field: "body",
		detail: fmt.Sprintf("must be at most %d bytes", limit),
	}
}

// checkSyntax refuses what is not one JSON text in UTF-8: the domain says where
// and why. What is JSON, but not what the route reads, is found later.
func checkSyntax(data []byte) error {
	if jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true)) {
		return nil
	}
	var invalid *domain.InvalidError
	if errors.As(domain.Decode(data, new(jsontext.Value)), &invalid) {
		return malformed(invalid.Field, invalid.Problem)
	}
	return malformed("body", "must be JSON")
}

// takeReason removes the reason from the body of a creation, whose other members
// are the new document.
func takeReason(data []byte) (rest []byte, reason *string, err error) {
	if !bytes.Contains(data, []byte(`"reason"`)) {
		return data, nil, nil
	}
	var members map[string]jsontext.Value
	if err := domain.Decode(data, &members); err != nil {
		return nil, nil, err
	}
	value, ok := members["reason"]
	if !ok {
		return data, nil, nil
	}
	switch value.Kind() {
	case 'n':
	case '"':
		reason = new(string)
		if err := domain.Decode(value, reason); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, domain.Invalid("reason", "must be a string")
	}
	delete(members, "reason")
	rest, err = domain.Encode(members)
	return rest, reason, err
}
