package projections

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The metrics of projections: register the Follower and the Redis as
// collectors.

var (
	_ prometheus.Collector = (*Follower)(nil)
	_ prometheus.Collector = (*Redis)(nil)
)

// gauge describes a figure of one projection.
func gauge(projection, name, help string) *prometheus.Desc {
	return prometheus.NewDesc("assay_projection_"+name, help, nil, prometheus.Labels{"projection": projection})
}

func positionDesc(projection string) *prometheus.Desc {
	return gauge(projection, "position", "Ledger position that the projection has reached.")
}

func lagDesc(projection string) *prometheus.Desc {
	return gauge(projection, "lag_positions", "By how many positions the projection is behind the ledger.")
}

func lagSecondsDesc(projection string) *prometheus.Desc {
	return gauge(projection, "lag_seconds", "For how long the projection has been behind the ledger; 0 when it is not.")
}

func stoppedDesc() *prometheus.Desc {
	return gauge("memory", "stopped", "1 when a record that cannot be applied has stopped the projection.")
}

func reloadsDesc() *prometheus.Desc {
	return gauge("memory", "reloads_total", "How often the ledger was found rewritten and loaded anew.")
}

func upDesc() *prometheus.Desc {
	return prometheus.NewDesc("assay_redis_up", "1 while Redis answers and holds what it should.", nil, nil)
}

func healedDesc() *prometheus.Desc {
	return prometheus.NewDesc("assay_redis_healed_total", "How often unfit content of Redis was replaced.", nil, nil)
}

func newDelay() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "assay_redis_delay_seconds",
		Help:    "Time from a commit known to this process to its being in Redis, of the oldest record of each move.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
	})
}

// Describe implements prometheus.Collector.
func (f *Follower) Describe(descs chan<- *prometheus.Desc) {
	descs <- positionDesc("memory")
	descs <- lagDesc("memory")
	descs <- lagSecondsDesc("memory")
	descs <- stoppedDesc()
	descs <- reloadsDesc()
}

// Collect implements prometheus.Collector.
func (f *Follower) Collect(metrics chan<- prometheus.Metric) {
	lag, d := f.Lag()
	f.mu.RLock()
	position, reloads, stopped := f.catalog.Position(), f.reloads, 0.0
	if f.stopped != nil {
		stopped = 1
	}
	f.mu.RUnlock()
	metrics <- prometheus.MustNewConstMetric(positionDesc("memory"), prometheus.GaugeValue, float64(position))
	metrics <- prometheus.MustNewConstMetric(lagDesc("memory"), prometheus.GaugeValue, float64(lag))
	metrics <- prometheus.MustNewConstMetric(lagSecondsDesc("memory"), prometheus.GaugeValue, d.Seconds())
	metrics <- prometheus.MustNewConstMetric(stoppedDesc(), prometheus.GaugeValue, stopped)
	metrics <- prometheus.MustNewConstMetric(reloadsDesc(), prometheus.CounterValue, float64(reloads))
}

// Describe implements prometheus.Collector.
func (r *Redis) Describe(descs chan<- *prometheus.Desc) {
	descs <- positionDesc("redis")
	descs <- lagDesc("redis")
	descs <- lagSecondsDesc("redis")
	descs <- upDesc()
	descs <- healedDesc()
	r.delay.Describe(descs)
}

// Collect implements prometheus.Collector.
func (r *Redis) Collect(metrics chan<- prometheus.Metric) {
	state := r.State()
	up := 0.0
	if state.Up {
		up = 1
	}
	metrics <- prometheus.MustNewConstMetric(positionDesc("redis"), prometheus.GaugeValue, float64(state.Position))
	metrics <- prometheus.MustNewConstMetric(lagDesc("redis"), prometheus.GaugeValue, float64(state.Lag))
	metrics <- prometheus.MustNewConstMetric(lagSecondsDesc("redis"), prometheus.GaugeValue, r.BehindFor(state).Seconds())
	metrics <- prometheus.MustNewConstMetric(upDesc(), prometheus.GaugeValue, up)
	metrics <- prometheus.MustNewConstMetric(healedDesc(), prometheus.CounterValue, float64(state.Healed))
	r.delay.Collect(metrics)
}

// BehindFor is for how long Redis has been behind.
func (r *Redis) BehindFor(state RedisState) time.Duration {
	if state.Lag == 0 {
		return 0
	}
	if applied, ok := r.follower.appliedAt(state.Position + 1); ok {
		return time.Since(applied)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.current)
}
