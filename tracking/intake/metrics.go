package intake

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	seconds prometheus.Histogram
	events  prometheus.Histogram
	failed  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, waiting func() int) *metrics {
	m := &metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "assay_track_batch_duration_seconds",
			Help:    "Time of one transaction that stored tracked events.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		events: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "assay_track_batch_events",
			Help:    "New events in one such transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "assay_track_batch_failures_total", Help: "Groups of events of which some could not be stored.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.seconds, m.events, m.failed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "assay_track_waiting_events", Help: "Tracked events that wait to be stored, or are being stored.",
		}, func() float64 { return float64(waiting()) }))
	}
	return m
}

func (m *metrics) observe(start time.Time, events int) {
	m.seconds.Observe(time.Since(start).Seconds())
	m.events.Observe(float64(events))
}
