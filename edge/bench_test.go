package edge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

// servedVariable makes the test binary an edge of its own, so that what a request
// costs the server can be told from what it costs the client.
const servedVariable = "ASSAY_EDGE_BENCH"

func TestMain(m *testing.M) {
	if os.Getenv(servedVariable) != "" {
		if err := serveBench(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveBench serves the workload on one port and what it is compared with on
// another, prints both, and ends with its standard input.
func serveBench() error {
	s := &source{changed: make(chan struct{}, 1)}
	s.update = feed.Update{Document: workload(1_000)}
	f := feed.New(feed.Config{}, s)
	e, err := New(f, Config{Root: rootToken, MaxStreams: 20_000})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { _ = f.Run(ctx) }()
	go func() { _ = e.Run(ctx) }()
	var addresses []any
	for _, handler := range []http.Handler{e, floors(s)} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{
			Handler: handler, ReadHeaderTimeout: 3 * time.Second, ReadTimeout: 10 * time.Second,
			WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		}
		go func() { _ = server.Serve(listener) }()
		addresses = append(addresses, listener.Addr())
	}
	for e.view() == nil {
		time.Sleep(time.Millisecond)
	}
	fmt.Println(addresses...)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// floors answers /<n> with n bytes that are there, as bare net/http does it, or
// 304 to who has them, as its server of files does; and tells what the process
// has used.
func floors(s *source) http.Handler {
	bodies := map[string][]byte{}
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/usage":
			var u syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
			status, _ := os.ReadFile("/proc/self/status")
			rss := 0
			if _, rest, ok := strings.Cut(string(status), "VmRSS:"); ok {
				rss, _ = strconv.Atoi(strings.Fields(rest)[0])
			}
			fmt.Fprint(w, u.Utime.Nano()+u.Stime.Nano(), rss)
			return
		case "/collect":
			debug.FreeOSMemory()
			return
		case "/change":
			s.mu.Lock()
			s.update.Document.Position++
			s.mu.Unlock()
			s.changed <- struct{}{}
			return
		}
		if etag := r.Header.Get("If-None-Match"); etag != "" {
			w.Header().Set("ETag", etag)
			http.ServeContent(w, r, "snapshot.json", time.Time{}, bytes.NewReader(nil))
			return
		}
		mu.Lock()
		body := bodies[r.URL.Path]
		if body == nil {
			n, _ := strconv.Atoi(r.URL.Path[1:])
			body = bytes.Repeat([]byte("x"), n)
			bodies[r.URL.Path] = body
		}
		mu.Unlock()
		w.Header().Set("Content-Type", jsonType)
		if len(body) == 0 {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
}

// workload is a document of n experiments: 2 to 4 variations, traffic of 10 to
// 100 %, a third with audiences of one to three conditions, a third in layers.
func workload(n int) evaluator.Document {
	random := rand.New(rand.NewPCG(1, 2))
	d := demo(1)
	d.Experiments = nil
	for layer := range 10 {
		l := domain.Layer{Header: domain.Header{Key: fmt.Sprintf("layer-%d", layer)}, Salt: fmt.Sprintf("layer-%d", layer), UnitType: "user_id"}
		l.ID[0] = byte(layer + 1)
		d.Layers = append(d.Layers, l)
	}
	for i := range n {
		arms := 2 + random.IntN(3)
		var variations, split []string
		for arm := range arms {
			variations = append(variations, fmt.Sprintf(`{"key":"v%d","name":"Variation %d","value":"value %d","weight":1}`, arm, arm, arm))
			split = append(split, fmt.Sprintf(`{"variation":"v%d","from":%d,"to":%d}`, arm, arm*1_000_000/arms, (arm+1)*1_000_000/arms))
		}
		members := []string{
			`"variations":[` + strings.Join(variations, ",") + `]`, `"split":[` + strings.Join(split, ",") + `]`,
			fmt.Sprintf(`"traffic_ppm":%d`, 100_000+random.IntN(900_001)),
			`"description":"` + strings.Repeat("What we know of it so far. ", 40) + `"`,
		}
		switch i % 3 {
		case 1:
			audience := []string{`"country":{"$in":["US","CA"]}`, `"age":{"$gte":18}`, `"plan":"pro"`}[:1+random.IntN(3)]
			members = append(members, `"audience":{`+strings.Join(audience, ",")+`}`)
		case 2:
			from := (i / 30) % 33 * 30_000
			members = append(members, fmt.Sprintf(`"layer":{"key":"layer-%d","slots":[{"from":%d,"to":%d}]}`, i/3%10, from, from+30_000))
		}
		d.Experiments = append(d.Experiments, json.RawMessage(experiment(fmt.Sprintf("experiment-%d", i), members...)))
	}
	return d
}

// attributes are eight of a unit.
const attributes = `"country":"US","age":34,"plan":"pro","app_version":"2.3.1","language":"en","device":"phone","beta":false,"visits":17`

// served is the other process.
type served struct{ edge, floor string }

func startBench(b testing.TB) served {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), servedVariable+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	addresses := strings.Fields(line)
	return served{addresses[0], addresses[1]}
}

// usage is the CPU time, in ns, and memory, in KB, that the server has used.
func (s served) usage(b testing.TB) (cpu int64, rss int) {
	b.Helper()
	res, err := http.Get("http://" + s.floor + "/usage")
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := fmt.Fscan(res.Body, &cpu, &rss); err != nil {
		b.Fatal(err)
	}
	return cpu, rss
}

// caller keeps a connection and sends one request on it again and again.
type benchConn struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

func dial(b testing.TB, address, request string) *benchConn {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &benchConn{conn, bufio.NewReaderSize(conn, 64<<10), []byte(request)}
}

// ask sends the request and returns the answer's head and the size of its body.
func (c *benchConn) ask(b testing.TB) (head string, size int) {
	if _, err := c.conn.Write(c.request); err != nil {
		b.Error(err)
		return "", 0
	}
	var lines []byte
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			b.Error(err)
			return "", 0
		}
		lines = append(lines, line...)
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			size, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if len(line) == 2 {
			break
		}
	}
	_, err := c.r.Discard(size)
	if err != nil {
		b.Error(err)
	}
	return string(lines), size
}

