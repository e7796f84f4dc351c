package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

// Hash is a link of the chain.
type Hash = domain.Hash

// Meta says who wants a command, and why.
type Meta struct {
	// Actor is the name of the key that was used, KeyID its id.
	Actor, KeyID string
	Reason       string
	RequestID    string
	// CorrelationID ties together what one cause led to.
	CorrelationID string
	// IdempotencyKey, when not empty, makes a retry by the same actor answer
	// what the first call answered; RequestHash tells a retry from a mistake.
	IdempotencyKey string
	RequestHash    [32]byte
}

// Record is an event as the ledger keeps it.
type Record struct {
	Position      int64
	Stream        domain.Stream
	Version       int
	Type          string
	SchemaVersion int
	// Data is the event's JSON, DataHash its SHA-256.
	Data          []byte
	DataHash      Hash
	CommandID     uuid.UUID
	Actor         string
	KeyID         string
	Reason        string
	RequestID     string
	CorrelationID string
	// RecordedAt has microseconds.
	RecordedAt time.Time
	Hash       Hash
	// Event is Data decoded.
	Event domain.Event
}

// Stamp is the part of the record that entities keep.
func (r *Record) Stamp() domain.Stamp {
	return domain.Stamp{Position: r.Position, Version: r.Version, At: r.RecordedAt, Hash: r.Hash}
}

// Chain returns the record's hash after a record with hash previous: SHA-256
// over the previous hash and every column, in the form that docs/ledger.md
// describes. Integers are big-endian; texts are preceded by their length.
func (r *Record) Chain(previous Hash) Hash {
	b := make([]byte, 0, 512)
	b = append(b, previous[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Position))
	b = appendText(b, string(r.Stream))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Version))
	b = appendText(b, r.Type)
	b = binary.BigEndian.AppendUint32(b, uint32(r.SchemaVersion))
	b = append(b, r.DataHash[:]...)
	b = append(b, r.CommandID[:]...)
	for _, text := range [...]string{r.Actor, r.KeyID, r.Reason, r.RequestID, r.CorrelationID} {
		b = appendText(b, text)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.RecordedAt.UnixMicro()))
	return sha256.Sum256(b)
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}
