package domain

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Header is what every entity has. Version, Position and the times are stamped
// by the ledger: they are zero, and left out, in event payloads.
type Header struct {
	ID        uuid.UUID `json:"id"`
	Key       string    `json:"key"`
	Version   int       `json:"version,omitzero"`
	Position  int64     `json:"position,omitzero"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// Deleted entities are kept so that history can name them.
	Deleted bool `json:"deleted,omitzero"`
}

// Entity is what an event stream describes. Entities are values: the catalog
// replaces them and never changes one in place.
type Entity interface {
	Experiment | Layer | Segment | Holdout | Metric | Key
	Kind() Kind
}

// entityPtr lets generic code reach the header of a T.
type entityPtr[T Entity] interface {
	*T
	header() *Header
}

func (h *Header) header() *Header { return h }

func (Experiment) Kind() Kind { return KindExperiment }
func (Layer) Kind() Kind      { return KindLayer }
func (Segment) Kind() Kind    { return KindSegment }
func (Holdout) Kind() Kind    { return KindHoldout }
func (Metric) Kind() Kind     { return KindMetric }
func (Key) Kind() Kind        { return KindKey }

// Bounds of what an administrator may write, in characters unless said.
const (
	MaxName        = 200
	MaxText        = 10_000
	MaxReason      = 1_000
	MaxConfigBytes = 64 << 10
	// Slots is the number of slots that a split or a layer divides.
	Slots = 1_000_000
)

var keyPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,127}$`)

func checkKey(field, key string) error {
	if !keyPattern.MatchString(key) {
		return Invalid(field, "must be 1 to 128 characters of a-z, 0-9, '.', '_' and '-', starting with a letter or digit")
	}
	return nil
}

// checkLine checks a text of one line.
func checkLine(field, s string, maximum int) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return Invalid(field, "must not contain control characters")
	}
	return checkText(field, s, maximum)
}

func checkText(field, s string, maximum int) error {
	if n := utf8.RuneCountInString(s); n > maximum {
		return Invalid(field, "must have at most %d characters, has %d", maximum, n)
	}
	return nil
}

func checkName(field, s string) error {
	if strings.TrimSpace(s) == "" {
		return Invalid(field, "must not be empty")
	}
	return checkLine(field, s, MaxName)
}

// CheckReason checks the reason given with a command.
func CheckReason(reason string) error {
	if !utf8.ValidString(reason) || strings.ContainsRune(reason, 0) {
		return Invalid("reason", "must be UTF-8 without NUL")
	}
	return checkText("reason", reason, MaxReason)
}

// keyFromName makes a key out of a name, or out of the id where the name has
// nothing that a key may hold.
func keyFromName(name, kind string, id uuid.UUID) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 100 {
			break
		}
	}
	if key := strings.Trim(b.String(), "-"); key != "" {
		return key
	}
	s := id.String()
	return kind + "-" + s[len(s)-8:]
}

// stamped are the members that only the server writes.
func stamped() []string {
	return []string{"id", "key", "version", "position", "created_at", "updated_at", "deleted"}
}

// Head returns the entity's header.
func (h Header) Head() Header { return h }
