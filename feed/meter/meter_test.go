package meter_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/assaylabs/assay/feed"
	"github.com/assaylabs/assay/feed/meter"
)

// A feed that has a bundled file and a server that is not there.
func TestMeter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bundled.json")
	if err := os.WriteFile(path, []byte(`{"position":7,"at":"2026-01-31T12:00:00Z","experiments":[{"key":1}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	f := feed.New(feed.Config{}, feed.NewControl(feed.ControlConfig{URL: "http://127.0.0.1:1"}), feed.NewFile(path))
	m := meter.New(f)
	for _, problem := range must(testutil.CollectAndLint(m)) {
		t.Error(problem)
	}
	if n := testutil.CollectAndCount(m, "assay_feed_position", "assay_feed_age_seconds"); n != 0 {
		t.Errorf("%d figures of a state that is not there", n)
	}
	changed, cancel := f.Subscribe()
	defer cancel()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.Run(ctx)
	}()
	<-changed
	stop()
	<-ended
	want := `# HELP assay_feed_experiments Experiments that are served.
# TYPE assay_feed_experiments gauge
assay_feed_experiments 0
# HELP assay_feed_faults Experiments that are left out because they cannot be evaluated.
# TYPE assay_feed_faults gauge
assay_feed_faults 1
# HELP assay_feed_position Ledger position that is served; the label says where it came from.
# TYPE assay_feed_position gauge
assay_feed_position{source="file"} 7
# HELP assay_feed_source_up 1 while the source answers.
# TYPE assay_feed_source_up gauge
assay_feed_source_up{source="control"} 0
# HELP assay_feed_stale 1 while nothing has confirmed it for too long, or ever.
# TYPE assay_feed_stale gauge
assay_feed_stale 1
# HELP assay_feed_swaps_total How often another snapshot was taken.
# TYPE assay_feed_swaps_total counter
assay_feed_swaps_total 1
`
	err := testutil.CollectAndCompare(m, strings.NewReader(want), "assay_feed_experiments", "assay_feed_faults", "assay_feed_position",
		"assay_feed_source_up", "assay_feed_stale", "assay_feed_swaps_total")
	if err != nil {
		t.Error(err)
	}
}

func must[A any](a A, err error) A {
	if err != nil {
		panic(err)
	}
	return a
}
