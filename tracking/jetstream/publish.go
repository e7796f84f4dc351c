package jetstream

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/tracking"
)

// maxMessage bounds a message's events in bytes: NATS takes 1 MiB by default.
const maxMessage = 512 << 10

// JetStream's codes of a stream that takes no more, and of servers that do not.
const (
	codeStreamFull = 10077
	codeServerFull = 10047
)

// Store puts the events into the stream, in as few messages as hold them, and
// returns when they are on disk. Which of them were stored before is not known
// yet: all count as new. It fails with tracking.ErrFull or tracking.ErrDown;
// some of the events may then be stored all the same.
func (s *Stream) Store(ctx context.Context, events []tracking.Event) (tracking.Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var none tracking.Stored
	messages, err := s.pack(events)
	if err != nil {
		return none, err
	}
	acks := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		if acks[i], err = s.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0)); err != nil {
			return none, refusal(err)
		}
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return none, refusal(err)
		case <-ctx.Done():
			return none, fmt.Errorf("%w: %w", tracking.ErrDown, ctx.Err())
		}
	}
	return tracking.Stored{New: len(events)}, nil
}

// refusal says why the stream did not take a message.
func refusal(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == codeStreamFull || api.ErrorCode == codeServerFull) || errors.Is(err, jetstream.ErrTooManyStalledMsgs) {
		return fmt.Errorf("%w: %w", tracking.ErrFull, err)
	}
	return fmt.Errorf("%w: %w", tracking.ErrDown, err)
}

// pack makes messages of the events, each a batch as POST /track takes it.
func (s *Stream) pack(events []tracking.Event) ([]*nats.Msg, error) {
	var messages []*nats.Msg
	for i := 0; i < len(events); {
		partition := xxh3.HashString(events[i].Unit) % partitions
		data, ids, size := []byte(`{"events":[`), xxh3.New(), 0
		for first := i; i < len(events); i++ {
			encoded, err := json.Marshal(&events[i])
			if err != nil {
				return nil, err
			}
			if size += len(encoded) + 1; size > maxMessage && i > first {
				break
			}
			data = append(append(data, encoded...), ',')
			_, _ = ids.Write(events[i].ID[:])
		}
		data[len(data)-1] = ']'
		message := nats.NewMsg(s.subject(strconv.FormatUint(partition, 10)))
		message.Data = append(data, '}')
		// The same events sent again are the same message.
		sum := ids.Sum128().Bytes()
		message.Header.Set(jetstream.MsgIDHeader, hex.EncodeToString(sum[:]))
		messages = append(messages, message)
	}
	return messages, nil
}
