package edge

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meter counts and times requests. What nearly all of them are is looked up once.
type meter struct {
	requests *prometheus.CounterVec
	ok, same [routes]prometheus.Counter // 200, 304
	seconds  [routes]prometheus.Observer
}

func newMeter(registry prometheus.Registerer, hub *hub, track *trackMeter) (*meter, error) {
	m := &meter{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "assay_edge_requests_total",
		Help: "Requests of the data plane answered, by route template and status.",
	}, []string{"route", "status"})}
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "assay_edge_request_duration_seconds",
		Help:    "Time to answer a request of the data plane, by route template; streams and 304 are left out.",
		Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .25, 1},
	}, []string{"route"})
	streams := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "assay_edge_streams",
		Help: "Listeners of GET /stream.",
	}, func() float64 { return float64(hub.listeners.Load()) })
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "assay_edge_streams_dropped_total",
		Help: "Listeners of GET /stream that were cut off because they read too slowly.",
	}, func() float64 { return float64(hub.dropped.Load()) })
	for _, c := range []prometheus.Collector{m.requests, seconds, streams, dropped, track.received, track.events} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("edge metrics: %w", err)
		}
	}
	for r := routeNone + 1; r < routes; r++ {
		m.ok[r], m.same[r] = m.requests.WithLabelValues(r.template(), "200"), m.requests.WithLabelValues(r.template(), "304")
		m.seconds[r] = seconds.WithLabelValues(r.template())
	}
	return m, nil
}

func (m *meter) observe(r route, status int, start time.Time) {
	switch status {
	case http.StatusOK:
		m.ok[r].Inc()
	case http.StatusNotModified:
		m.same[r].Inc()
		return // it costs less than looking at the clock
	default:
		m.requests.WithLabelValues(r.template(), strconv.Itoa(status)).Inc()
	}
	if r != routeStream {
		m.seconds[r].Observe(time.Since(start).Seconds())
	}
}
