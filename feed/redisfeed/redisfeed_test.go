package redisfeed_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/feed/redisfeed"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/projections/redisurl"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// plane is what writes to Redis: commands, and the projection of their ledger.
type plane struct {
	*commands.Service
	follower *projections.Follower
	stop     context.CancelFunc // ends the projection
}

func newPlane(t testing.TB, client redis.UniversalClient, namespace string) *plane {
	t.Helper()
	p := &plane{}
	pool := ledgertest.New(t).Pool(t)
	store := eventstore.New(pool, eventstore.Config{
		Inline: projections.Inline{}, OnCommit: func(records []eventstore.Record) { p.follower.Offer(records) },
	})
	p.follower, p.Service = projections.NewFollower(store, pool, nil), commands.New(store)
	ledgertest.Run(t, store.Run)
	ledgertest.Run(t, p.follower.Run)
	writer := projections.NewRedis(client, namespace, p.follower, pool, nil)
	stopped := make(chan struct{})
	ledgertest.Run(t, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer close(stopped)
		p.stop = func() { cancel(); <-stopped }
		return writer.Run(ctx)
	})
	return p
}

// do sends a command that has to succeed.
func do[A any](t testing.TB) func(A, error) {
	return func(_ A, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (p *plane) create(t testing.TB, key, config string) {
	t.Helper()
	do[commands.Answer](t)(p.CreateExperiment(t.Context(), commands.Call{}, fmt.Appendf(nil, `{"name":%q,"key":%[1]q%s}`, key, config)))
}

func (p *plane) resource(t testing.TB, kind domain.Kind, key, config string) {
	t.Helper()
	do[commands.Answer](t)(p.CreateResource(t.Context(), commands.Call{}, kind, fmt.Appendf(nil, `{"name":%q,"key":%[1]q%s}`, key, config)))
}

func open(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisurl.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func eventually(t testing.TB, check func() error) {
	t.Helper()
	var err error
	for range 2_000 {
		if err = check(); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal(err)
}

// holds waits until the source has exactly what the ledger says.
func (p *plane) holds(t testing.TB, s *redisfeed.Source) *feed.Update {
	t.Helper()
	var got *feed.Update
	eventually(t, func() (err error) {
		view := p.follower.View()
		if known := p.follower.Known(); view.Position < known {
			return fmt.Errorf("the view is at %d of %d", view.Position, known)
		}
		if got, err = s.Fetch(t.Context(), nil); err != nil {
			return err
		}
		want, err := feed.ETag(view.Document())
		if err != nil {
			t.Fatal(err)
		}
		if etag, err := feed.ETag(got.Document); err != nil || etag != want || view.Position == 0 {
			return fmt.Errorf("%s, %v, want %s", etag, err, want)
		}
		if len(got.Keys)+len(view.Keys()) > 0 && !reflect.DeepEqual(got.Keys, view.Keys()) {
			t.Errorf("keys %+v, want %+v", got.Keys, view.Keys())
		}
		return nil
	})
	return got
}

// Whatever is commanded, what is read is the ledger's own document to the byte,
// whether read by parts or at once.
func TestReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	for name, url := range redistest.URLs(t) {
		for _, namespace := range []string{"", "staging"} {
			t.Run(name+namespace, func(t *testing.T) {
				client := open(t, url)
				p := newPlane(t, client, namespace)
				following := redisfeed.New(client, namespace)
				call := commands.Call{}
				for i, step := range []func(){
					func() { p.create(t, "one", "") },
					func() { p.resource(t, domain.KindLayer, "layer", "") },
					func() { p.resource(t, domain.KindSegment, "segment", `,"ids":["ü","a","b"]`) },
					func() {
						p.create(t, "two", `,"layer":{"key":"layer","share_ppm":1000},"audience":{"id":{"$inGroup":"segment"}}`)
					},
					func() { p.resource(t, domain.KindHoldout, "holdout", `,"share_ppm":10`) },
					func() { do[commands.Answer](t)(p.SetStatus(t.Context(), call, "one", "active")) },
					func() {
						_, _, err := p.CreateKey(t.Context(), call, []byte(`{"name":"edge","role":"server"}`))
						do[any](t)(nil, err)
					},
					func() { do[commands.Answer](t)(p.DeleteExperiment(t.Context(), call, "one")) },
					func() { do[commands.Answer](t)(p.DeleteResource(t.Context(), call, domain.KindHoldout, "holdout")) },
					func() { p.create(t, "three", "") },
				} {
					step()
					p.holds(t, following)
					got := p.holds(t, redisfeed.New(client, namespace))
					if i == 9 && (len(got.Document.Deleted) != 2 || len(got.Document.Segments[0].IDs) != 3) {
						t.Errorf("document %+v", got.Document)
					}
				}
			})
		}
	}
}

// What is there already is not read again.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	client := open(t, redistest.Real(t).URL())
	p := newPlane(t, client, "")
	p.create(t, "one", "")
	s := redisfeed.New(client, "")
	u := p.holds(t, s)
	have := &feed.State{Document: u.Document, Source: "redis"}
	if u, err := s.Fetch(t.Context(), have); u != nil || err != nil {
		t.Errorf("%+v, %v", u, err)
	}
	// From elsewhere, the same position may hold something else.
	have.Source = "disk"
	if got, err := s.Fetch(t.Context(), have); got != u || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	have.Document.Position++
	if u, err := s.Fetch(t.Context(), have); u != nil || !errors.Is(err, feed.ErrBehind) {
		t.Errorf("%+v, %v", u, err)
	}
}

// A ledger that was put back to an earlier position, and went on from there, shows
// by its hash. A position that was only set back by hand does not.
func TestRewritten(t *testing.T) {
	t.Parallel()
	client := open(t, redistest.Real(t).URL())
	before := newPlane(t, client, "")
	s := redisfeed.New(client, "")
	var u *feed.Update
	for _, key := range []string{"one", "two", "three"} {
		before.create(t, key, "")
		u = before.holds(t, s)
	}
	have := &feed.State{Document: u.Document, Source: "redis"}
	before.stop()
	digest := client.Get(t.Context(), "{experiments_map}:digest").Val()
	if err := client.MSet(t.Context(), "{experiments_map}:position", "2", "{experiments_map}:digest", "2"+strings.TrimPrefix(digest, "3")).Err(); err != nil {
		t.Fatal(err)
	}
	if u, err := s.Fetch(t.Context(), have); err == nil {
		t.Errorf("read %+v", u)
	}
	after := newPlane(t, client, "")
	after.create(t, "another", "")
	eventually(t, func() error {
		u, err := s.Fetch(t.Context(), have)
		if err != nil || !u.Rewritten || u.Document.Position != 1 {
			return fmt.Errorf("%+v, %w", u, err)
		}
		return nil
	})
	after.create(t, "one-more", "")
	if u := after.holds(t, s); u.Rewritten {
		t.Error("rewritten again, by what followed")
	}
}

// Whatever is done to Redis by hand, nobody gets anything but what was written.
func TestDamage(t *testing.T) {
	t.Parallel()
	const hash, around, position, digest = "experiments_map", "{experiments_map}:context", "{experiments_map}:position", "{experiments_map}:digest"
	for name, url := range redistest.URLs(t) {
		t.Run(name, func(t *testing.T) {
			client := open(t, url)
			p := newPlane(t, client, "")
			p.create(t, "one", "")
			p.create(t, "two", "")
			p.resource(t, domain.KindSegment, "segment", `,"ids":["a"]`)
			following := redisfeed.New(client, "")
			u := p.holds(t, following)
			p.stop() // nobody heals
			docs, err := client.HGetAll(t.Context(), hash).Result()
			fields, err2 := client.HGetAll(t.Context(), around).Result()
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			mark, stands := client.Get(t.Context(), digest).Val(), client.Get(t.Context(), position).Val()
			ids := slices.Sorted(maps.Keys(docs))
			var segment string
			for field := range fields {
				if strings.HasPrefix(field, "segment/") {
					segment = field
				}
			}
			for _, damage := range [][]any{
				{"flushall"},
				{"del", hash},
				{"del", around},
				{"del", position},
				{"del", digest},
				{"set", position, "4000"},
				{"set", position, "-1"},
				{"set", position, "x"},
				{"set", digest, ""},
				{"set", digest, "0:0:0:0:0:0"},
				{"set", digest, "4000" + strings.TrimPrefix(mark, stands)},
				{"set", digest, strings.Join(strings.Split(mark, ":")[:4], ":")},
				{"set", hash, "x"},
				{"set", around, "x"},
				{"hset", hash, ids[0], docs[ids[1]]},
				{"hset", hash, ids[0], docs[ids[1]], ids[1], docs[ids[0]]},
				{"hset", hash, ids[0], strings.Replace(docs[ids[0]], "inactive", "active", 1)},
				{"hset", hash, "x", "{}"},
				{"hdel", hash, ids[0]},
				{"hset", around, segment, strings.Replace(fields[segment], `"a"`, `"b"`, 1)},
				{"hdel", around, segment},
				{"hdel", around, "at"},
				{"hset", around, "deltas_from", "7"},
			} {
				_, err := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
					if damage[0] == "set" {
						p.Del(t.Context(), damage[1].(string))
					}
					p.Do(t.Context(), damage...)
					return nil
				})
				if err != nil {
					t.Fatal(damage, err)
				}
				if got, err := redisfeed.New(client, "").Fetch(t.Context(), nil); err == nil {
					t.Errorf("%.100q: read position %d with %d experiments", damage, got.Document.Position, len(got.Document.Experiments))
				} else if damage[0] == "flushall" && !errors.Is(err, feed.ErrNothing) {
					t.Errorf("emptied: %v", err)
				}
				// Who has read it before may not even notice.
				if got, err := following.Fetch(t.Context(), nil); err == nil && got != u {
					t.Errorf("%.100q: read %+v", damage, got)
				}
				restore(t, client, map[string]map[string]string{hash: docs, around: fields}, map[string]string{position: stands, digest: mark})
			}
			if got, err := redisfeed.New(client, "").Fetch(t.Context(), nil); err != nil || len(got.Document.Experiments) != 2 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func restore(t testing.TB, client redis.UniversalClient, hashes map[string]map[string]string, texts map[string]string) {
	t.Helper()
	_, err := client.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		p.FlushAll(t.Context())
		for key, fields := range hashes {
			p.HSet(t.Context(), key, fields)
		}
		for key, text := range texts {
			p.Set(t.Context(), key, text, 0)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Changes are told at once; a Redis that says nothing any more is given up.
func TestWatch(t *testing.T) {
	t.Parallel()
	server := redistest.Real(t)
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "hole", "127.0.0.1:0", server.Addr())
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	client := open(t, server.URL())
	s := redisfeed.New(open(t, "redis://"+proxy.Listen), "")
	hints, ended := make(chan int64, 10), make(chan error, 1)
	go func() { ended <- s.Watch(t.Context(), func(p int64) { hints <- p }) }()
	if p := <-hints; p != 0 {
		t.Errorf("first hint %d, want 0: something may have been missed", p)
	}
	for _, position := range []int64{7, 9} {
		if err := client.Publish(t.Context(), "experiments_changed", position).Err(); err != nil {
			t.Fatal(err)
		}
		if p := <-hints; p != position {
			t.Errorf("hint %d, want %d", p, position)
		}
	}
	time.Sleep(4 * time.Second) // all is quiet, and well
	select {
	case err := <-ended:
		t.Fatalf("listening ended: %v", err)
	default:
	}
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name":%q,"type":"timeout","stream":%q,"attributes":{"timeout":0}}`, stream, stream)
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Fetch(t.Context(), nil); err == nil {
		t.Error("read from a Redis that says nothing")
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("listening ended without an error")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still listening to nothing")
	}
}

// Listening ends when it should.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	s := redisfeed.New(open(t, redistest.Memory(t).URL()), "")
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Watch(ctx, func(int64) { close(heard) })
	}()
	<-heard
	cancel()
	select {
	case <-ended:
	case <-time.After(2 * time.Second):
		t.Error("still listening")
	}
}

var _ feed.Source = (*redisfeed.Source)(nil)
