package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/tracking"
)

const (
	// loadMessages is what one transaction stores at most: up to 32 MiB.
	loadMessages = 64
	loadWait     = 500 * time.Millisecond
	// storeEvents is what is stored at once.
	storeEvents = 5000
	// maxPending is how many messages all loaders together may be storing.
	maxPending = 16 * loadMessages
	// The pause after a failure doubles from minPause to maxPause.
	minPause = 100 * time.Millisecond
	maxPause = 2 * time.Second
	// orphanAfter is how long the consumer may have no leader.
	orphanAfter = 20 * time.Second
)

// Store keeps events for good; [intake.Intake] does.
type Store func(context.Context, []tracking.Event) (tracking.Stored, error)

// Loader takes batches out of the stream and stores them. Any number of them, in
// any number of processes, share the work.
type Loader struct {
	stream *Stream
	store  Store
	loaded *prometheus.CounterVec
}

// NewLoader returns a loader that runs when Run is called.
func NewLoader(stream *Stream, store Store) *Loader {
	l := &Loader{stream: stream, store: store, loaded: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "assay_track_loaded_total",
		Help: "Events taken out of the stream by what became of them: new, duplicate, refused by Postgres; and messages that were unreadable.",
	}, []string{"outcome"})}
	if stream.cfg.Registry != nil {
		stream.cfg.Registry.MustRegister(l.loaded)
	}
	return l
}

func (l *Loader) count(outcome string, n int) { l.loaded.WithLabelValues(outcome).Add(float64(n)) }

// Run loads until ctx ends. It makes the stream where there is none yet.
func (l *Loader) Run(ctx context.Context) error {
	worked := time.Now()
	for pause := minPause; ctx.Err() == nil; pause = min(2*pause, maxPause) {
		consumer, err := l.begin(ctx)
		for err == nil {
			if err = l.step(ctx, consumer); err == nil {
				pause, worked = minPause, time.Now()
			}
		}
		if errors.Is(err, nats.ErrNoResponders) && time.Since(worked) > orphanAfter {
			l.abandon(ctx)
			worked = time.Now()
		}
		if ctx.Err() == nil {
			l.stream.cfg.Log.WarnContext(ctx, "tracked events stay in the stream for now", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return ctx.Err()
}

// begin returns the consumer that all loaders share.
func (l *Loader) begin(ctx context.Context) (jetstream.Consumer, error) {
	if err := l.stream.Ensure(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	consumer, err := l.stream.js.CreateOrUpdateConsumer(ctx, l.stream.name(), jetstream.ConsumerConfig{
		Durable: durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
		MaxAckPending: maxPending, MaxDeliver: -1,
	})
	if err != nil {
		return nil, fmt.Errorf("make consumer %s: %w", durable, err)
	}
	return consumer, nil
}

// abandon deletes a consumer that nobody leads any more, as happens where servers
// are killed while they found it. The next one begins with all that the stream
// still holds.
func (l *Loader) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err := l.stream.js.DeleteConsumer(ctx, l.stream.name(), durable)
	l.stream.cfg.Log.WarnContext(ctx, "the consumer had no leader: it is made anew", "error", err)
}

// step stores what the stream has, up to a bound, and then acknowledges it. What
// was stored and not acknowledged comes again, and is told by its ids.
func (l *Loader) step(ctx context.Context, consumer jetstream.Consumer) error {
	fetched, err := consumer.Fetch(loadMessages, jetstream.FetchMaxWait(loadWait))
	if err != nil {
		return fmt.Errorf("fetch from NATS: %w", err)
	}
	var messages []jetstream.Msg
	var events []tracking.Event
	for m := range fetched.Messages() {
		read, err := l.read(m)
		if err != nil {
			return err
		}
		messages, events = append(messages, m), append(events, read...)
	}
	if err := fetched.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) && len(messages) == 0 {
		return fmt.Errorf("fetch from NATS: %w", err)
	}
	if ctx.Err() != nil || len(messages) == 0 {
		return ctx.Err()
	}
	for chunk := range slices.Chunk(events, storeEvents) {
		stored, err := l.store(ctx, chunk)
		l.count("new", stored.New)
		l.count("duplicate", stored.Duplicates)
		l.count("refused", len(stored.Refused))
		if err != nil {
			for _, m := range messages {
				_ = m.NakWithDelay(minPause) // else it comes again after ackWait
			}
			return fmt.Errorf("store %d events: %w", len(chunk), err)
		}
	}
	for _, m := range messages {
		if err := m.Ack(); err != nil {
			return fmt.Errorf("acknowledge to NATS: %w", err)
		}
	}
	return nil
}

// read returns a message's events. One that nobody can read is counted, logged
// and stays in the log: no edge sends such.
func (l *Loader) read(m jetstream.Msg) ([]tracking.Event, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read a message of NATS: %w", err)
	}
	// Their times were looked at when they were acknowledged.
	events, rejected, err := tracking.Parse(m.Data(), time.Time{})
	if err == nil && len(rejected) == 0 {
		return events, nil
	}
	l.count("unreadable", 1)
	l.stream.cfg.Log.Error("a message cannot be read: it is left out", "sequence", meta.Sequence.Stream,
		"problem", errors.Join(err, problems(rejected)), "message", string(m.Data()[:min(len(m.Data()), 4<<10)]))
	return events, nil
}

func problems(rejected []tracking.Rejection) error {
	if len(rejected) == 0 {
		return nil
	}
	return fmt.Errorf("event %d: %s", rejected[0].Index, rejected[0].Problem)
}
