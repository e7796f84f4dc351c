package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/edge"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/serving"
	"github.com/assaylabs/assay/tracking/intake"
)

// perRequest is how many events share a request.
const perRequest = 20

// meteredPostgres is the CPU time of a Postgres server, all of its processes, and
// of this one: client, and server of HTTP.
type meteredPostgres struct{ postmaster int }

func meterPostgres(b *testing.B, pool *pgxpool.Pool) meteredPostgres {
	b.Helper()
	var backend int
	if err := pool.QueryRow(b.Context(), `select pg_backend_pid()`).Scan(&backend); err != nil {
		b.Fatal(err)
	}
	stat, ok := readStat(strconv.Itoa(backend))
	if !ok {
		b.Fatal("Postgres does not run here")
	}
	return meteredPostgres{stat.parent}
}

// processStat is what /proc tells of a process; ticks are hundredths of a second
// of its own, reaped those of children that ended.
type processStat struct{ parent, ticks, reaped int }

func readStat(pid string) (s processStat, ok bool) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return s, false
	}
	// The name, in brackets, may hold anything.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	n := func(i int) int {
		v, _ := strconv.Atoi(f[i-3])
		return v
	}
	return processStat{n(4), n(14) + n(15), n(16) + n(17)}, true
}

// seconds are of both since they began.
func (m meteredPostgres) seconds() float64 {
	ticks := 0
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		switch s, ok := readStat(filepath.Base(dir)); {
		case !ok:
		case filepath.Base(dir) == strconv.Itoa(m.postmaster):
			ticks += s.ticks + s.reaped
		case s.parent == m.postmaster:
			ticks += s.ticks
		}
	}
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(ticks)/100 + time.Duration(u.Utime.Nano()+u.Stime.Nano()).Seconds()
}

// rawInserts is the floor: INSERT … SELECT unnest of 1,000 rows a statement, of as
// many columns as an event has, on two connections.
func rawInserts(b *testing.B, pool *pgxpool.Pool, ids *atomic.Uint64) func(rows int) {
	b.Helper()
	const batch, writers = 1_000, 2
	_, err := pool.Exec(b.Context(), `create table floor (id uuid primary key, at timestamptz not null, unit_type text not null,
		unit_id text not null, name text not null, value bigint)`)
	if err != nil {
		b.Fatal(err)
	}
	write := func() {
		var key [batch]pgtype.UUID
		var at [batch]time.Time
		var unitType, unit, name [batch]string
		var value [batch]int64
		for i := range batch {
			n := ids.Add(1)
			key[i], at[i] = pgtype.UUID{Bytes: nextID(n), Valid: true}, time.Now()
			unitType[i], unit[i], name[i], value[i] = "user_id", "user-"+strconv.FormatUint(n%100_000, 10), "purchase", int64(n)
		}
		_, err := pool.Exec(context.Background(), `insert into floor (id, at, unit_type, unit_id, name, value)
			select * from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[])
			on conflict do nothing`, pgtype.FlatArray[pgtype.UUID](key[:]), at[:], unitType[:], unit[:], name[:], value[:])
		if err != nil {
			b.Error(err)
		}
	}
	return func(rows int) {
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range rows / batch / writers {
					write()
				}
			})
		}
		wg.Wait()
	}
}

// nextID is a UUIDv7 as SDKs make them: the time, then what nobody else has.
func nextID(n uint64) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:], uint64(time.Now().UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], n*0x9e3779b97f4a7c15>>2|1<<63)
	return id
}

// nothing is a ledger of a feed that never changes.
type nothing struct{}

func (nothing) Name() string { return "nothing" }

func (nothing) Fetch(_ context.Context, have *feed.State) (*feed.Update, error) {
	if have != nil {
		return nil, nil
	}
	return &feed.Update{Document: evaluator.Document{Position: 1, At: time.Now()}}, nil
}

func (nothing) Watch(ctx context.Context, _ func(int64)) error {
	<-ctx.Done()
	return ctx.Err()
}

