package queries

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/redistest"
)

// events reads all pages of the records that options ask for.
func (s *stack) events(t testing.TB, o EventOptions) []int64 {
	t.Helper()
	var positions []int64
	for range 1000 {
		page, err := s.Events(t.Context(), o)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		for _, e := range page.Items {
			positions = append(positions, e.Position)
		}
		if page.NextCursor == nil {
			return positions
		}
		at, err := strconv.ParseInt(*page.NextCursor, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if o.Newest {
			o.Before = at
		} else {
			o.After = at
		}
	}
	t.Fatalf("%+v: the pages do not end", o)
	return nil
}

// Every filter gives what a look at each record gives, in both directions and by
// pages of any size.
func TestEventsByFilter(t *testing.T) {
	s := newStack(t)
	s.story(t)
	for _, actor := range []string{"Ada", "Grace"} {
		if _, err := s.commands.SetStatus(t.Context(), commands.Call{Meta: eventstore.Meta{Actor: actor, Reason: "why"}}, "b", map[string]string{"Ada": "active", "Grace": "inactive"}[actor]); err != nil {
			t.Fatal(err)
		}
	}
	records, err := s.store.ReadAll(t.Context(), 0, MaxLimit)
	if err != nil {
		t.Fatal(err)
	}
	middle := records[len(records)/2]
	b, err := s.holder(t.Context(), "b", 1<<62)
	if err != nil {
		t.Fatal(err)
	}
	// A key names everything that ever had it.
	held := map[domain.Stream]bool{}
	for _, r := range records {
		if created, ok := r.Event.(domain.Created[domain.Experiment]); ok && created.After.Key == "a" {
			held[r.Stream] = true
		}
	}
	for name, tt := range map[string]struct {
		options EventOptions
		wanted  func(r *eventstore.Record) bool
	}{
		"all":         {EventOptions{}, func(*eventstore.Record) bool { return true }},
		"one type":    {EventOptions{Type: "experiment.created"}, func(r *eventstore.Record) bool { return r.Type == "experiment.created" }},
		"many types":  {EventOptions{Type: "segment."}, func(r *eventstore.Record) bool { return strings.HasPrefix(r.Type, "segment.") }},
		"most types":  {EventOptions{Type: "experiment."}, func(r *eventstore.Record) bool { return strings.HasPrefix(r.Type, "experiment.") }},
		"actor":       {EventOptions{Actor: "Ada"}, func(r *eventstore.Record) bool { return r.Actor == "Ada" }},
		"nobody":      {EventOptions{Actor: "Nobody"}, func(*eventstore.Record) bool { return false }},
		"id":          {EventOptions{Stream: b.String()}, func(r *eventstore.Record) bool { return strings.HasSuffix(string(r.Stream), b.String()) }},
		"stream":      {EventOptions{Stream: "experiment/" + b.String()}, func(r *eventstore.Record) bool { return strings.HasSuffix(string(r.Stream), b.String()) }},
		"key":         {EventOptions{Stream: "a"}, func(r *eventstore.Record) bool { return held[r.Stream] }},
		"unknown key": {EventOptions{Stream: "nothing"}, func(*eventstore.Record) bool { return false }},
		"key and type": {
			EventOptions{Stream: "a", Type: "experiment.status_changed", After: 3, Before: middle.Position},
			func(r *eventstore.Record) bool {
				return held[r.Stream] && r.Type == "experiment.status_changed" && r.Position > 3 && r.Position < middle.Position
			},
		},
		"from":      {EventOptions{From: middle.RecordedAt}, func(r *eventstore.Record) bool { return !r.RecordedAt.Before(middle.RecordedAt) }},
		"to":        {EventOptions{To: middle.RecordedAt}, func(r *eventstore.Record) bool { return r.RecordedAt.Before(middle.RecordedAt) }},
		"long past": {EventOptions{To: time.Unix(0, 0)}, func(*eventstore.Record) bool { return false }},
		"to come":   {EventOptions{From: time.Now().Add(time.Hour)}, func(*eventstore.Record) bool { return false }},
		"between":   {EventOptions{After: 3, Before: 9}, func(r *eventstore.Record) bool { return r.Position > 3 && r.Position < 9 }},
	} {
		var want []int64
		for i := range records {
			if tt.wanted(&records[i]) {
				want = append(want, records[i].Position)
			}
		}
		for _, limit := range []int{1, 2, 7, 0} {
			o := tt.options
			o.Limit = limit
			if got := s.events(t, o); !slices.Equal(got, want) {
				t.Errorf("%s by %d: %v, want %v", name, limit, got, want)
			}
			o.Newest = true
			got := s.events(t, o)
			slices.Reverse(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d, newest first: %v, want %v", name, limit, got, want)
			}
		}
	}
}

func TestEventOptionsThatAreNone(t *testing.T) {
	s := newStack(t)
	now := time.Now()
	for field, o := range map[string]EventOptions{
		"after": {After: -1}, "before": {Before: -1}, "limit": {Limit: MaxLimit + 1}, "from": {From: now, To: now},
		"type": {Type: "\x00"}, "actor": {Actor: "\xff"}, "stream": {Stream: "a\x00"},
	} {
		var invalid *domain.InvalidError
		if _, err := s.Events(t.Context(), o); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A rare record is found in a long ledger by pages that each look at a bounded
// part of it, and none of them passes over a record.
func TestRareEventsOfALongLedger(t *testing.T) {
	ledger := ledgertest.New(t)
	const long = maxScan + maxScan/4
	ledger.FillAndReplay(t, ledgertest.Filling{Records: long, Experiments: 50})
	s := stackOn(t, ledger, redistest.Memory(t).URL())
	want := s.events(t, EventOptions{Stream: "checkout", Type: "layer.created"})
	if len(want) != 1 || want[0] > 10 {
		t.Fatalf("the layer was created at %v", want)
	}
	for _, newest := range []bool{false, true} {
		o := EventOptions{Type: "layer.", Newest: newest}
		if got := s.events(t, o); !slices.Equal(got, want) {
			t.Errorf("newest first %v: %v, want %v", newest, got, want)
		}
		page, err := s.Events(t.Context(), o)
		end := strconv.Itoa(maxScan)
		if newest {
			end = fmt.Sprint(long - maxScan + 1)
		}
		if err != nil || page.NextCursor == nil || *page.NextCursor != end {
			t.Errorf("newest first %v: the first page ends at %v, %v, want %s", newest, page.NextCursor, err, end)
		}
	}
	if got := s.events(t, EventOptions{Type: "layer.", After: long - maxScan - 1, Newest: true}); len(got) != 0 {
		t.Errorf("%v after the window", got)
	}
}