// compare reports what a request costs the server in CPU time, and the ratio of
// a bare GET of an answer of the same size and status to it. Both take turns.
func (s served) compare(b *testing.B, request, status string) {
	b.Helper()
	const conns = 8
	turn := 4_000 / conns
	if testing.Short() {
		turn = 40
	}
	head, size := dial(b, s.edge, request).ask(b)
	if size > 1<<20 {
		turn /= 20
	}
	if !strings.HasPrefix(head, "HTTP/1.1 "+status) {
		b.Fatalf("got %s", head)
	}
	floor := fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: assay\r\n\r\n", size)
	if rest, ok := strings.CutPrefix(request, "GET /snapshot"); ok {
		floor = fmt.Sprintf("GET /%d%s", size, rest) // a static file is asked for with the same headers
	}
	var claims, floors [conns]*benchConn
	for i := range conns {
		claims[i], floors[i] = dial(b, s.edge, request), dial(b, s.floor, floor)
	}
	cost := func(all [conns]*benchConn) float64 {
		before, _ := s.usage(b)
		var wg sync.WaitGroup
		for _, c := range all {
			wg.Go(func() {
				for range turn {
					c.ask(b)
				}
			})
		}
		wg.Wait()
		after, _ := s.usage(b)
		return float64(after-before) / float64(conns*turn) / 1e3
	}
	cost(floors)
	cost(claims)
	var floorCosts, costs, ratios []float64
	for b.Loop() {
		f, c := cost(floors), cost(claims)
		floorCosts, costs, ratios = append(floorCosts, f), append(costs, c), append(ratios, f/c)
	}
	b.ReportMetric(middle(floorCosts), "floor-cpu-us")
	b.ReportMetric(middle(costs), "cpu-us")
	b.ReportMetric(middle(ratios), "of_floor")
	b.ReportMetric(float64(size), "bytes")
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func post(path, body string, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s",
		path, rootToken, len(body), strings.Join(headers, ""), body)
}

func get(path string, headers ...string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer %s\r\n%s\r\n", path, rootToken, strings.Join(headers, ""))
}

// etag asks once and returns the header that asks whether anything changed.
func (s served) etag(b *testing.B, request string) string {
	b.Helper()
	head, _ := dial(b, s.edge, request).ask(b)
	_, rest, _ := strings.Cut(head, "Etag: ")
	etag, _, _ := strings.Cut(rest, "\r\n")
	return "If-None-Match: " + etag + "\r\n"
}

