package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/edge"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/serving"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/intake"
)

const token = "a root token for tests of intake"

// still is a feed's source of a ledger that stays as it is.
type still struct{}

func (still) Name() string { return "still" }

func (still) Fetch(_ context.Context, have *feed.State) (*feed.Update, error) {
	if have != nil {
		return nil, nil
	}
	return &feed.Update{Document: evaluator.Document{Position: 1, At: time.Now()}}, nil
}

func (still) Watch(ctx context.Context, _ func(int64)) error {
	<-ctx.Done()
	return ctx.Err()
}

// front is an edge in front of an intake.
type front struct {
	*intake.Intake
	url      string
	client   *http.Client
	registry *prometheus.Registry
}

func newFront(t *testing.T, l ledgertest.Ledger, cfg intake.Config) *front {
	t.Helper()
	f := &front{Intake: started(t, l, cfg), registry: prometheus.NewRegistry(), client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute,
	}}
	source := feed.New(feed.Config{}, still{})
	ledgertest.Run(t, source.Run)
	e, err := edge.New(source, edge.Config{Root: token, Tracker: f.Intake, Registry: f.registry})
	if err != nil {
		t.Fatal(err)
	}
	ledgertest.Run(t, e.Run)
	for source.State() == nil {
		time.Sleep(time.Millisecond)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + listener.Addr().String() + "/track"
	ledgertest.Run(t, func(ctx context.Context) error { return serving.Serve(ctx, listener, e, 0) })
	t.Cleanup(f.client.CloseIdleConnections)
	return f
}

// post sends a body and returns the receipt; the status of what is none must be
// one that says when to come again.
func (f *front) post(t *testing.T, body []byte) (status int, receipt tracking.Receipt) {
	request, err := http.NewRequest(http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, receipt
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := f.client.Do(request)
	if err != nil {
		t.Error(err)
		return 0, receipt
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	switch after, err := strconv.Atoi(response.Header.Get("Retry-After")); response.StatusCode {
	case http.StatusAccepted:
		if err := json.Unmarshal(answer, &receipt); err != nil {
			t.Errorf("%v: %s", err, answer)
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if err != nil || after < 1 {
			t.Errorf("%s with Retry-After %q", response.Status, response.Header.Get("Retry-After"))
		}
	default:
		t.Errorf("%s %s", response.Status, answer)
	}
	return response.StatusCode, receipt
}

// outcomes are the counts of events, by outcome; received is the sum of all.
func (f *front) outcomes(t *testing.T) map[string]int {
	t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all, received, sum := map[string]int{}, 0, 0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch n := int(m.GetCounter().GetValue()); family.GetName() {
			case "assay_track_received_total":
				received = n
			case "assay_track_events_total":
				all[m.GetLabel()[0].GetValue()] += n
				sum += n
			}
		}
	}
	if received != sum {
		t.Errorf("received %d, but %d are %v", received, sum, all)
	}
	return all
}

// encode is a body of events.
func encode(t testing.TB, events ...tracking.Event) []byte {
	var all []string
	for i := range events {
		encoded, err := events[i].Encode()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(encoded))
	}
	return []byte(`{"events":[` + strings.Join(all, ",") + `]}`)
}

func fresh(n int) []tracking.Event {
	all := make([]tracking.Event, n)
	for i := range all {
		all[i] = purchase(i)
		all[i].ID, all[i].At = uuid.New(), time.Now().UTC().Truncate(time.Microsecond)
	}
	return all
}

