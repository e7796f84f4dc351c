package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
)

func eventRoutes() []route {
	params := limitParams()[:1]
	return []route{{
		method: http.MethodGet, path: "/events", id: "read-events", tag: "Ledger",
		summary: "Read the ledger",
		doc:     "Every record, in order, as it was written. next_cursor is the last position: give it as after to go on; null at the end.",
		role:    domain.Viewer, waits: true,
		query: append([]param{{
			name: "after", doc: "Only records after this position.", schema: count("", 0), example: 0,
		}}, params...),
		ok: success{
			status: http.StatusOK, schema: "Events",
			example: `{"items":[{"position":1,"stream":"experiment/01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","version":1,"type":"experiment.deleted","schema_version":1,"data":{},"data_hash":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","command_id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b70","actor":"root","key_id":"","reason":"","request_id":"","correlation_id":"","at":"2026-01-05T09:00:00.000001Z","hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],"next_cursor":"1"}`,
		},
		handle: (*api).readEvents,
	}}
}

func eventSchemas() fields {
	hash := func() fields {
		return fields{
			"hash":      pattern("The record's link in the chain.", `^[0-9a-f]{64}$`),
			"data_hash": pattern("SHA-256 of data's bytes.", `^[0-9a-f]{64}$`),
		}
	}
	return fields{
		"Events": page("Event", nil),
		"Event": complete("A record of the ledger.", join(hash(), fields{
			"position": count("Dense over the whole ledger, from 1.", 1), "stream": text("", 200),
			"version": count("Dense within the stream, from 1.", 1), "type": text("noun.verb_past", 100),
			"schema_version": count("", 1), "data": open("The event.", true),
			"command_id": format("What one command appended shares it.", "uuid"),
			"actor":      text("The name of the key that was used.", domain.MaxName), "key_id": text("", 36),
			"reason": text("", domain.MaxReason), "request_id": text("", maxRequestID), "correlation_id": text("", maxRequestID),
			"at": format("By the ledger's clock; never falls.", "date-time"),
		})),
	}
}

func (a *api) readEvents(ctx context.Context, in *input) (answer, error) {
	const most = 1<<53 - 1
	after, err := in.whole("after", 0, most, 0)
	if err != nil {
		return answer{}, err
	}
	limit, err := in.whole("limit", 1, maxLimit, defaultLimit)
	if err != nil {
		return answer{}, err
	}
	got, err := a.queries.Events(ctx, after, int(limit))
	if err != nil {
		return answer{}, err
	}
	return encoded(got)
}
