package eventstore

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	latency prometheus.Histogram
	group   prometheus.Histogram
	records prometheus.Counter
	failed  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "assay_append_duration_seconds",
			Help:    "Time of one append transaction: lock, decisions, writes and commit.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "assay_append_group_commands",
			Help:    "Commands that shared one append transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "assay_append_records_total", Help: "Records appended by this process.",
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "assay_append_failures_total", Help: "Append transactions that failed.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.latency, m.group, m.records, m.failed)
	}
	return m
}
