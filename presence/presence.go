// Package presence tells who is there: servers and edges announce themselves every
// few seconds, and with it which API keys they saw in use. Nothing of it is in the
// ledger, nothing waits for it, and what is lost of it is announced again.
//
// A process notes uses in Uses; an edge runs an Announcer. Package roll gathers it
// all in Postgres, redisroll brings what edges say through Redis.
package presence

import (
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

const (
	// MaxEdges bounds the edges that are listed.
	MaxEdges = 1_000
	// MaxKeys bounds the uses in one announcement.
	MaxKeys = 300
	// Forgotten is after how long without an announcement nobody is listed.
	Forgotten = 5 * time.Minute

	maxVersion, maxSource = 100, 40
	maxReasons            = 40
	maxCount              = 1<<53 - 1
)

// Traffic is what the data plane of a process has to do. Rejected are tracked
// events that will never be stored, by reason, since its start.
type Traffic struct {
	Listeners int              `json:"listeners"`
	Rejected  map[string]int64 `json:"rejected"`
}

// Replica is a server of the control plane as it announced itself. Lag is by how
// many records, and for how long, its memory was behind the ledger.
type Replica struct {
	ID         string    `json:"id"`
	Version    string    `json:"version"`
	StartedAt  time.Time `json:"started_at"`
	SeenAt     time.Time `json:"seen_at"`
	Position   int64     `json:"position"`
	Lag        int64     `json:"lag"`
	LagSeconds float64   `json:"lag_seconds"`
	// Redis is nil for a replica without.
	Redis *Projection `json:"redis,omitempty"`
	Traffic
}

// Projection is how far one holds the ledger.
type Projection struct {
	State      string  `json:"state"`
	Position   int64   `json:"position"`
	Lag        int64   `json:"lag"`
	LagSeconds float64 `json:"lag_seconds"`
}

// Announcement is what an edge says of itself.
type Announcement struct {
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	// Position is what it serves, and Source where that came from; empty before
	// the first.
	Position int64  `json:"position"`
	Source   string `json:"source"`
	Stale    bool   `json:"stale"`
	Traffic
	// Keys are those used of late.
	Keys []Use `json:"keys"`
}

// Edge is one as a replica heard of it. Lag is by how many records it was behind
// of what that replica knew then.
type Edge struct {
	ID        string    `json:"id"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at"`
	Position  int64     `json:"position"`
	Lag       int64     `json:"lag"`
	Source    string    `json:"source"`
	Stale     bool      `json:"stale"`
	Traffic
}

// Use says when a process saw a key first, since its start, and last.
type Use struct {
	KeyID uuid.UUID `json:"key_id"`
	First time.Time `json:"first_seen_at"`
	Last  time.Time `json:"last_seen_at"`
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// CheckID refuses what no process calls itself.
func CheckID(id string) error {
	if !idPattern.MatchString(id) {
		return domain.Invalid("id", "must be up to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or a digit")
	}
	return nil
}

// Check refuses what no edge has to say.
func (a *Announcement) Check() error {
	sane := func(t time.Time) bool { return t.Year() >= 2020 && t.Year() <= 9998 }
	switch {
	case len(a.Version) > maxVersion:
		return domain.Invalid("version", "must have at most %d bytes", maxVersion)
	case !sane(a.StartedAt):
		return domain.Invalid("started_at", "must be a time from 2020 to 9998")
	case a.Position < 0 || a.Position > maxCount:
		return domain.Invalid("position", "must be a whole number from 0")
	case len(a.Source) > maxSource:
		return domain.Invalid("source", "must have at most %d bytes", maxSource)
	case a.Listeners < 0 || a.Listeners > maxCount:
		return domain.Invalid("listeners", "must be a whole number from 0")
	case len(a.Rejected) > maxReasons:
		return domain.Invalid("rejected", "must name at most %d reasons", maxReasons)
	case len(a.Keys) > MaxKeys:
		return domain.Invalid("keys", "must be at most %d", MaxKeys)
	}
	for reason, n := range a.Rejected {
		if len(reason) > maxSource || n < 0 || n > maxCount {
			return domain.Invalid("rejected", "must be counts by a reason of at most %d bytes", maxSource)
		}
	}
	for _, use := range a.Keys {
		if !sane(use.First) || !sane(use.Last) || use.Last.Before(use.First) {
			return domain.Invalid("keys", "must be used first, then last, from 2020 to 9998")
		}
	}
	return nil
}
