package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The tests in this file know nothing but docs/ledger.md: they prove that a
// stranger can check the ledger with it.

// published is a record as GET /events shows it.
type published struct {
	Position      uint64          `json:"position"`
	Stream        string          `json:"stream"`
	Version       uint32          `json:"version"`
	Type          string          `json:"type"`
	SchemaVersion uint32          `json:"schema_version"`
	Data          json.RawMessage `json:"data"`
	DataHash      string          `json:"data_hash"`
	CommandID     string          `json:"command_id"`
	Actor         string          `json:"actor"`
	KeyID         string          `json:"key_id"`
	Reason        string          `json:"reason"`
	RequestID     string          `json:"request_id"`
	CorrelationID string          `json:"correlation_id"`
	At            time.Time       `json:"at"`
	Hash          string          `json:"hash"`
}

// link derives the record's hash from the one before it.
func (r *published) link(t testing.TB, previous []byte) []byte {
	t.Helper()
	command, err := uuid.Parse(r.CommandID)
	if err != nil {
		t.Fatal(err)
	}
	dataHash, err := hex.DecodeString(r.DataHash)
	if err != nil {
		t.Fatal(err)
	}
	b := binary.BigEndian.AppendUint64(append([]byte(nil), previous...), r.Position)
	text := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	text(r.Stream)
	b = binary.BigEndian.AppendUint32(b, r.Version)
	text(r.Type)
	b = binary.BigEndian.AppendUint32(b, r.SchemaVersion)
	b = append(append(b, dataHash...), command[:]...)
	text(r.Actor)
	text(r.KeyID)
	text(r.Reason)
	text(r.RequestID)
	text(r.CorrelationID)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(r.At.UnixMicro())))
	return sum[:]
}

// derive reads the whole ledger over HTTP and derives its chain: the checkpoint
// of its end, and the first bad position, 0 for none.
func (s *stack) derive(t testing.TB) (checkpoint string, bad uint64) {
	t.Helper()
	chain, position := make([]byte, 32), uint64(0)
	for after := "0"; after != ""; {
		got := s.send(t, request{method: "GET", path: "/events?limit=3&after=" + after}).want(t, 200)
		var page struct {
			Items []published `json:"items"`
			Next  string      `json:"next_cursor"`
		}
		if err := json.Unmarshal(got.body, &page); err != nil {
			t.Fatal(err)
		}
		for i := range page.Items {
			r := &page.Items[i]
			position++
			dataHash := sha256.Sum256(r.Data)
			chain = r.link(t, chain)
			if r.Position != position || hex.EncodeToString(dataHash[:]) != r.DataHash || hex.EncodeToString(chain) != r.Hash {
				return "", position
			}
		}
		after = page.Next
	}
	return strconv.FormatUint(position, 10) + ":" + hex.EncodeToString(chain), 0
}

// fenced returns the one block of docs/ledger.md in that language.
func fenced(t testing.TB, language string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(page), "```"+language+"\n")
	if len(parts) != 2 {
		t.Fatalf("docs/ledger.md has %d blocks of %s", len(parts)-1, language)
	}
	block, _, _ := strings.Cut(parts[1], "```")
	return block
}

