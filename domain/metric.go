package domain

import "github.com/google/uuid"

const (
	maxWindowHours  = 24 * 366
	maxLookbackDays = 366
)

// Metric defines a number per unit that variations are compared by.
type Metric struct {
	Header
	Name        string `json:"name"`
	Description string `json:"description"`
	MetricKind  string `json:"kind"`
	Event       string `json:"event"`
	// Denominator is the event below a ratio.
	Denominator string `json:"denominator,omitzero"`
	// WindowHours counts from a unit's first exposure; 0 is without end.
	WindowHours int      `json:"window_hours,omitzero"`
	Cap         *float64 `json:"cap,omitempty"`
	Quantile    *float64 `json:"quantile,omitempty"`
	Goal        string   `json:"goal"`
	CUPED       bool     `json:"cuped"`
	// LookbackDays is the time before exposure that CUPED reads.
	LookbackDays int `json:"lookback_days,omitzero"`
}

func (m *Metric) title() string   { return m.Name }
func (m *Metric) fixed() []string { return nil }
func (m *Metric) defaults()       { m.MetricKind, m.Goal = "conversion", "increase" }

func (m *Metric) check(_ *Catalog, _ *Metric) error {
	if err := checkText("description", m.Description, MaxText); err != nil {
		return err
	}
	if err := oneOf("kind", m.MetricKind, "conversion", "count", "sum", "mean", "ratio", "retention", "quantile"); err != nil {
		return err
	}
	if err := oneOf("goal", m.Goal, "increase", "decrease"); err != nil {
		return err
	}
	if m.Event == "" {
		return Invalid("event", "must be the name of an event")
	}
	if err := checkLine("event", m.Event, MaxName); err != nil {
		return err
	}
	if err := checkLine("denominator", m.Denominator, MaxName); err != nil {
		return err
	}
	if (m.MetricKind == "ratio") != (m.Denominator != "") {
		return Invalid("denominator", "must be the name of an event for a ratio, and absent otherwise")
	}
	return m.checkNumbers()
}

func (m *Metric) checkNumbers() error {
	if m.WindowHours < 0 || m.WindowHours > maxWindowHours {
		return Invalid("window_hours", "must be a whole number from 0 to %d", maxWindowHours)
	}
	if m.LookbackDays < 0 || m.LookbackDays > maxLookbackDays {
		return Invalid("lookback_days", "must be a whole number from 0 to %d", maxLookbackDays)
	}
	if m.Cap != nil && *m.Cap <= 0 {
		return Invalid("cap", "must be above 0")
	}
	if (m.MetricKind == "quantile") != (m.Quantile != nil) {
		return Invalid("quantile", "must be given for a quantile metric, and absent otherwise")
	}
	if m.Quantile != nil && (*m.Quantile <= 0 || *m.Quantile >= 1) {
		return Invalid("quantile", "must be above 0 and below 1")
	}
	return nil
}

// CreateMetric decides to define a metric.
func (c *Catalog) CreateMetric(id uuid.UUID, body []byte) ([]Change, error) {
	return created(create(c.Metrics, id, body))
}

// EditMetric decides a merge patch of a metric definition.
func (c *Catalog) EditMetric(m *Metric, patch []byte) ([]Change, error) {
	return changed(edit(c, m, patch))
}

// DeleteMetric decides to delete a metric that no experiment uses.
func (c *Catalog) DeleteMetric(m *Metric) ([]Change, error) {
	for e := range c.Experiments.All() {
		for _, use := range e.Metrics {
			if use.Metric == m.Key {
				return nil, &ConflictError{Problem: "is used by experiment " + e.Key}
			}
		}
	}
	return deleted(m), nil
}
