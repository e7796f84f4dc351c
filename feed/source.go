package feed

import (
	"context"
	"errors"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
)

// Source is a place where states come from. A feed calls Fetch for one state at
// a time, and Watch beside it. Both end with ctx.
type Source interface {
	// Name is for people: it stands in State.Source, logs and metrics.
	Name() string
	// Fetch returns the newest state, or nil when have is it. have is nil at the
	// start. An error means that the source is of no use now.
	Fetch(ctx context.Context, have *State) (*Update, error)
	// Watch calls hint with the position of each change as it hears of it, and
	// with 0 when it may have missed some. It blocks until it cannot listen any
	// more. Hints may be lost, late or repeated: polling makes up for that.
	Watch(ctx context.Context, hint func(position int64)) error
}

// Update is a whole state as a source has it. As JSON it is the body of GET /feed.
type Update struct {
	Document evaluator.Document `json:"document"`
	// Keys are the API keys that may ask this process; none where they are not
	// its business.
	Keys []domain.Key `json:"keys"`
	// Rewritten says that the source knows this to follow what came before though
	// its position may be lower: the ledger itself was put back.
	Rewritten bool `json:"-"`

	stored bool      // it is a copy: its word confirms nothing
	at     time.Time // when a copy was last known to be current
	etag   string    // of Document, where it is known
}

// parseUpdate reads the body of GET /feed.
func parseUpdate(data []byte) (*Update, error) {
	var body struct {
		Document jsontext.Value `json:"document"`
		Keys     []domain.Key   `json:"keys"`
	}
	if err := jsonv2.Unmarshal(data, &body); err != nil {
		return nil, err
	}
	d, err := evaluator.ParseDocument(body.Document)
	return &Update{Document: d, Keys: body.Keys}, err
}

var (
	// ErrBehind: the source stands at a lower position than what is there. It is
	// not down.
	ErrBehind = errors.New("is at a lower position than what is served")
	// ErrNothing: the source holds no state at all, which is not an empty one.
	ErrNothing = errors.New("holds no snapshot")
	// ErrEmptied: the source has no experiment any more and no word of their
	// deletion: it has lost them.
	ErrEmptied = errors.New("has no experiments left and names none as deleted")
)

// A BusyError asks not to come back before a while.
type BusyError struct {
	Err   error
	After time.Duration
}

func (e *BusyError) Error() string { return e.Err.Error() }
func (e *BusyError) Unwrap() error { return e.Err }
