package edge

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/presence"
)

const announcement = `{"version":"1.0.0","started_at":"2026-01-31T12:00:00Z","position":7,"source":"redis","stale":false,"listeners":3,"rejected":{"unit":2},
	"keys":[{"key_id":"0193e1a0-0000-7000-8000-000000000001","first_seen_at":"2026-01-31T12:00:00Z","last_seen_at":"2026-01-31T12:00:01Z"}]}`

func TestEdgesAnnounceThemselves(t *testing.T) {
	heard := map[string]presence.Announcement{}
	s := newStack(t, Config{Announced: func(id string, a presence.Announcement) error {
		if id == "one-too-many" {
			return domain.ErrUnavailable
		}
		if err := errors.Join(presence.CheckID(id), a.Check()); err != nil {
			return err
		}
		heard[id] = a
		return nil
	}})
	send := func(path, body string, want int) {
		t.Helper()
		got := s.send(t, request{method: "POST", path: path, body: body, token: s.tokens[domain.Server]})
		if got.status != want {
			t.Errorf("%s %.200s: %d %s, want %d", path, body, got.status, got.body, want)
		}
	}
	send("/edges/edge-1", announcement, http.StatusOK)
	if a := heard["edge-1"]; a.Position != 7 || a.Rejected["unit"] != 2 || len(a.Keys) != 1 || a.Listeners != 3 {
		t.Errorf("%+v", a)
	}
	for _, id := range []string{"", "Edge", "a/b", "-x", strings.Repeat("x", 65)} {
		send("/edges/"+id, announcement, http.StatusBadRequest)
	}
	for _, part := range [][2]string{
		{`"position":7`, `"position":-1`},
		{`"position":7`, `"position":7,"more":1`},
		{`"listeners":3`, `"listeners":-3`},
		{`"2026-01-31T12:00:00Z","position"`, `"0001-01-01T00:00:00Z","position"`},
		{`"version":"1.0.0"`, `"version":"` + strings.Repeat("x", 101) + `"`},
		{`"source":"redis"`, `"source":"` + strings.Repeat("x", 41) + `"`},
		{`{"unit":2}`, `{"unit":-2}`},
		{`12:00:01Z"}`, `11:00:01Z"}`},
	} {
		send("/edges/edge-1", strings.Replace(announcement, part[0], part[1], 1), http.StatusBadRequest)
	}
	send("/edges/one-too-many", announcement, http.StatusServiceUnavailable)
}

func TestUsesOfKeysAreNoted(t *testing.T) {
	uses := presence.NewUses()
	s := newStack(t, Config{Uses: uses})
	if got := uses.Since(time.Time{}, 10); len(got) != 0 {
		t.Errorf("nobody came, and it notes %+v", got)
	}
	before := time.Now().Truncate(time.Millisecond)
	s.send(t, request{method: "POST", path: "/evaluate", body: `{}`, token: s.tokens[domain.Client]})
	s.send(t, request{method: "POST", path: "/evaluate", body: `{}`, token: "wrong"})
	s.send(t, request{method: "GET", path: "/feed", token: s.tokens[domain.Client]})
	got := uses.Since(before, 10)
	if len(got) != 1 || got[0].First.Before(before) || uses.Newest().Before(before) {
		t.Errorf("%+v", got)
	}
	s.show(t, demo(2)) // another view has the same marks
	if again := uses.Since(before, 10); len(again) != 1 || again[0] != got[0] {
		t.Errorf("%+v, was %+v", again, got)
	}
	if traffic := s.Traffic(); traffic.Listeners != 0 || len(traffic.Rejected) != 0 {
		t.Errorf("%+v", traffic)
	}
}