// trackServer serves POST /track on a port.
func trackServer(b *testing.B, l ledgertest.Ledger) (addr string) {
	b.Helper()
	in := intake.New(open(b, l.App, intake.Conns), intake.Config{})
	ledgertest.Run(b, in.Run)
	f := feed.New(feed.Config{}, nothing{})
	ledgertest.Run(b, f.Run)
	e, err := edge.New(f, edge.Config{Root: token, Tracker: in})
	if err != nil {
		b.Fatal(err)
	}
	ledgertest.Run(b, e.Run)
	for f.State() == nil {
		time.Sleep(time.Millisecond)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ledgertest.Run(b, func(ctx context.Context) error { return serving.Serve(ctx, listener, e, 0) })
	return listener.Addr().String()
}

// tracker sends requests on a connection of its own, and costs little itself: of
// a request that it has ready only ids and times are new.
type tracker struct {
	conn   net.Conn
	r      *bufio.Reader
	body   []byte
	ids    [perRequest]int // where they stand
	number *atomic.Uint64
}

func newTracker(b *testing.B, addr string, number *atomic.Uint64) *tracker {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	t := &tracker{conn: conn, r: bufio.NewReader(conn), number: number}
	events := []byte(`{"events":[`)
	at := time.Now().UTC().Format(time.RFC3339Nano)
	for i := range perRequest {
		if i > 0 {
			events = append(events, ',')
		}
		events = append(events, `{"id":"`...)
		t.ids[i] = len(events)
		events = fmt.Appendf(events, `%s","type":"event","at":%q,"unit":"user-%05d","name":"purchase","value":49.9}`, uuid.Nil, at, int(number.Add(1)*7919)%100_000)
	}
	events = append(events, "]}"...)
	head := fmt.Sprintf("POST /track HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", token, len(events))
	t.body = append([]byte(head), events...)
	for i := range t.ids {
		t.ids[i] += len(head)
	}
	return t
}

// send sends a request of new events, which must be stored.
func (t *tracker) send(b *testing.B) {
	for _, at := range t.ids {
		id := nextID(t.number.Add(1))
		for i, part := range [][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
			hex.Encode(t.body[at+2*part[0]+i:], id[part[0]:part[1]])
		}
	}
	if _, err := t.conn.Write(t.body); err != nil {
		b.Error(err)
		return
	}
	response, err := http.ReadResponse(t.r, nil)
	if err != nil {
		b.Error(err)
		return
	}
	answer, err := io.ReadAll(response.Body)
	if want := fmt.Sprintf(`{"accepted":%d,"rejected":[]}`, perRequest); err != nil || string(answer) != want {
		b.Errorf("%s %s %v", response.Status, answer, err)
	}
}

// HTTP intake, of 20 events a request with ids that count once, stores 0.45 of the
// rows for a second of CPU time, of client and server together, that bare INSERTs
// of 1,000 rows do.
func BenchmarkTrack(b *testing.B) {
	const callers = 32
	l := durable(b)
	pool := open(b, l.Owner, 4)
	cpu := meterPostgres(b, pool)
	var number atomic.Uint64
	floor := rawInserts(b, pool, &number)
	addr := trackServer(b, l)
	var clients []*tracker
	for range callers {
		clients = append(clients, newTracker(b, addr, &number))
	}
	claim := func(rows int) {
		var wg sync.WaitGroup
		for _, t := range clients {
			wg.Go(func() {
				for range rows / perRequest / callers {
					t.send(b)
				}
			})
		}
		wg.Wait()
	}
	rows := sized(64_000, 6_400)
	rate := func(f func(int)) float64 {
		before := cpu.seconds()
		f(rows)
		return float64(rows) / (cpu.seconds() - before)
	}
	rounds(b, func() float64 { return rate(floor) }, func() float64 { return rate(claim) }, "floor-rows/cpu-s", "track-rows/cpu-s")
}
