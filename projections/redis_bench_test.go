package projections_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/redistest"
)

// From a commit to the message that says that Redis has it, at 200 toggles a
// second of 1,000 experiments, on a Postgres that waits for the disk.
func BenchmarkCommitToRedis(b *testing.B) {
	const pace = 5 * time.Millisecond
	server := pgtest.Dedicated(b, nil)
	r := newReplica(b, ledgertest.Migrate(b, server.URL("postgres", "postgres")))
	r.create(b, 1_000)
	client := open(b, redistest.Real(b).URL())
	messages := client.Subscribe(b.Context(), "experiments_changed")
	defer messages.Close()
	if _, err := messages.Receive(b.Context()); err != nil {
		b.Fatal(err)
	}
	r.project(b, client, "")
	settles(b, client, "", truth(b, r.ledger))

	type arrival struct {
		position int64
		at       time.Time
	}
	arrivals := make(chan arrival, 1<<20) // more than come: who waits to say so would be late
	ledgertest.Run(b, func(ctx context.Context) error {
		for {
			m, err := messages.ReceiveMessage(ctx)
			if err != nil {
				return err
			}
			position, _ := strconv.ParseInt(m.Payload, 10, 64)
			arrivals <- arrival{position, time.Now()}
		}
	})
	committed := make([]arrival, 0, b.N)
	for i := 0; b.Loop(); i++ {
		next := time.Now().Add(pace)
		answer, err := r.SetStatus(b.Context(), commands.Call{}, fmt.Sprintf("e%d", i%1_000), []string{"active", "inactive"}[i/1_000%2])
		if err != nil {
			b.Fatal(err)
		}
		committed = append(committed, arrival{answer.Position, time.Now()})
		time.Sleep(time.Until(next))
	}
	var delays []time.Duration
	for seen := (arrival{}); len(delays) < len(committed); {
		c := committed[len(delays)]
		for seen.position < c.position {
			seen = <-arrivals
		}
		delays = append(delays, max(0, seen.at.Sub(c.at)))
	}
	slices.Sort(delays)
	for _, percent := range []int{50, 99} {
		b.ReportMetric(float64(delays[(len(delays)-1)*percent/100].Microseconds())/1_000, fmt.Sprintf("p%d-ms", percent))
	}
}