// firstBad runs the page's SQL: the first bad position, 0 for none.
func firstBad(t testing.TB, conn *pgx.Conn) (bad uint64) {
	t.Helper()
	rows, err := conn.Query(t.Context(), fenced(t, "sql"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&bad}, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return bad
}

// eventful appends records that are hard to hash: every kind of stream, texts
// beyond ASCII, numbers and escapes in forms of the caller's own.
func (s *stack) eventful(t testing.TB) {
	t.Helper()
	for _, r := range []request{
		{method: "POST", path: "/experiments", body: `{"name":"Caf\u00e9 <b> \"x\" \/ \u2028 😀","description":"a\nb\tc",
			"variations":[{"key":"a","value":1.0,"weight":1},{"key":"b","value":{"z":1e2,"data_hash":[true,null,"\u003c"],"a": -0.50},"weight":2}]}`},
		{method: "POST", path: "/experiments", body: `{"name":"Plain","reason":"été, \"why\" and\u000a more"}`},
		{method: "PATCH", path: "/experiments/plain/status", body: `{"status":"active"}`, header: map[string]string{"Assay-Reason": "früh", "Request-Id": "r-1", "Correlation-Id": "c/1"}},
		{method: "PATCH", path: "/experiments/plain", body: `{"audience":{"country":{"$in":["US","CA"]}},"phase":"same"}`},
		{method: "POST", path: "/segments", body: `{"name":"Beta"}`},
		{method: "PATCH", path: "/segments/beta/members", body: `{"add":["u1","ü2"],"remove":["u3"]}`},
		{method: "POST", path: "/layers", body: `{"name":"Checkout"}`},
		{method: "POST", path: "/keys", body: `{"name":"Dashboard","role":"viewer"}`},
		{method: "DELETE", path: "/experiments/plain"},
	} {
		if got := s.send(t, r); got.status >= 300 {
			t.Fatalf("%s %s: %d %s", r.method, r.path, got.status, got.body)
		}
	}
}

func TestAStrangerDerivesTheChain(t *testing.T) {
	s := newStack(t, RateLimit{})
	s.eventful(t)
	checkpoint, bad := s.derive(t)
	if bad != 0 {
		t.Fatalf("position %d does not follow from the one before it", bad)
	}
	last := s.lastRecord(t)
	report := s.send(t, request{method: "GET", path: "/reports/daily/" + last.RecordedAt.Format(time.DateOnly)}).want(t, 200)
	if got := report.text(t, "checkpoint"); got != checkpoint {
		t.Errorf("derived %s, the report says %s", checkpoint, got)
	}
	if bad := firstBad(t, s.ledger.Superuser(t)); bad != 0 {
		t.Errorf("the page's SQL names position %d", bad)
	}
}

func TestAStrangerFindsWhatWasTamperedWith(t *testing.T) {
	s := newStack(t, RateLimit{})
	s.eventful(t)
	conn := s.ledger.Superuser(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`alter table events disable trigger append_only; alter table events drop constraint events_stream_id_version_key;
		create table kept as select * from events`)
	for _, tt := range []struct {
		name, sql string
		want      uint64
	}{
		{"stream", `update events set stream_id = stream_id || '0' where position = 2`, 2},
		{"version", `update events set version = version + 1 where position = 2`, 2},
		{"type", `update events set type = 'experiment.changed' where position = 2`, 2},
		{"schema version", `update events set schema_version = schema_version + 1 where position = 3`, 3},
		{"data", `update events set data = '{"old_status":"active","new_status":"inactive"}' where position = 3`, 3},
		{"data and its hash", `update events set data = '{}', data_hash = sha256('{}') where position = 3`, 3},
		{"command", `update events set command_id = gen_random_uuid() where position = 4`, 4},
		{"actor", `update events set actor = 'somebody' where position = 5`, 5},
		{"key", `update events set key_id = 'k' where position = 5`, 5},
		{"reason", `update events set reason = '' where position = 2`, 2},
		{"request", `update events set request_id = 'r-2' where position = 3`, 3},
		{"correlation", `update events set correlation_id = 'c' where position = 3`, 3},
		{"a text that moved to its neighbour", `update events set request_id = request_id || left(correlation_id, 1), correlation_id = substr(correlation_id, 2) where position = 3`, 3},
		{"time", `update events set recorded_at = recorded_at + interval '1 microsecond' where position = 6`, 6},
		{"hash", `update events set hash = sha256(hash) where position = 7`, 7},
		{"removed", `delete from events where position = 4`, 4},
		{"removed and renumbered", `delete from events where position = 4; update events set position = position - 1 where position = 5`, 4},
		{"exchanged", `update events set position = 20 where position = 4; update events set position = 4 where position = 5; update events set position = 5 where position = 20`, 4},
		{"appended", `insert into events select 11, stream_id, version + 9, type, schema_version, data, data_hash, command_id,
			actor, key_id, reason, request_id, correlation_id, recorded_at, hash from events where position = 1`, 11},
	} {
		t.Run(tt.name, func(t *testing.T) {
			exec(tt.sql)
			defer exec(`delete from events; insert into events select * from kept`)
			if _, bad := s.derive(t); bad != tt.want {
				t.Errorf("derived over HTTP, the first bad position is %d, want %d", bad, tt.want)
			}
			// A missing record shows in SQL as the one after it.
			want := tt.want
			if tt.name == "removed" {
				want++
			}
			if bad := firstBad(t, conn); bad != want {
				t.Errorf("by the page's SQL, the first bad position is %d, want %d", bad, want)
			}
		})
	}
	if _, bad := s.derive(t); bad != 0 {
		t.Errorf("put back as it was, position %d is bad", bad)
	}
}

func TestThePagesOwnRecord(t *testing.T) {
	var r published
	if err := json.Unmarshal([]byte(fenced(t, "json")), &r); err != nil {
		t.Fatal(err)
	}
	dataHash := sha256.Sum256(r.Data)
	if got := hex.EncodeToString(dataHash[:]); got != r.DataHash {
		t.Errorf("data hash %s, the page says %s", got, r.DataHash)
	}
	previous := make([]byte, 32)
	previous[31] = 1
	if got := hex.EncodeToString(r.link(t, previous)); got != r.Hash {
		t.Errorf("hash %s, the page says %s", got, r.Hash)
	}
}
