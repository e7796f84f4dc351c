package presence

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/assaylabs/assay/domain"
)

const (
	// Every is the pause between announcements of one process; a key that had not
	// been seen before is told after a tick.
	Every = 5 * time.Second
	tick  = time.Second
	// Overlap is for how long a use is told again and again, should an
	// announcement be lost.
	Overlap = 30 * time.Second
	// sendTime bounds one announcement.
	sendTime = 2 * time.Second
)

// Sender takes announcements to where they are gathered.
type Sender interface {
	Announce(ctx context.Context, id string, a Announcement) error
}

// Announcer announces an edge.
type Announcer struct {
	ID     string
	Sender Sender
	// Facts are what is to be announced, but for the keys.
	Facts func() Announcement
	Uses  *Uses
	Log   *slog.Logger
}

// Run announces until ctx ends. What cannot be sent is no loss: the next says all.
func (a *Announcer) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var tried, told time.Time
	failing := false
	for ctx.Err() == nil {
		now := time.Now()
		if now.Sub(tried) >= Every || !failing && !a.Uses.Newest().Before(tried) {
			tried = now
			err := a.announce(ctx, told)
			if err == nil {
				told = now
			} else if !failing && ctx.Err() == nil {
				a.Log.WarnContext(ctx, "this edge cannot announce itself", "error", err)
			}
			failing = err != nil
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return ctx.Err()
}

func (a *Announcer) announce(ctx context.Context, told time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	facts := a.Facts()
	facts.Keys = a.Uses.Since(told.Add(-Overlap), MaxKeys)
	return a.Sender.Announce(ctx, a.ID, facts)
}

// Control sends to a control plane, with a token of the role server.
type Control struct{ URL, Token string }

// Announce implements Sender.
func (c Control) Announce(ctx context.Context, id string, a Announcement) error {
	body, err := domain.Encode(a)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.URL, "/")+"/edges/"+url.PathEscape(id), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 200)) // it only adds to the error
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("POST /edges: %s %s", res.Status, text)
	}
	return nil
}
