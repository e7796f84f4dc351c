package eventstore

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is the NOTIFY channel of the schema's ledger.
func (s *Store) channel() string {
	if s.cfg.Schema == "public" {
		return "assay_events"
	}
	return "assay_events_" + s.cfg.Schema
}

// listen follows the ledger's notifications on a connection of its own. A
// notification is only a hint: poll finds what was missed.
func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.listenOnce(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.DebugContext(ctx, "ledger notifications interrupted", "error", err)
		}
		pause(ctx, time.Second)
	}
}

func (s *Store) listenOnce(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{s.channel()}.Sanitize()); err != nil {
		return err
	}
	for {
		note, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if position, err := strconv.ParseInt(note.Payload, 10, 64); err == nil {
			s.heard(position)
		}
	}
}

// poll asks for the head once a second.
func (s *Store) poll(ctx context.Context) {
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, time.Second)
		if head, err := s.Head(asking); err == nil {
			s.heard(head.Position)
		}
		cancel()
		pause(ctx, time.Second)
	}
}

// pause waits about d, spread by a quarter so that replicas do not march in
// step.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d*3/4 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
