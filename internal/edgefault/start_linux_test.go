package edgefault

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

// many is a snapshot of so many experiments of 2 KB each.
func many(n int) evaluator.Document {
	d := evaluator.Document{Position: int64(n), At: time.Unix(0, 0).UTC()}
	for i := range n {
		head := fmt.Sprintf(`{"id":"0193f000-0000-7000-8000-%012d","key":"e%d","version":1,"position":%d,"status":"active","phase":1,"hash":"xxh3",`+
			`"unit_type":"user_id","salt":"s%d","tags":[],"audience":{"country":{"$in":["US","CA","C%d"]}},"traffic_ppm":900000,`+
			`"variations":[{"key":"control","name":"Control","value":false,"weight":1},{"key":"treatment","name":"Treatment","value":true,"weight":1}],`+
			`"split":[{"variation":"control","from":0,"to":500000},{"variation":"treatment","from":500000,"to":1000000}],"overrides":{},"prerequisites":[],`+
			`"description":"`, i, i, i+1, i, i%7)
		d.Experiments = append(d.Experiments, json.RawMessage(head+strings.Repeat("x", 2<<10-len(head)-2)+`"}`))
	}
	return d
}

// stored writes a snapshot as a copy on disk.
func stored(t testing.TB, d evaluator.Document) (dir string) {
	t.Helper()
	body, err := domain.Encode(feed.Update{Document: d})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "default"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Appendf(nil, "assay-snapshot 1 %x\n%s", sha256.Sum256(body), body)
	if err := os.WriteFile(filepath.Join(dir, "default", "snapshot"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// alone is an edge that has nothing but its disk; its Redis never answers.
func alone(t testing.TB, dir string) *process {
	t.Helper()
	silent := way(t, "127.0.0.1:9")
	if _, err := silent.Toxics.AddToxicJson(strings.NewReader(`{"name":"x","type":"timeout","attributes":{"timeout":0}}`)); err != nil {
		t.Fatal(err)
	}
	return newProcess(t, "assay-edge", nil, "REDIS_URL=redis://"+silent.Listen, "SNAPSHOT_DIR="+dir)
}

// work asks for everything that an edge prepares.
func (p *process) work(t testing.TB) {
	t.Helper()
	for i := range 50 {
		for _, q := range []struct{ method, path, body string }{
			{http.MethodPost, "/evaluate", fmt.Sprintf(`{"unit":"u%d","attributes":{"country":"US"}}`, i)},
			{http.MethodPost, "/ofrep/v1/evaluate/flags", fmt.Sprintf(`{"context":{"targetingKey":"u%d"}}`, i)},
			{http.MethodGet, "/snapshot", ""},
		} {
			if res := p.Send(q.method, q.path, q.body); res.Err != nil || res.Status != http.StatusOK {
				t.Fatalf("%s %s: %s", q.method, q.path, res)
			}
		}
	}
}

// From the start of the process to the first answer, from disk, while Redis says
// nothing.
func BenchmarkStart(b *testing.B) {
	p := alone(b, stored(b, many(1_000)))
	var total time.Duration
	for b.Loop() {
		p.Kill()
		start := time.Now()
		p.Begin(b)
		for p.ask() != nil {
			time.Sleep(time.Millisecond)
		}
		total += time.Since(start)
	}
	b.ReportMetric(float64(total.Microseconds())/1_000/float64(b.N), "ms/start")
	p.work(b)
	b.ReportMetric(p.Resident(b), "MB-resident")
}

// ask asks once for one evaluation.
func (p *process) ask() error {
	if res := p.Send(http.MethodPost, "/evaluate", `{"unit":"u1","experiments":["e1"]}`); res.Err != nil || res.Status != http.StatusOK {
		return fmt.Errorf("%s", res)
	}
	return nil
}