func TestBadEventsOverHTTP(t *testing.T) {
	l := ledgertest.New(t)
	f := newFront(t, l, intake.Config{})
	good := func(members string) string {
		return fmt.Sprintf(`{"id":%q,"at":%q,"unit":"u1",%s}`, uuid.New(), time.Now().UTC().Format(time.RFC3339Nano), members)
	}
	custom, shown := `"type":"event","name":"purchase"`, `"type":"exposure","experiment":"nobody-knows","variation":"x"`
	first := good(custom)
	events := []struct{ event, problem string }{
		{first, ""},
		{strings.Replace(first, "purchase", "other", 1), ""}, // a duplicate: acknowledged, not stored
		{good(shown), ""}, // the ledger says later that there is no such experiment
		{good(custom + `,"value":1e999`), "value: "},
		{good(custom + `,"value":NaN`), "value: "},
		{strings.Replace(good(custom), `"at":"20`, `"at":"19`, 1), "at: must be at most 400 days ago"},
		{strings.Replace(good(custom), `"at":"20`, `"at":"29`, 1), "at: must be at most 24 hours ahead"},
		{good(custom + `,"attributes":{"a":"` + strings.Repeat("x", 1<<20) + `"}`), "attributes: must be at most 8192 bytes"},
		{good(shown + `,"position":9007199254740992`), "position: "},
		{good(custom + `,"unit":"u2"`), "unit: duplicate field"},
		{good(`"type":"event","name":"a\u0000b"`), "name: must be UTF-8 without NUL"},
		{good(`"type":"event","name":"` + "\xff" + `"`), "name: must be UTF-8 without NUL"},
		{good(custom + `,"attributes":{"a":"\ud800"}`), "attributes: must be UTF-8 without NUL"},
		{good(custom + `,"units":{"user_id":"u2"}`), "units: "},
		{`{}`, "id: "},
		{`7`, "event: must be an object"},
		{good(custom + `,"units":{"device":"d1"},"value":0.0000005`), ""},
	}
	var body []string
	for _, e := range events {
		body = append(body, e.event)
	}
	status, receipt := f.post(t, []byte(`{"events":[`+strings.Join(body, ",")+`]}`))
	rejected := map[int]string{}
	for _, r := range receipt.Rejected {
		rejected[r.Index] = r.Problem
	}
	if status != http.StatusAccepted || receipt.Accepted != 4 || len(rejected) != len(events)-4 {
		t.Errorf("%d, %d accepted, %d rejected", status, receipt.Accepted, len(rejected))
	}
	for i, e := range events {
		if !strings.HasPrefix(rejected[i], e.problem) || (e.problem == "") != (rejected[i] == "") {
			t.Errorf("%d: %q, want %q", i, rejected[i], e.problem)
		}
	}
	checkBatches(t, l, 3)
	if n := count(t, l, `select count(*) from tracked where name = 'other'`); n != 0 {
		t.Error("other content came in by the same id")
	}
	if got := f.outcomes(t); got["stored"] != 3 || got["duplicate"] != 1 || got["rejected"] != len(events)-4 {
		t.Errorf("counted %v", got)
	}
}

