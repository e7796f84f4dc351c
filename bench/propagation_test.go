package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/edge"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/feed/redisfeed"
	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/internal/serving"
	"github.com/assaylabs/assay/sdk"
)

// listening is an edge with many listeners, and an SDK that follows it.
type listening struct {
	addr      string
	listeners int
	told      chan int64 // the position of each event that a listener got
	sdk       *sdk.Client
}

// edgeOf serves what the sources have, to n listeners.
func edgeOf(b *testing.B, n int, sources ...feed.Source) *listening {
	b.Helper()
	l := &listening{listeners: n, told: make(chan int64, 10*n)}
	f := feed.New(feed.Config{}, sources...)
	e, err := edge.New(f, edge.Config{Root: token})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	l.addr = listener.Addr().String()
	ledgertest.Run(b, f.Run)
	ledgertest.Run(b, e.Run)
	ledgertest.Run(b, func(ctx context.Context) error { return serving.Serve(ctx, listener, e, 0) })
	for f.State() == nil {
		time.Sleep(time.Millisecond)
	}
	return l
}

// listen opens the streams and the SDK.
func (l *listening) listen(b *testing.B) {
	b.Helper()
	ctx := context.Background()
	var err error
	if l.sdk, err = sdk.New(ctx, sdk.Config{URL: "http://" + l.addr, Token: token}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.sdk.Close() })
	ready := make(chan struct{})
	for range l.listeners {
		conn, err := net.Dial("tcp", l.addr)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		fmt.Fprintf(conn, "GET /stream HTTP/1.1\r\nHost: assay\r\nAuthorization: Bearer %s\r\n\r\n", token)
		go l.read(conn, ready)
	}
	for range l.listeners {
		<-ready
	}
}

func (l *listening) read(conn io.Reader, ready chan<- struct{}) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 1024), 1024)
	for first := true; lines.Scan(); {
		id, ok := strings.CutPrefix(lines.Text(), "id: ")
		if !ok {
			continue
		}
		if first {
			first = false
			ready <- struct{}{}
			continue
		}
		position, _ := strconv.ParseInt(id, 10, 64)
		l.told <- position
	}
}

// follow measures, in ms, how long after the acknowledgement of a toggle each
// listener is told, and the SDK's answers have changed.
func (l *listening) follow(b *testing.B, p *plane) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	l.listen(b)
	toggle := p.togglers(b, 1)
	var told, last, changed []float64
	for b.Loop() {
		toggle(0)
		acknowledged := time.Now()
		ms := func() float64 { return time.Since(acknowledged).Seconds() * 1e3 }
		head, err := p.store.Head(ctx)
		if err != nil {
			b.Fatal(err)
		}
		answers := make(chan float64, 1)
		go func() {
			_ = l.sdk.WaitPosition(ctx, head.Position)
			answers <- ms()
		}()
		for n := 0; n < l.listeners; {
			select {
			case position := <-l.told:
				if position >= head.Position {
					told = append(told, ms())
					n++
				}
			case <-ctx.Done():
				b.Fatalf("%d of %d listeners were told", n, l.listeners)
			}
		}
		last = append(last, ms())
		changed = append(changed, <-answers)
		time.Sleep(100 * time.Millisecond)
	}
	b.ReportMetric(quantile(told, 0.99), "told-p99-ms")
	b.ReportMetric(median(last), "last-told-ms")
	b.ReportMetric(quantile(changed, 0.99), "sdk-p99-ms")
}

// From the acknowledgement of a toggle until all of 1,000 listeners are told and
// an SDK answers from it: on the control plane's own edge, on one that follows
// Redis, and on one that follows the control plane while Redis is down.
func BenchmarkPropagation(b *testing.B) {
	server, memory := pgtest.Dedicated(b, nil), redistest.Real(b)
	ledger := ledgertest.Migrate(b, server.URL("postgres", "postgres"))
	seed(b, ledger, sized(1_000, 50))
	p := serve(b, ledger, memory.URL())
	p.settle(b)
	source := func() feed.Source { return (&control.Plane{Store: p.store, Follower: p.follower}).Source() }
	n := sized(1_000, 20)
	client, err := control.OpenRedis(control.Config{RedisURL: memory.URL()}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	b.Run("serve", func(b *testing.B) { edgeOf(b, n, source()).follow(b, p) })
	b.Run("redis", func(b *testing.B) { edgeOf(b, n, redisfeed.New(client, "")).follow(b, p) })
	b.Run("control", func(b *testing.B) {
		first := edgeOf(b, 0, source())
		behind := edgeOf(b, n, redisfeed.New(client, ""),
			feed.NewControl(feed.ControlConfig{URL: "http://" + first.addr, Token: token, Path: "/feed"}))
		memory.Stop()
		behind.follow(b, p)
	})
}
