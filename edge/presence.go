package edge

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/presence"
)

// Traffic is what this edge has to do.
func (e *Edge) Traffic() presence.Traffic {
	t := presence.Traffic{Listeners: int(max(0, e.hub.listeners.Load())), Rejected: map[string]int64{}}
	counted := make(chan prometheus.Metric)
	go func() {
		defer close(counted)
		e.tracks.meter.events.Collect(counted)
	}()
	for m := range counted {
		var row dto.Metric
		if m.Write(&row) != nil {
			continue
		}
		labels := map[string]string{}
		for _, l := range row.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		// What another has rejected it counts itself.
		if reason := labels["reason"]; labels["outcome"] == "rejected" && reason != "upstream" {
			t.Rejected[reason] = int64(row.GetCounter().GetValue())
		}
	}
	return t
}

// announced answers POST /edges/{id}.
func (e *Edge) announced(x *exchange, c *call) int {
	if f := c.read(x); f != nil {
		return e.fail(x, f)
	}
	var a presence.Announcement
	if err := domain.Decode(c.body, &a); err != nil {
		return e.fail(x, invalidBody(err))
	}
	var invalid *domain.InvalidError
	switch err := e.cfg.Announced(x.key, a); {
	case errors.As(err, &invalid):
		return e.fail(x, malformed(invalid.Field, invalid.Problem))
	case err != nil:
		return e.fail(x, unavailable("there are as many edges as are listed", maxRetry))
	}
	return e.write(x, []byte(`{"position":`+x.view.id+`}`))
}
