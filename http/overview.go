package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
)

func overviewRoute() route {
	return route{
		method: http.MethodGet, path: "/overview", id: "read-overview", tag: experimentsTag,
		summary: "Read all experiments at a glance",
		doc: "Each experiment that is not deleted, in the order of keys: the verdict of its results, whether traffic is broken, and its last change; and how many changes of status the last 14 days had. " +
			"Verdicts are computed beside requests, on each replica: what is new is looked at within seconds, what has only grown every 10 s or as often as there is time. Each is exactly what the results say as of as_of. " +
			"With If-None-Match, 304 says that nothing changed.",
		role: domain.Viewer, waits: true,
		ok: success{
			status: http.StatusOK, schema: "Overview", tagged: true,
			example: `{"position":57,"items":[{"experiment_id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10",
"verdict":{"code":"keep_running","text":"keep running: about 4 more days","days_left":4},"srm":false,"as_of":"57.17","computed_at":"2026-01-07T08:00:04.000001Z",
"last_change":{"position":42,"type":"experiment.status_changed","at":"2026-01-06T10:30:00.000002Z","actor":"Ada","reason":"launch"}}],
"activity":[{"date":"2026-01-06","changes":1},{"date":"2026-01-07","changes":0}]}`,
		},
		handle: (*api).readOverview,
	}
}

func overviewSchemas() fields {
	return fields{
		"Overview": complete("All experiments at a glance.", fields{
			"position": count("The ledger's, of everything but the verdicts.", 0),
			"items":    list("In the order of keys.", ref("OverviewItem")),
			"activity": list("The last 14 days of the ledger, UTC, oldest first.", ref("DayActivity")),
		}),
		"OverviewItem": complete("An experiment at a glance.", fields{
			"experiment_id": format("", "uuid"),
			"verdict":       orNull(ref("Verdict")),
			"srm":           orNull(boolean("Whether units do not come as the split says; null where there are none, or the results were not looked at yet.")),
			"as_of":         orNull(text("Of the verdict, as the results have it; null before it is known, and for what was never active.", 50)),
			"computed_at":   orNull(format("When the verdict was computed; null like as_of.", "date-time")),
			"last_change":   ref("RecordReference"),
		}),
		"DayActivity": complete("A day.", fields{
			"date": format("UTC.", "date"), "changes": count("Changes of status, as in the daily report.", 0),
		}),
	}
}

func (a *api) readOverview(ctx context.Context, in *input) (answer, error) {
	got, err := a.queries.Overview(ctx)
	if err != nil {
		return answer{}, err
	}
	made := answer{status: http.StatusOK, body: got.Body, etag: `"` + got.Hash + `"`}
	if matches(in.noneMatch, made.etag) {
		made.status, made.body = http.StatusNotModified, nil
	}
	return made, nil
}
