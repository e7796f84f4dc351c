package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

func historyRoute() route {
	return route{
		method: http.MethodGet, path: experimentPath + "/history", id: "read-history", tag: experimentsTag,
		summary: "Read an experiment's history",
		doc:     "Every record of the experiment, newest first, with what it changed; also of a deleted experiment, by its id.",
		role:    domain.Viewer, waits: true,
		query: append([]param{{
			name: "type", doc: "Only records of this type, such as experiment.status_changed; may be repeated.",
			schema: list("", text("", maxText)), repeats: true,
		}}, limitParams()...),
		ok: success{
			status: http.StatusOK, schema: "History",
			example: `{"items":[{"position":42,"version":3,"type":"experiment.status_changed","at":"2026-01-06T10:30:00.000002Z","actor":"root","reason":"launch","old_status":"inactive","new_status":"active","changes":[{"path":"/status","old":"inactive","new":"active"}],"hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],"next_cursor":null}`,
		},
		handle: (*api).readHistory,
	}
}

func historySchemas() fields {
	return fields{
		"History": page("HistoryEntry", nil),
		"HistoryEntry": complete("One record of an experiment.", fields{
			"position": count("", 1), "version": count("", 1), "type": text("", 100),
			"at": format("", "date-time"), "actor": text("", domain.MaxName), "reason": text("", domain.MaxReason),
			"key_id": text("Absent for the root token.", 36), "request_id": text("", maxRequestID),
			"old_status": oneOf("", "active", "inactive"), "new_status": oneOf("", "active", "inactive"),
			"changes": list("What differs from the version before.", ref("FieldChange")),
			"hash":    pattern("", `^[0-9a-f]{64}$`),
		}, "old_status", "new_status", "key_id", "request_id"),
		"FieldChange": complete("", fields{
			"path": text("", 1000), "old": anything(""), "new": anything(""),
		}, "old", "new"),
	}
}

func (a *api) readHistory(ctx context.Context, in *input) (answer, error) {
	limit, cursor, err := in.page()
	if err != nil {
		return answer{}, err
	}
	types := in.query["type"]
	if len(types) > 20 {
		return answer{}, domain.Invalid("type", "must be at most 20")
	}
	got, err := a.queries.History(ctx, in.ref, queries.HistoryOptions{Types: types, Limit: limit, Cursor: cursor})
	if err != nil {
		return answer{}, err
	}
	return encoded(got)
}
