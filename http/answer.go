package httpapi

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

// answer is a success, ready to be written.
type answer struct {
	status int
	// media is the type of body, default JSON.
	media string
	body  []byte
	// version is the entity's, for the ETag; 0 for none.
	version int
	// etag is that of what is no entity, in quotes; "" for none.
	etag string
	// position is that of the ledger, or of what was read; it is written if
	// positioned.
	position   int64
	positioned bool
	location   string
	replayed   bool
}

func (s answer) write(w http.ResponseWriter) {
	h := w.Header()
	if s.version > 0 {
		h["Etag"] = []string{`"` + strconv.Itoa(s.version) + `"`}
	}
	if s.etag != "" {
		h["Etag"] = []string{s.etag}
		h["Vary"] = []string{"Accept"}
	}
	if s.positioned {
		h["Assay-Position"] = []string{strconv.FormatInt(s.position, 10)}
	}
	if s.location != "" {
		h["Location"] = []string{s.location}
	}
	if s.replayed {
		h["Idempotent-Replayed"] = []string{"true"}
	}
	if s.status == http.StatusNoContent || s.status == http.StatusNotModified {
		w.WriteHeader(s.status)
		return
	}
	if s.media == "" {
		s.media = jsonType
	}
	h["Content-Type"] = []string{s.media}
	h["Content-Length"] = []string{strconv.Itoa(len(s.body))}
	w.WriteHeader(s.status)
	_, _ = w.Write(s.body) // the client is gone: nobody is left to tell
}

// commanded is the answer of a command on one entity.
func commanded(status int, got commands.Answer) answer {
	return answer{
		status: status, body: got.Document, version: got.Version,
		position: got.Position, positioned: true, replayed: got.Replayed,
	}
}

// created is commanded for an entity that now stands below a path.
func created(path string, got commands.Answer) answer {
	a := commanded(http.StatusCreated, got)
	a.location = path + "/" + got.ID.String()
	return a
}

// encoded is a value as JSON.
func encoded(v any) (answer, error) {
	data, err := domain.Encode(v)
	return answer{status: http.StatusOK, body: data}, err
}

// listed writes a page whose items are JSON already. More are further members
// of the page, as JSON text beginning with a comma.
func listed(items []jsontext.Value, next *string, more string) (answer, error) {
	size := len(`{"items":[],"next_cursor":null}`) + len(more)
	for _, item := range items {
		size += len(item) + 1
	}
	b := make([]byte, 0, size+64)
	b = append(b, `{"items":[`...)
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item...)
	}
	b = append(b, `],"next_cursor":`...)
	if next == nil {
		b = append(b, "null"...)
	} else {
		var err error
		if b, err = jsontext.AppendQuote(b, *next); err != nil {
			return answer{}, err
		}
	}
	b = append(b, more...)
	return answer{status: http.StatusOK, body: append(b, '}')}, nil
}

// encodeLoosely encodes what may echo a client's bytes.
func encodeLoosely(v any) ([]byte, error) {
	return json.Marshal(v, jsontext.AllowInvalidUTF8(true))
}
