// Package redisroll brings what edges announce to the control plane through Redis,
// for edges that know no other way. Begin with New.
package redisroll

import (
	"context"
	_ "embed"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/presence"
)

//go:embed announce.lua
var announceSource string

// maxBody bounds what is read of one edge, in bytes.
const maxBody = 128 << 10

// Roll is the hash of a namespace: the edge's id, and when it spoke by the clock
// of Redis with what it said.
type Roll struct {
	client   redis.UniversalClient
	key      string
	announce *redis.Script
}

// New returns the roll of a namespace, default none.
func New(client redis.UniversalClient, namespace string) *Roll {
	if namespace != "" {
		namespace += ":"
	}
	return &Roll{client: client, key: namespace + "edges", announce: redis.NewScript(announceSource)}
}

// errFull says that there are as many edges as are listed.
var errFull = errors.New("there are as many edges as are listed")

// Announce implements presence.Sender.
func (r *Roll) Announce(ctx context.Context, id string, a presence.Announcement) error {
	body, err := domain.Encode(a)
	if err != nil {
		return err
	}
	done, err := r.announce.Run(ctx, r.client, []string{r.key}, id, body, presence.MaxEdges, presence.Forgotten.Milliseconds()).Int()
	if err == nil && done == 0 {
		err = errFull
	}
	return err
}

// Heard is an announcement and how long ago it was made.
type Heard struct {
	ID string
	presence.Announcement
	Age time.Duration
}

// Edges returns what edges said last, and forgets those that fell silent.
func (r *Roll) Edges(ctx context.Context) ([]Heard, error) {
	var now *redis.TimeCmd
	var all *redis.MapStringStringCmd
	_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		now, all = p.Time(ctx), p.HGetAll(ctx, r.key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var edges []Heard
	var gone []string
	for id, value := range all.Val() {
		heard, ok := parse(id, value, now.Val())
		if !ok || heard.Age > presence.Forgotten {
			gone = append(gone, id)
		} else if len(edges) < presence.MaxEdges {
			edges = append(edges, heard)
		}
	}
	if len(gone) > 0 {
		err = r.client.HDel(ctx, r.key, gone...).Err()
	}
	return edges, err
}

// parse reads a field; not ok is what no edge wrote.
func parse(id, value string, now time.Time) (h Heard, ok bool) {
	at, body, _ := strings.Cut(value, " ")
	millis, err := strconv.ParseInt(at, 10, 64)
	if err != nil || len(body) > maxBody || presence.CheckID(id) != nil {
		return h, false
	}
	h.ID, h.Age = id, max(0, now.Sub(time.UnixMilli(millis)))
	if domain.Decode([]byte(body), &h.Announcement) != nil || h.Check() != nil {
		return h, false
	}
	return h, true
}
