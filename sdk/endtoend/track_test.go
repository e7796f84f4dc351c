package endtoend_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/assaylabs/assay/sdk"
)

// What SDKs report, to a server and to an edge before it, is in Postgres once,
// though the server is killed meanwhile.
func TestWhatIsTrackedArrives(t *testing.T) {
	s := newServer(t)
	s.send(t, http.MethodPost, "/experiments", `{"key":"button","name":"Button"}`, nil)
	position := s.toggle(t, "button", true)
	token := s.key(t)
	clients := map[string]*sdk.Client{}
	for name, url := range map[string]string{"serve": s.URL(), "edge": s.newEdge(t).URL()} {
		client, err := sdk.New(t.Context(), sdk.Config{
			URL: url, Token: token, Log: slog.New(slog.DiscardHandler), ExposureInterval: 10 * time.Millisecond, Poll: 500 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.WaitPosition(t.Context(), position); err != nil {
			t.Fatal(err)
		}
		clients[name] = client
	}
	const each = 300
	track := func(from, to int) {
		for name, client := range clients {
			for n := from; n < to; n++ {
				unit := fmt.Sprint(name, n)
				client.Bool("button", sdk.Unit{ID: unit}, false)
				if err := client.Track(sdk.Event{Name: "purchase", Unit: unit, Value: new(0.25), Units: map[string]string{"device": "d" + unit}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	track(0, each/2)
	s.Kill()
	track(each/2, each)
	launch(t, s.Process)
	for name, client := range clients {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := client.Flush(ctx); err != nil {
			t.Fatal(name, err)
		}
		want := sdk.Stats{Exposures: each, Events: each, Accepted: 2 * each}
		got := client.Stats()
		got.Retries = 0
		if got != want {
			t.Errorf("%s counted %+v, want %+v", name, got, want)
		}
	}
	conn := s.ledger.Superuser(t)
	var shown, bought, of, worth int
	err := conn.QueryRow(t.Context(), `select count(*) filter (where experiment = 'button' and position >= $1), count(*) filter (where name = 'purchase'),
		count(distinct unit_id), sum(value) from tracked`, position).Scan(&shown, &bought, &of, &worth)
	if err != nil {
		t.Fatal(err)
	}
	// An event is of its user and of the device.
	if all := 2 * each; shown != all || bought != 2*all || of != 2*all || worth != 2*all*250_000 {
		t.Errorf("%d exposures, %d rows of events, %d units, worth %d", shown, bought, of, worth)
	}
	if err := conn.QueryRow(t.Context(), `select count(*) from tracked_ids`).Scan(&of); err != nil || of != 4*each {
		t.Errorf("%d ids, %v", of, err)
	}
}