// While nothing can be committed, what comes is taken up to the bound, then
// refused; nothing is lost by sending it again.
func TestBackPressure(t *testing.T) {
	l := ledgertest.New(t)
	f := newFront(t, l, intake.Config{MaxEvents: 200, Timeout: time.Minute})
	tx, err := l.Pool(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	// Transactions of the intake wait for it; they give up after 2 s.
	if _, err := tx.Exec(t.Context(), `select from track_head for update`); err != nil {
		t.Fatal(err)
	}
	statuses := make(chan int)
	var clients sync.WaitGroup
	for range 40 {
		body := encode(t, fresh(10)...)
		clients.Go(func() {
			for status := 0; status != http.StatusAccepted; statuses <- status {
				if status, _ = f.post(t, body); status == 0 {
					return
				}
			}
		})
	}
	go func() {
		clients.Wait()
		close(statuses)
	}()
	counts := map[int]int{}
	for status := range statuses {
		counts[status]++
		if counts[http.StatusTooManyRequests] == 50 && status == http.StatusTooManyRequests {
			if n := f.Waiting(); n > 200 {
				t.Errorf("%d events wait", n)
			}
			_ = tx.Rollback(t.Context())
		}
	}
	if counts[http.StatusAccepted] != 40 || counts[http.StatusTooManyRequests] < 50 {
		t.Errorf("answers %v", counts)
	}
	checkBatches(t, l, 400)
	got := f.outcomes(t)
	if got["stored"]+got["duplicate"] != 400 || got["full"] != 10*counts[http.StatusTooManyRequests] || got["down"] != 10*counts[http.StatusServiceUnavailable] {
		t.Errorf("counted %v of answers %v", got, counts)
	}
}

func TestPostgresKilledUnderLoad(t *testing.T) {
	server := pgtest.Dedicated(t, nil)
	l := ledgertest.Migrate(t, server.URL(localpg.Superuser, "postgres"))
	f := newFront(t, l, intake.Config{})
	acked := make(chan []tracking.Event, 1)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				events := fresh(20)
				body := encode(t, events...)
				for status := 0; status != http.StatusAccepted; {
					status, _ = f.post(t, body)
					if status == 0 {
						return
					}
					if status != http.StatusAccepted {
						time.Sleep(20 * time.Millisecond)
					}
				}
				select {
				case acked <- events:
				case <-stop:
					return
				}
			}
		})
	}
	all := map[uuid.UUID]bool{}
	take := func(requests int) {
		for range requests {
			select {
			case events := <-acked:
				for i := range events {
					all[events[i].ID] = true
				}
			case <-time.After(time.Minute):
				t.Fatal("nothing is stored any more")
			}
		}
	}
	for range 2 {
		take(50)
		server.Kill()
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	take(50)
	close(stop)
	clients.Wait()
	checkStored(t, l, all)
	if got := f.outcomes(t); got["down"] == 0 {
		t.Errorf("counted %v, though it was down", got)
	}
}

// checkStored wants every acknowledged id to be there, and all ids once.
func checkStored(t testing.TB, l ledgertest.Ledger, acked map[uuid.UUID]bool) {
	t.Helper()
	rows, err := l.Superuser(t).Query(t.Context(), `select id from tracked_ids`)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		t.Fatal(err)
	}
	missing := len(acked)
	for _, id := range ids {
		if acked[id] {
			missing--
		}
	}
	if missing != 0 || len(acked) == 0 {
		t.Errorf("of %d acknowledged events %d are lost", len(acked), missing)
	}
	checkBatches(t, l, len(ids))
}

// flood sends as much as it can for that long, and returns how many events were
// acknowledged and by how many bytes the heap has grown meanwhile.
func (f *front) flood(t *testing.T, long time.Duration) (acked int, grown int64) {
	const clients = 16
	send := func(until time.Time) (n int) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for time.Now().Before(until) {
					_, receipt := f.post(t, encode(t, fresh(50)...))
					mu.Lock()
					n += receipt.Accepted
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return n
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools are emptied by the second
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	acked = send(time.Now().Add(time.Second))
	before := heap()
	acked += send(time.Now().Add(long))
	return acked, heap() - before
}

func (f *front) checkFlood(t *testing.T, l ledgertest.Ledger, long time.Duration) {
	t.Helper()
	acked, grown := f.flood(t, long)
	if grown > 5<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if got := f.outcomes(t); got["stored"] != acked || acked == 0 {
		t.Errorf("%d acknowledged, counted %v", acked, got)
	}
	checkBatches(t, l, acked)
	t.Logf("%d events in %v, the heap grew by %d bytes", acked, long, grown)
}

func TestFlood(t *testing.T) {
	l := ledgertest.New(t)
	newFront(t, l, intake.Config{}).checkFlood(t, l, 2*time.Second)
}

func TestFloodSoak(t *testing.T) {
	if os.Getenv("ASSAY_SOAK") != "1" {
		t.Log("the long form runs with ASSAY_SOAK=1")
		return
	}
	l := ledgertest.New(t)
	newFront(t, l, intake.Config{}).checkFlood(t, l, 5*time.Minute)
}
