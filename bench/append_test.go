package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/eventstore"
)

// callers is the concurrency of the group-commit promises.
const callers = 32

// toggles makes n experiments and returns what switches the i-th over.
func toggles(b *testing.B, s *commands.Service, n int) func(i int) {
	b.Helper()
	ctx := context.Background()
	on := make([]atomic.Bool, n)
	for i := range n {
		if _, err := s.CreateExperiment(ctx, commands.Call{}, fmt.Appendf(nil, `{"name":"e%d"}`, i)); err != nil {
			b.Fatal(err)
		}
	}
	call := commands.Call{Meta: eventstore.Meta{Actor: "bench", Reason: "bench", RequestID: "r", CorrelationID: "c"}}
	return func(i int) {
		to := next(&on[i])
		if _, err := s.SetStatus(ctx, call, fmt.Sprintf("e%d", i), to); err != nil {
			b.Error(err)
		}
	}
}

// next is the status that follows: each experiment has one caller.
func next(on *atomic.Bool) string {
	if on.Swap(!on.Load()) {
		return "inactive"
	}
	return "active"
}

// 32 callers append, with chain, inline read models and NOTIFY, at 1.5 times the
// rate at which 32 connections commit plain INSERTs, or more.
func BenchmarkAppend(b *testing.B) {
	l := durable(b)
	throughput(b, callers, insertFloor(b, l, callers), toggles(b, l.Commands(b), callers))
}

// One caller's append, without HTTP.
func BenchmarkAppendAlone(b *testing.B) {
	l := durable(b)
	latency(b, insertFloor(b, l, 1), toggles(b, l.Commands(b), 1))
}
