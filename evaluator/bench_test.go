package evaluator_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/evaluator"
)

// workload is 1,000 experiments of 2 to 4 variations and 10 to 100 % traffic, a
// third with audiences of one to three conditions on eight attributes, a third
// in layers, and the units that ask.
type workload struct {
	document evaluator.Document
	keys     []string
	ids      []string
	units    []map[string]any
}

const (
	experiments = 1_000
	visitors    = 256
)

// newWorkload calls audience for each third experiment's condition.
func newWorkload(tb testing.TB, audience func(m maker, i int) string) *workload {
	tb.Helper()
	m := maker{rand.New(rand.NewPCG(3, 1))}
	l := newLedger(tb)
	for i := range 20 {
		l.append(l.CreateLayer(l.id(), []byte(fmt.Sprintf(`{"key":"layer-%d","name":"layer"}`, i))))
	}
	w := new(workload)
	for i := range experiments {
		key := fmt.Sprintf("experiment-%d", i)
		settings := fmt.Sprintf(`"description":%q,"traffic_ppm":%d,%s`, strings.Repeat("why ", 40), 100_000+m.IntN(900_001), arms([]int{1, 1, 2, 3}[:2+m.IntN(3)]))
		if i%3 == 1 {
			settings += fmt.Sprintf(`,"layer":{"key":"layer-%d","share_ppm":50000}`, i%20)
		}
		if condition := audience(m, i); condition != "" {
			settings += `,"audience":` + condition
		}
		l.create(key, settings)
		w.keys = append(w.keys, key)
	}
	for range visitors {
		w.ids = append(w.ids, m.id())
		w.units = append(w.units, m.visitor())
	}
	w.document = l.document()
	m.Shuffle(len(w.keys), func(i, j int) { w.keys[i], w.keys[j] = w.keys[j], w.keys[i] })
	return w
}

func (m maker) visitor() map[string]any {
	return map[string]any{
		"country": pick(m, "US", "FR", "DE", "JP", "BR"), "plan": pick(m, "free", "pro", "team"), "age": float64(18 + m.IntN(60)),
		"app_version": fmt.Sprintf("%d.%d.%d", m.IntN(4), m.IntN(12), m.IntN(9)), "platform": pick(m, "ios", "android", "web"),
		"beta": m.chance(50), "visits": float64(m.IntN(500)), "language": pick(m, "en", "fr", "de", "ja"),
	}
}

// predicates draws n conditions on different attributes.
func (m maker) predicates(n int) string {
	all := []string{
		fmt.Sprintf(`"country":{"$in":[%q,%q]}`, pick(m, "US", "FR"), pick(m, "DE", "JP", "BR")),
		fmt.Sprintf(`"plan":%q`, pick(m, "free", "pro", "team")),
		fmt.Sprintf(`"age":{"$gte":%d}`, 18+m.IntN(60)),
		fmt.Sprintf(`"app_version":{"$vgte":"%d.%d.0"}`, m.IntN(4), m.IntN(12)),
		fmt.Sprintf(`"platform":{"$ne":%q}`, pick(m, "ios", "android", "web")),
		fmt.Sprintf(`"beta":%t`, m.chance(50)),
		fmt.Sprintf(`"visits":{"$lt":%d}`, m.IntN(500)),
		fmt.Sprintf(`"language":{"$nin":[%q]}`, pick(m, "en", "fr", "de", "ja")),
	}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return "{" + strings.Join(all[:n], ",") + "}"
}

// ordinary is the workload that promises of speed are made for.
func ordinary(tb testing.TB) *workload {
	return newWorkload(tb, func(m maker, i int) string {
		if i%3 == 2 {
			return m.predicates(1 + m.IntN(3))
		}
		return ""
	})
}

// compareFloor runs batches of the floor and of ours in turn, and reports
// the medians of one operation and their ratio.
func compareFloor(b *testing.B, batch int, floor, ours func(i int)) {
	b.Helper()
	var floors, costs []float64
	at := 0
	for b.Loop() {
		floors = append(floors, timed(at, batch, floor))
		costs = append(costs, timed(at, batch, ours))
		at += batch
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(floors), "floor-ns")
	b.ReportMetric(median(costs), "ns")
	b.ReportMetric(median(costs)/median(floors), "x_floor")
}

