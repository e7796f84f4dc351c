package fold

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of one process's share in counting, and of how far all have come.
type metrics struct {
	rows, written, rebuilds prometheus.Counter
	lag, lagSeconds         *prometheus.GaugeVec
	stopped                 prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "assay_fold_rows_total", Help: "Tracked rows that this process has counted.",
		}),
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "assay_fold_histories_total", Help: "Histories of units that this process has written.",
		}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "assay_fold_rebuilds_total", Help: "Plans that this process began to fill because the ledger changed.",
		}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "assay_fold_lag_batches", Help: "By how many batches the cells are behind what was tracked, by state of the generation.",
		}, []string{"state"}),
		lagSeconds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "assay_fold_lag_seconds", Help: "For how long the cells have been behind; 0 when they are not.",
		}, []string{"state"}),
		stopped: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "assay_fold_stopped", Help: "1 while counting fails; it never skips what it cannot count.",
		}),
	}
	if registry != nil {
		registry.MustRegister(m.rows, m.written, m.rebuilds, m.lag, m.lagSeconds, m.stopped)
	}
	return m
}

// observe notes how far the generations have come.
func (m *metrics) observe(all []outlook, since map[int]time.Time) {
	for _, state := range [...]string{serving, building} {
		batches, seconds := 0.0, 0.0
		for _, o := range all {
			if at, behind := since[o.generation]; behind && o.state == state {
				batches, seconds = float64(o.head-o.batch), time.Since(at).Seconds()
			}
		}
		m.lag.WithLabelValues(state).Set(batches)
		m.lagSeconds.WithLabelValues(state).Set(seconds)
	}
}
