package eventstore

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
)

// documented is the record that docs/ledger.md shows.
func documented() Record {
	data := []byte(`{"old_status":"inactive","new_status":"active"}`)
	return Record{
		Position: 2, Stream: "experiment/01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10", Version: 2,
		Type: "experiment.status_changed", SchemaVersion: 1, Data: data, DataHash: sha256.Sum256(data),
		CommandID: uuid.MustParse("01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b70"), Actor: "root", Reason: "été",
		RequestID: "r-1", CorrelationID: "r-1", RecordedAt: time.Date(2026, 1, 6, 10, 30, 0, 2_000, time.UTC),
	}
}

func TestChainIsAsDocumented(t *testing.T) {
	r := documented()
	hash := r.Chain(Hash{31: 1})
	if got, want := hex.EncodeToString(hash[:]), "d88d9f5aa57b926b9cd2f86c5150df0f3fe81707a84cb6985bd17baa0aba8877"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// drawRecord draws from few values, so that records are often almost alike and
// text often moves from one column to the next.
func drawRecord(t *rapid.T, name string) Record {
	text := func(column string) string {
		return rapid.StringMatching(`[ab]{0,3}`).Draw(t, name+" "+column)
	}
	small := func(column string) int { return rapid.IntRange(1, 3).Draw(t, name+" "+column) }
	return Record{
		Position: int64(small("position")), Stream: domain.Stream(text("stream")), Version: small("version"),
		Type: text("type"), SchemaVersion: small("schema version"), DataHash: Hash{byte(small("data"))},
		CommandID: uuid.UUID{byte(small("command"))}, Actor: text("actor"), KeyID: text("key"), Reason: text("reason"),
		RequestID: text("request"), CorrelationID: text("correlation"),
		RecordedAt: time.UnixMicro(int64(small("time"))).UTC(),
	}
}

func TestChainTellsRecordsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawRecord(t, "a"), drawRecord(t, "b")
		before, other := Hash{1}, Hash{byte(rapid.IntRange(1, 2).Draw(t, "previous"))}
		same := reflect.DeepEqual(a, b) && before == other
		if (a.Chain(before) == b.Chain(other)) != same {
			t.Fatalf("same is %v of %+v and %+v", same, a, b)
		}
	})
}

// Each column that a record has is in the hash, those added later too.
func TestChainCoversEveryColumn(t *testing.T) {
	base := documented()
	want := base.Chain(Hash{})
	fields := reflect.TypeFor[Record]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		switch name {
		case "Data", "Event", "Hash": // by DataHash; Data decoded; the result
			continue
		}
		r := base
		switch f := reflect.ValueOf(&r).Elem().Field(i); f.Interface().(type) {
		case int, int64:
			f.SetInt(f.Int() + 1)
		case time.Time:
			r.RecordedAt = r.RecordedAt.Add(time.Microsecond)
		case uuid.UUID, Hash:
			f.Index(31 % f.Len()).SetUint(99)
		default:
			f.SetString(f.String() + "x")
		}
		if r.Chain(Hash{}) == want {
			t.Errorf("%s is not in the hash", name)
		}
	}
}