// timed returns the nanoseconds that one of n calls takes.
func timed(from, n int, f func(i int)) float64 {
	start := time.Now()
	for i := from; i < from+n; i++ {
		f(i)
	}
	return float64(time.Since(start)) / float64(n)
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// floorOfOne is what no evaluation by key can do without: to find the key, to
// hash the id, to hash the pair, to compare.
func (w *workload) floorOfOne() func(i int) {
	salts := make(map[string]uint64, len(w.keys))
	for _, key := range w.keys {
		salts[strings.Clone(key)] = xxh3.HashString(key) // who asks has another copy
	}
	taken := 0
	return func(i int) {
		var message [16]byte
		binary.LittleEndian.PutUint64(message[:8], xxh3.HashString(w.ids[i%visitors]))
		binary.LittleEndian.PutUint64(message[8:], salts[w.keys[i%experiments]])
		if xxh3.Hash(message[:])>>32 < 1<<31 {
			taken++
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	w := ordinary(b)
	s := compile(b, w.document)
	var u evaluator.Unit
	given := 0
	compareFloor(b, experiments, w.floorOfOne(), func(i int) {
		if i%experiments == 0 {
			visitor := i / experiments % visitors
			s.Prepare(&u, w.ids[visitor], w.units[visitor])
		}
		e, _ := s.Experiment(w.keys[i%experiments])
		given += int(s.Evaluate(e, &u).Variation)
	})
}

func BenchmarkEvaluateRaw(b *testing.B) {
	w := ordinary(b)
	s := compile(b, w.document)
	given := 0
	compareFloor(b, experiments, w.floorOfOne(), func(i int) {
		r, _ := s.EvaluateRaw(w.keys[i%experiments], w.ids[i%visitors], w.units[i%visitors])
		given += int(r.Variation)
	})
}

func BenchmarkEvaluateAll(b *testing.B) {
	w := ordinary(b)
	s := compile(b, w.document)
	var u evaluator.Unit
	var results []evaluator.Result
	compareFloor(b, 10, w.floorOfAll(), func(i int) {
		s.Prepare(&u, w.ids[i%visitors], w.units[i%visitors])
		results = s.EvaluateAll(&u, results)
	})
}

// floorOfAll hashes a unit against every salt.
func (w *workload) floorOfAll() func(i int) {
	salts := make([]uint64, experiments)
	for i, key := range w.keys {
		salts[i] = xxh3.HashString(key)
	}
	taken := 0
	return func(i int) {
		var message [16]byte
		binary.LittleEndian.PutUint64(message[:8], xxh3.HashString(w.ids[i%visitors]))
		for _, salt := range salts {
			binary.LittleEndian.PutUint64(message[8:], salt)
			if xxh3.Hash(message[:])>>32 < 1<<31 {
				taken++
			}
		}
	}
}

// BenchmarkEvaluateAllFiveConditions gives every experiment an audience of five
// conditions, hardly two alike.
func BenchmarkEvaluateAllFiveConditions(b *testing.B) {
	w := newWorkload(b, func(m maker, _ int) string { return m.predicates(5) })
	s := compile(b, w.document)
	var u evaluator.Unit
	var results []evaluator.Result
	compareFloor(b, 10, w.floorOfAll(), func(i int) {
		s.Prepare(&u, w.ids[i%visitors], w.units[i%visitors])
		results = s.EvaluateAll(&u, results)
	})
}

// BenchmarkEvaluateAllOnTwoCores reports how many times as much two goroutines
// do as one in the same time, as far as processors are theirs: by the time that
// they use of them.
func BenchmarkEvaluateAllOnTwoCores(b *testing.B) {
	w := ordinary(b)
	s := compile(b, w.document)
	work := func() {
		var u evaluator.Unit
		var results []evaluator.Result
		for i := range 500 {
			s.Prepare(&u, w.ids[i%visitors], w.units[i%visitors])
			results = s.EvaluateAll(&u, results)
		}
	}
	var ratios []float64
	for b.Loop() {
		began := processorTime(b)
		work()
		alone := processorTime(b) - began
		var wg sync.WaitGroup
		wg.Go(work)
		wg.Go(work)
		wg.Wait()
		together := processorTime(b) - began - alone
		ratios = append(ratios, 2*2*float64(alone)/float64(together))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ratios), "x_one_core")
}

// processorTime is what the process has used of all processors.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkCompile reports the milliseconds of a compilation, the best one and
// the median, those of processor time in the mean, collecting garbage included,
// and the bytes of the heap that an experiment keeps. The floor is to check that
// the documents are JSON, on one processor.
func BenchmarkCompile(b *testing.B) {
	w := ordinary(b)
	size := 0
	for _, raw := range w.document.Experiments {
		size += len(raw)
	}
	var costs, floors []float64
	var processor time.Duration
	for b.Loop() {
		floors = append(floors, timed(0, 1, func(int) {
			for _, raw := range w.document.Experiments {
				if !jsontext.Value(raw).IsValid() {
					b.Error("not JSON")
				}
			}
		}))
		began := processorTime(b)
		costs = append(costs, timed(0, 1, func(int) { evaluator.Compile(w.document) }))
		processor += processorTime(b) - began
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(slices.Min(costs)/1e6, "best-ms")
	b.ReportMetric(median(costs)/1e6, "ms")
	b.ReportMetric(float64(processor)/float64(len(costs))/1e6, "cpu-ms")
	b.ReportMetric(median(costs)/median(floors), "x_floor")
	b.ReportMetric(float64(size)/experiments, "document-B/experiment")
	b.ReportMetric(heldBytes(func() any { s, _ := evaluator.Compile(w.document); return s })/experiments, "heap-B/experiment")
	runtime.KeepAlive(w)
}

// heldBytes is what the heap grows by to hold what build returns.
func heldBytes(build func() any) float64 {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	held := build()
	after := heap()
	runtime.KeepAlive(held)
	return float64(after) - float64(before)
}