// What requests cost the server, beside a bare net/http GET of an answer of the
// same size.
func BenchmarkHTTP(b *testing.B) {
	s := startBench(b)
	context := `{"context":{"targetingKey":"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",` + attributes + `}}`
	b.Run("evaluate", func(b *testing.B) {
		s.compare(b, post("/evaluate", `{"unit":"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b","attributes":{`+attributes+`},"experiments":["experiment-1"]}`), "200")
	})
	b.Run("flag", func(b *testing.B) { s.compare(b, post(flagsPath+"/experiment-1", context), "200") })
	b.Run("flags", func(b *testing.B) { s.compare(b, post(flagsPath, context), "200") })
	b.Run("flags304", func(b *testing.B) {
		s.compare(b, post(flagsPath, context, s.etag(b, post(flagsPath, context))), "304")
	})
	b.Run("snapshot", func(b *testing.B) { s.compare(b, get("/snapshot"), "200") })
	b.Run("snapshotBrotli", func(b *testing.B) { s.compare(b, get("/snapshot", "Accept-Encoding: br\r\n"), "200") })
	b.Run("snapshot304", func(b *testing.B) { s.compare(b, get("/snapshot", s.etag(b, get("/snapshot"))), "304") })
}

// discard is a ResponseWriter that costs nothing.
type discard struct {
	header http.Header
	size   int // of the last write
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { d.size = len(b); return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// What the handlers themselves cost, without net/http.
func BenchmarkHandler(b *testing.B) {
	s := idle(b, Config{RateLimit: RateLimit{PerSecond: -1}})
	token := s.addKey(domain.Key{Name: "bench", Role: domain.Server}, 7)
	s.show(b, workload(1_000))
	context := `{"context":{"targetingKey":"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",` + attributes + `}}`
	for _, tt := range []struct{ name, method, path, body, etag string }{
		{"evaluate", "POST", "/evaluate", `{"unit":"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b","attributes":{` + attributes + `},"experiments":["experiment-1"]}`, ""},
		{"flag", "POST", flagsPath + "/experiment-1", context, ""},
		{"flags", "POST", flagsPath, context, ""},
		{"snapshot", "GET", "/snapshot", "", ""},
		{"snapshot304", "GET", "/snapshot", "", s.view().state.ETag},
	} {
		b.Run(tt.name, func(b *testing.B) {
			body := strings.NewReader(tt.body)
			req, _ := http.NewRequest(tt.method, tt.path, body)
			req.Header.Set("Authorization", "Bearer "+token)
			if tt.body != "" {
				req.Header.Set("Content-Type", jsonType)
			}
			if tt.etag != "" {
				req.Header.Set("If-None-Match", tt.etag)
			}
			w := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(tt.body)
				clear(w.header)
				s.ServeHTTP(w, req)
			}
		})
	}
}

// listenTo opens a stream and calls heard with the id of each event.
func (s served) listenTo(b testing.TB, heard func(id string)) {
	conn, err := net.Dial("tcp", s.edge)
	if err != nil {
		b.Error(err)
		return
	}
	b.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, get("/stream")); err != nil {
		b.Error(err)
		return
	}
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(conn)
		lines.Buffer(make([]byte, 1024), 1024)
		for first := true; lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				if first {
					first = false
					close(ready)
				} else {
					heard(id)
				}
			}
		}
	}()
	<-ready
}

// What a stream costs the server in memory, and how long it takes until the last
// of all listeners knows of a change. ASSAY_SOAK=1 has ten times as many.
func BenchmarkStreams(b *testing.B) {
	n := 1_000
	switch {
	case testing.Short():
		n = 50
	case os.Getenv("ASSAY_SOAK") != "":
		n = 10_000
	}
	s := startBench(b)
	ask := func(path string) {
		res, err := http.Get("http://" + s.floor + path)
		if err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
	}
	ask("/collect")
	_, before := s.usage(b)
	told := make(chan time.Time, n)
	for range n {
		s.listenTo(b, func(string) { told <- time.Now() })
	}
	ask("/collect")
	_, after := s.usage(b)
	var all, last []float64
	var cpu int64
	for b.Loop() {
		used, _ := s.usage(b)
		start := time.Now()
		ask("/change")
		slowest := time.Duration(0)
		for range n {
			took := (<-told).Sub(start)
			slowest = max(slowest, took)
			all = append(all, took.Seconds()*1e3)
		}
		now, _ := s.usage(b)
		cpu += now - used
		last = append(last, slowest.Seconds()*1e3)
		time.Sleep(minPause + time.Duration(n)*perListener)
	}
	slices.Sort(all)
	b.ReportMetric(float64(after-before)/float64(n), "KB/stream")
	b.ReportMetric(all[len(all)*99/100], "p99-ms")
	b.ReportMetric(middle(last), "last-ms")
	b.ReportMetric(float64(cpu)/float64(len(all))/1e3, "cpu-us/event")
	b.ReportMetric(float64(after)/1024, "MB")
}
