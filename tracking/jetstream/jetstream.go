// Package jetstream carries tracked events through a stream of NATS JetStream:
// edges put batches in, loaders take them out and store them. What is
// acknowledged lies in files of a majority of the stream's replicas; with
// `sync_interval: always` in the servers' configuration, on their disks. Begin
// with Open.
package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// partitions are the subjects that batches are spread over, by their first
	// event's unit.
	partitions = 16
	// duplicateWindow is how long the stream remembers the ids of messages. What
	// comes again after that is told by the ids of its events.
	duplicateWindow = 2 * time.Minute
	// answerTimeout bounds what is asked of the servers.
	answerTimeout = 2 * time.Second
	// ackWait is how long a loader may take before others get its messages.
	ackWait = 10 * time.Second
	durable = "postgres"
)

// Config says where the stream is. The zero value of all but URL is right for
// most.
type Config struct {
	// URL is of one or more servers, with commas.
	URL string
	// Namespace keeps environments on the same servers apart.
	Namespace string
	// Replicas of the stream: 1, 3 or 5; 0 takes 3 of a cluster, 1 of a server.
	Replicas int
	// MaxBytes is what the stream may hold before it takes no more; 0: what the
	// servers give it.
	MaxBytes int64
	Log      *slog.Logger
	Registry prometheus.Registerer // nil: not metered
}

// Stream is a connection to the stream. Its methods may be called concurrently.
type Stream struct {
	cfg  Config
	conn *nats.Conn
	js   jetstream.JetStream
}

// Open connects, now or as soon as there is a server: what needs one before that
// fails for the time being.
func Open(cfg Config) (*Stream, error) {
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	conn, err := nats.Connect(cfg.URL,
		nats.Name("assay"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.Timeout(answerTimeout), nats.ReconnectWait(250*time.Millisecond), nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2),
		// What was not sent when the connection broke must fail, not wait.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { cfg.Log.Warn("lost NATS", "error", err) }),
		nats.ReconnectHandler(func(c *nats.Conn) { cfg.Log.Info("NATS is back", "server", c.ConnectedAddr()) }),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(answerTimeout))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return &Stream{cfg: cfg, conn: conn, js: js}, nil
}

// Close ends the connection.
func (s *Stream) Close() { s.conn.Close() }

func (s *Stream) name() string {
	if s.cfg.Namespace == "" {
		return "ASSAY_TRACK"
	}
	return "ASSAY_TRACK_" + s.cfg.Namespace
}

// subject is where the batches of a partition go; "*" is all.
func (s *Stream) subject(partition string) string {
	return s.name() + "." + partition
}

// Ensure makes the stream where there is none. A stream that is there keeps its
// settings: they are the operator's.
func (s *Stream) Ensure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := s.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: s.name(), Subjects: []string{s.subject("*")},
		Description: "What units saw and did, on its way into Postgres.",
		// A message goes when it was loaded, and never before.
		Retention: jetstream.WorkQueuePolicy,
		Storage:   jetstream.FileStorage, Replicas: s.replicas(),
		MaxBytes: cmp.Or(s.cfg.MaxBytes, -1), Discard: jetstream.DiscardNew,
		Duplicates: duplicateWindow,
	})
	if err == nil || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil
	}
	return fmt.Errorf("make stream %s: %w", s.name(), err)
}

func (s *Stream) replicas() int {
	if s.cfg.Replicas > 0 {
		return s.cfg.Replicas
	}
	if s.conn.ConnectedClusterName() != "" {
		return 3
	}
	return 1
}
