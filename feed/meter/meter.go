// Package meter shows a feed's figures to Prometheus. It stands apart so that
// programs that only embed the SDK need no Prometheus. Begin with New.
package meter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/assaylabs/assay/feed"
)

// Meter is a feed's collector. Register it.
type Meter struct {
	feed                                             *feed.Feed
	position, age, stale, experiments, faults, swaps *prometheus.Desc
	up, failures                                     *prometheus.Desc
}

// New returns the collector of a feed.
func New(f *feed.Feed) *Meter {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("assay_feed_"+name, help, labels, nil)
	}
	return &Meter{
		feed:        f,
		position:    desc("position", "Ledger position that is served; the label says where it came from.", "source"),
		age:         desc("age_seconds", "Time since a source confirmed that nothing is newer."),
		stale:       desc("stale", "1 while nothing has confirmed it for too long, or ever."),
		experiments: desc("experiments", "Experiments that are served."),
		faults:      desc("faults", "Experiments that are left out because they cannot be evaluated."),
		swaps:       desc("swaps_total", "How often another snapshot was taken."),
		up:          desc("source_up", "1 while the source answers.", "source"),
		failures:    desc("source_failures_total", "Questions that the source did not answer, or not fitly.", "source"),
	}
}

// Describe implements prometheus.Collector.
func (m *Meter) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.position, m.age, m.stale, m.experiments, m.faults, m.swaps, m.up, m.failures} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Meter) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if s := m.feed.State(); s != nil {
		gauge(m.position, float64(s.Document.Position), s.Source)
		gauge(m.age, m.feed.Age().Seconds())
		gauge(m.experiments, float64(s.Snapshot.Len()))
		gauge(m.faults, float64(len(s.Faults)))
	}
	gauge(m.stale, one(m.feed.Stale()))
	metrics <- prometheus.MustNewConstMetric(m.swaps, prometheus.CounterValue, float64(m.feed.Swaps()))
	for _, s := range m.feed.Sources() {
		gauge(m.up, one(s.Up), s.Name)
		metrics <- prometheus.MustNewConstMetric(m.failures, prometheus.CounterValue, float64(s.Failures), s.Name)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
