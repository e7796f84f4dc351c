package httpapi

import "github.com/assaylabs/assay/domain"

func metricDefinitions() resource {
	return resource{
		kind: domain.KindMetric, path: "/metric-definitions", tag: "Metric definitions",
		noun: "metric definition", plural: "metric definitions",
		schema: "Metric", reader: domain.Viewer, editor: domain.Editor, bodyLimit: maxBody,
		doc:    "A number per unit that variations are compared by.",
		create: `{"name":"Purchase rate","kind":"conversion","event":"purchase","window_hours":72}`,
		patch:  `{"cap":null,"window_hours":168}`,
		example: `{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b50","key":"purchase-rate","version":1,"position":5,"created_at":"2026-01-05T09:00:00.000001Z","updated_at":"2026-01-05T09:00:00.000001Z",
"name":"Purchase rate","description":"","kind":"conversion","event":"purchase","window_hours":72,"goal":"increase","cuped":false}`,
	}
}

func metricSchemas() fields {
	editable := fields{
		"name": name(), "description": description(),
		"kind":          oneOf("", "conversion", "count", "sum", "mean", "ratio", "retention", "quantile"),
		"event":         text("The event that counts.", domain.MaxName),
		"denominator":   text("The event below a ratio; for ratios only.", domain.MaxName),
		"window_hours":  whole("Counts from a unit's first exposure; 0 is without end.", 0, 24*366),
		"cap":           number("Larger values of a unit count as this; above 0."),
		"quantile":      number("Above 0 and below 1; for quantiles only."),
		"goal":          oneOf("", "increase", "decrease"),
		"cuped":         boolean("Whether variance is reduced by what units did before."),
		"lookback_days": whole("The time before exposure that CUPED reads.", 0, 366),
	}
	return fields{
		"Metric": complete("The definition of a metric.", join(stamps(), editable),
			"denominator", "window_hours", "cap", "quantile", "lookback_days"),
		"MetricCreate": object("", join(naming(), editable, reasonFields()), "name", "event"),
		"MetricPatch":  patch("", editable),
		"MetricList":   page("Metric", nil),
	}
}
