package simulate

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/zeebo/xxh3"
)

// event is one for POST /track. All its text is plain: it needs no escapes.
type event struct {
	id             uuid.UUID
	at             time.Time
	unit, unitType string
	device         string // a further unit, if any

	// Of an exposure.
	experiment, variation string
	position              int64
	attributes            string // JSON

	// Of any other.
	name  string
	value *int64 // in hundredths
}

// encode writes the wire's form.
func (e *event) encode() []byte {
	b := append(make([]byte, 0, 320), `{"id":"`...)
	b = append(b, e.id.String()...)
	b = append(b, `","type":"`...)
	if e.experiment != "" {
		b = append(b, `exposure","at":"`...)
	} else {
		b = append(b, `event","at":"`...)
	}
	b = e.at.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, '"')
	b = member(b, "unit", e.unit)
	if e.unitType != unitUser {
		b = member(b, "unit_type", e.unitType)
	}
	if e.device != "" {
		b = append(b, `,"units":{"device_id":"`...)
		b = append(b, e.device...)
		b = append(b, `"}`...)
	}
	if e.experiment != "" {
		b = member(b, "experiment", e.experiment)
		b = member(b, "variation", e.variation)
		b = append(b, `,"position":`...)
		b = strconv.AppendInt(b, e.position, 10)
		b = append(b, `,"attributes":`...)
		return append(append(b, e.attributes...), '}')
	}
	b = member(b, "name", e.name)
	if e.value != nil {
		b = append(b, `,"value":`...)
		b = strconv.AppendInt(b, *e.value/100, 10)
		if rest := *e.value % 100; rest != 0 {
			b = append(b, '.', '0'+byte(rest/10), '0'+byte(rest%10))
		}
	}
	return append(b, '}')
}

func member(b []byte, name, text string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':', '"')
	b = append(b, text...)
	return append(b, '"')
}

// eventID is a UUIDv7 of the event's time that follows from the rest, so that
// the same run again counts once.
func eventID(at time.Time, place ...uint64) uuid.UUID {
	var text []byte
	for _, p := range place {
		text = binary.BigEndian.AppendUint64(text, p)
	}
	id := uuid.UUID(xxh3.Hash128(text).Bytes())
	binary.BigEndian.PutUint16(id[:2], uint16(at.UnixMilli()>>32))
	binary.BigEndian.PutUint32(id[2:6], uint32(at.UnixMilli()))
	id[6], id[8] = 0x70|id[6]&0x0f, 0x80|id[8]&0x3f
	return id
}
