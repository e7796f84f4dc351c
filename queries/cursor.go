package queries

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/google/uuid"
	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
)

// cursor is where a page ended: the sort value and the id of its last item. Its
// text carries a checksum over the list that it belongs to, so that a cursor
// that was altered, or taken from another list, is refused rather than answered
// with some other page.
type cursor struct {
	value string
	id    uuid.UUID
}

var cursorText = base64.RawURLEncoding.Strict()

const checksumBytes = 8

// scope names a list by all that decides what is in it, and in which order.
func scope(parts ...string) string { return strings.Join(parts, "\x00") }

func (c cursor) encode(scope string) *string {
	body := append(append(make([]byte, 0, checksumBytes+len(c.id)+len(c.value)), make([]byte, checksumBytes)...), c.id[:]...)
	body = append(body, c.value...)
	binary.BigEndian.PutUint64(body, checksum(scope, body[checksumBytes:]))
	text := cursorText.EncodeToString(body)
	return &text
}

func checksum(scope string, body []byte) uint64 {
	return xxh3.Hash(append([]byte(scope+"\x00"), body...))
}

// parseCursor reads a cursor of that list; nil for the empty text, which begins
// at the first page.
func parseCursor(scope, text string) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	body, err := cursorText.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || // which base64 passes over
		len(body) < checksumBytes+len(uuid.Nil) ||
		binary.BigEndian.Uint64(body) != checksum(scope, body[checksumBytes:]) {
		return nil, domain.Invalid("cursor", "must be the next_cursor of a page of the same list")
	}
	body = body[checksumBytes:]
	c := &cursor{value: string(body[len(uuid.Nil):])}
	copy(c.id[:], body)
	return c, nil
}
