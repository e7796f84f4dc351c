package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

const (
	dailyPath = "/reports/daily"
	dailyTag  = "Reports"

	dailyExample = `{"date":"2026-01-06","final":true,"active":12,"inactive":30,"changed_experiments":1,"total_changes":2,
"experiments":[{"experiment_id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","key":"checkout-button","name":"Checkout button","changes":2}],
"from_position":40,"to_position":42,"checkpoint":"42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`

	summaryExample = `{"date":"2026-01-06","final":true,"active":12,"inactive":30,"changed_experiments":1,"total_changes":2,
"from_position":40,"to_position":42,"checkpoint":"42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`
)

func dailyRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: dailyPath + "/{date}", id: "read-daily-report", tag: dailyTag,
			summary: "Read one day's report",
			doc:     "A UTC day by the ledger's clock. A report that is final never changes; today's is as of now.",
			role:    domain.Viewer, waits: true,
			ok:     success{status: http.StatusOK, schema: "DailyReport", example: dailyExample, types: []string{jsonType, csvType}},
			handle: (*api).readDaily,
		},
		{
			method: http.MethodGet, path: dailyPath, id: "list-daily-reports", tag: dailyTag,
			summary: "Read the reports of many days",
			doc:     "Oldest first. As CSV it is one table, with a row for each experiment that changed on a day and one row for each other day.",
			role:    domain.Viewer, waits: true, query: append(dayParams(), limitParams()...),
			ok:     success{status: http.StatusOK, schema: "DailyReportList", example: `{"items":[` + dailyExample + `],"next_cursor":null}`, types: []string{jsonType, csvType}},
			handle: (*api).listDaily,
		},
		{
			method: http.MethodGet, path: "/reports/calendar", id: "list-daily-summaries", tag: dailyTag,
			summary: "Read the reports of many days in short",
			doc:     "As the reports of the same days, without which experiments changed: all days in one answer, at most 400, oldest first.",
			role:    domain.Viewer, waits: true, query: dayParams(),
			ok:     success{status: http.StatusOK, schema: "DailySummaries", example: `{"items":[` + summaryExample + `]}`},
			handle: (*api).listSummaries,
		},
	}
}

func dayParams() []param {
	return []param{
		{name: "from", doc: "The first day, YYYY-MM-DD; default 29 days before the last.", schema: format("", "date"), example: "2026-01-01"},
		{name: "to", doc: "The last day, YYYY-MM-DD; default today (UTC).", schema: format("", "date"), example: "2026-01-31"},
	}
}

func dailySchemas() fields {
	summary := fields{
		"date":                format("", "date"),
		"final":               boolean("Whether the day is over and closed: then this never changes."),
		"active":              count("Experiments that were active at the day's end.", 0),
		"inactive":            count("Experiments that were not.", 0),
		"changed_experiments": count("Experiments with at least one change of status, deleted ones included.", 0),
		"total_changes":       count("Changes of status: on and off again is two.", 0),
		"from_position":       count("The day's first record; one above to_position when there is none.", 0),
		"to_position":         count("The last record up to the day's end.", 0),
		"checkpoint":          pattern("position:hash of that record, for assay verify.", `^[0-9]+:[0-9a-f]{64}$`),
	}
	return fields{
		"DailyReport": complete("What happened on one UTC day.", join(summary, fields{
			"experiments": list("Those that changed.", ref("DailyChange")),
		})),
		"DailySummary":   complete("What happened on one UTC day, in short.", summary),
		"DailySummaries": complete("", fields{"items": list("", ref("DailySummary"))}),
		"DailyChange": complete("", fields{
			"experiment_id": format("", "uuid"), "key": pattern("", keyRegexp),
			"name": text("At the day's end.", domain.MaxName), "changes": count("", 1),
		}),
		"DailyReportList": page("DailyReport", nil),
	}
}

func (a *api) readDaily(ctx context.Context, in *input) (answer, error) {
	date, err := parseDay("date", in.date)
	if err != nil {
		return answer{}, err
	}
	report, err := a.queries.DailyReport(ctx, date)
	if err != nil {
		return answer{}, err
	}
	if in.accept == csvType {
		return dailyCSV([]domain.DailyReport{report})
	}
	return encoded(report)
}

func (a *api) listDaily(ctx context.Context, in *input) (answer, error) {
	from, to, next, err := in.days(domain.DateOf(time.Now()))
	if err != nil {
		return answer{}, err
	}
	reports, err := a.queries.DailyReports(ctx, from, to)
	if err != nil {
		return answer{}, err
	}
	if in.accept == csvType {
		return dailyCSV(reports)
	}
	return encoded(struct {
		Items      []domain.DailyReport `json:"items"`
		NextCursor *string              `json:"next_cursor"`
	}{reports, next})
}

func (a *api) listSummaries(ctx context.Context, in *input) (answer, error) {
	from, to, err := in.fromTo(domain.DateOf(time.Now()))
	if err != nil {
		return answer{}, err
	}
	summaries, err := a.queries.DailySummaries(ctx, from, to)
	if err != nil {
		return answer{}, err
	}
	return encoded(struct {
		Items []queries.DailySummary `json:"items"`
	}{summaries})
}

// fromTo reads the first and the last of the days that are asked for.
func (in *input) fromTo(today domain.Date) (from, to domain.Date, err error) {
	if to, err = in.day("to", today); err != nil {
		return 0, 0, err
	}
	if from, err = in.day("from", to-29); err != nil {
		return 0, 0, err
	}
	if from > to {
		return 0, 0, domain.Invalid("from", "must not be after to")
	}
	return from, to, nil
}

// days reads which days one page of reports holds, and where the next begins.
func (in *input) days(today domain.Date) (from, to domain.Date, next *string, err error) {
	limit, cursor, err := in.page()
	if err != nil {
		return 0, 0, nil, err
	}
	if from, to, err = in.fromTo(today); err != nil {
		return 0, 0, nil, err
	}
	if cursor != "" {
		at, err := parseDay("cursor", cursor)
		if err != nil || at < from || at > to {
			return 0, 0, nil, domain.Invalid("cursor", "must be the next_cursor of a page of the same list")
		}
		from = at
	}
	if last := from + domain.Date(limit) - 1; last < to {
		begin := (last + 1).String()
		to, next = last, &begin
	}
	return from, to, next, nil
}
