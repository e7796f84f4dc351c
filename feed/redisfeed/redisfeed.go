// Package redisfeed reads what the control plane keeps in Redis, as a source of
// a feed. What it returns is proven by the digest that stands beside it: content
// that was lost, edited or half written is an error, never a snapshot. Begin with
// New.
package redisfeed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/feed"
)

// quiet is after how long without a message Redis is asked whether it still
// listens; after twice that it is given up.
const quiet = 3 * time.Second

// Source is one namespace of a Redis. It is for one feed.
type Source struct {
	client redis.UniversalClient
	hash, context,
	position, digest, channel string

	// last is what was read last, and seen the ledger's hash at each position that
	// was: another hash there is another history. Fetch alone uses them.
	last *content
	seen map[int64]string
}

// maxSeen bounds what is remembered of the past.
const maxSeen = 10_000

// New returns the source of a namespace, default none.
func New(client redis.UniversalClient, namespace string) *Source {
	if namespace != "" {
		namespace += ":"
	}
	hash := namespace + "experiments_map"
	return &Source{
		client: client, hash: hash, channel: namespace + "experiments_changed", seen: map[int64]string{},
		// On a cluster these share the hash's slot.
		context: "{" + hash + "}:context", position: "{" + hash + "}:position", digest: "{" + hash + "}:digest",
	}
}

// Name implements feed.Source.
func (s *Source) Name() string { return "redis" }

// Fetch implements feed.Source. It reads no more than what the digest says has
// changed.
func (s *Source) Fetch(ctx context.Context, have *feed.State) (*feed.Update, error) {
	var position, digest *redis.StringCmd
	err := s.ask(ctx, func(p redis.Pipeliner) {
		position, digest = p.Get(ctx, s.position), p.Get(ctx, s.digest)
	})
	if err != nil {
		return nil, err
	}
	m, err := believe(position.Val(), digest.Val())
	if err != nil {
		return nil, err
	}
	switch {
	case have != nil && m.position < have.Document.Position && !s.contradicts(m):
		return nil, feed.ErrBehind
	case s.last == nil || s.last.mark != m:
		now, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		// It may have moved since the mark was read.
		if now.update.Rewritten = s.contradicts(now.mark); now.update.Rewritten && now.lateExperiments() {
			return nil, fmt.Errorf("%w: an experiment is later than the position", errUnfit)
		}
		s.remember(now)
	case have != nil && have.Source == s.Name() && have.Document.Position == m.position:
		return nil, nil
	}
	return s.last.update, nil
}

// contradicts says that a mark is of another history than what was read before.
func (s *Source) contradicts(m mark) bool {
	hash, known := s.seen[m.position]
	return known && hash != m.hash
}

func (s *Source) remember(c *content) {
	s.last = c
	if c.update.Rewritten || len(s.seen) >= maxSeen {
		clear(s.seen)
	}
	s.seen[c.mark.position] = c.mark.hash
}

// read reads what has changed since the last time, and all of it where that does
// not add up.
func (s *Source) read(ctx context.Context) (*content, error) {
	if s.last != nil {
		if c, err := s.readChanged(ctx, s.last); err == nil || !errors.Is(err, errUnfit) {
			return c, err
		}
	}
	var position, digest *redis.StringCmd
	var docs, around *redis.MapStringStringCmd
	err := s.ask(ctx, func(p redis.Pipeliner) {
		position, digest = p.Get(ctx, s.position), p.Get(ctx, s.digest)
		docs, around = p.HGetAll(ctx, s.hash), p.HGetAll(ctx, s.context)
	})
	if err != nil {
		return nil, err
	}
	m, err := believe(position.Val(), digest.Val())
	if err != nil {
		return nil, err
	}
	return newContent(m, docs.Val(), around.Val())
}

// readChanged reads the experiments alone, for the rest of the context mostly
// stays and may be large.
func (s *Source) readChanged(ctx context.Context, last *content) (*content, error) {
	var position, digest *redis.StringCmd
	var docs *redis.MapStringStringCmd
	var moving *redis.SliceCmd
	err := s.ask(ctx, func(p redis.Pipeliner) {
		position, digest = p.Get(ctx, s.position), p.Get(ctx, s.digest)
		docs, moving = p.HGetAll(ctx, s.hash), p.HMGet(ctx, s.context, moves[:]...)
	})
	if err != nil {
		return nil, err
	}
	m, err := believe(position.Val(), digest.Val())
	if err != nil {
		return nil, err
	}
	return last.at(m, docs.Val(), moving.Val())
}

// ask sends questions that are answered as of one moment.
func (s *Source) ask(ctx context.Context, questions func(redis.Pipeliner)) error {
	send := func(p redis.Pipeliner) error {
		questions(p)
		return nil
	}
	cmds, err := s.client.TxPipelined(ctx, send)
	if redis.HasErrorPrefix(err, "OOM") || redis.HasErrorPrefix(err, "EXECABORT") {
		// Out of memory it refuses transactions, but reads. What changes between
		// the reads does not fit the digest.
		cmds, err = s.client.Pipelined(ctx, send)
	}
	for _, cmd := range cmds {
		if cause := cmd.Err(); cause != nil && !errors.Is(cause, redis.Nil) {
			return cause
		}
	}
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

// Watch implements feed.Source: it listens to the channel.
func (s *Source) Watch(ctx context.Context, hint func(int64)) error {
	sub := s.client.Subscribe(ctx, s.channel)
	defer sub.Close()
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })() // receiving does not end with ctx
	for asked := false; ; {
		message, err := sub.ReceiveTimeout(ctx, quiet)
		var timeout net.Error
		switch {
		case err != nil && errors.As(err, &timeout) && timeout.Timeout() && !asked:
			asked = true
			err = sub.Ping(ctx)
		case err == nil:
			asked = false
		}
		if err != nil {
			return fmt.Errorf("listen to redis: %w", err)
		}
		switch m := message.(type) {
		case *redis.Subscription:
			hint(0)
		case *redis.Message:
			position, _ := strconv.ParseInt(m.Payload, 10, 64)
			hint(position)
		}
	}
}
