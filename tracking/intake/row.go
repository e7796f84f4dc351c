package intake

import (
	"encoding/binary"
	"time"

	"github.com/assaylabs/assay/tracking"
)

// What COPY takes, in its binary form; see "Binary Format" at COPY in the manual
// of PostgreSQL.
const (
	copyInto = `copy tracked (day, batch, shard, id, unit_type, unit_id, at, name, value,
		experiment, variation, position, attributes) from stdin (format binary)`
	columns    = 13
	copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	copyEnd    = "\xff\xff"
	// keptRows bounds the memory that is kept for the next group.
	keptRows = 4 << 20
)

// epoch is where Postgres counts microseconds from, in those since 1970.
const epoch = 946_684_800_000_000

// stamp is what all rows of a batch have.
type stamp struct {
	batch int64
	day   int32 // from 2000 on
	// ledger is the ledger's position.
	ledger int64
}

// positionOf is the ledger's position that an exposure has, or below 0 the one
// that it cannot be after, where it has none that the ledger reached.
func (s stamp) positionOf(e *tracking.Event) int64 {
	if e.Type == tracking.Exposure && (e.Position == 0 || e.Position > s.ledger) {
		return -s.ledger
	}
	return e.Position
}

// appendRows appends the event's rows, one for each unit.
func appendRows(b []byte, s stamp, e *tracking.Event) []byte {
	b = appendRow(b, s, e, e.TypeOfUnit(), e.Unit)
	for unitType, unit := range e.Units {
		b = appendRow(b, s, e, unitType, unit)
	}
	return b
}

func appendRow(b []byte, s stamp, e *tracking.Event, unitType, unit string) []byte {
	b = binary.BigEndian.AppendUint16(b, columns)
	b = binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), uint32(s.day))
	b = appendInt(b, s.batch)
	b = binary.BigEndian.AppendUint16(append(b, 0, 0, 0, 2), uint16(tracking.ShardOf(unitType, unit)))
	b = append(append(b, 0, 0, 0, 16), e.ID[:]...)
	b = appendText(b, unitType)
	b = appendText(b, unit)
	b = appendInt(b, microseconds(e.At))
	b = appendText(b, e.Name)
	if e.Value == nil {
		b = append(b, null...)
	} else {
		b = appendInt(b, int64(*e.Value))
	}
	b = appendText(b, e.Experiment)
	b = appendText(b, e.Variation)
	b = appendInt(b, s.positionOf(e))
	if len(e.Attributes) == 0 {
		return append(b, null...)
	}
	return appendText(b, e.Attributes)
}

const null = "\xff\xff\xff\xff"

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(n))
}

func appendText[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func microseconds(at time.Time) int64 { return at.UnixMicro() - epoch }
