package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/domain"
)

const (
	evaluationTag = "Evaluation"
	ofrepTag      = "OFREP"
	snapshotTag   = "Snapshots"
	trackingTag   = "Tracking"
	streamType    = "text/event-stream"

	flagExample = `{"key":"checkout-button","value":true,"reason":"SPLIT","variant":"treatment","metadata":{"assayReason":"SPLIT","version":3}}`

	documentExample = `{"position":42,"at":"2026-01-31T12:00:00Z","experiments":[],"layers":[],"holdouts":[],"segments":[],"deltas_from":0}`
)

// edgeRoutes document what package edge answers, in front of this API or in a
// program of its own.
func edgeRoutes() []route {
	ofrep := func(path, id, summary, doc string, ok success, faults ...int) route {
		return route{
			method: http.MethodPost, path: path, id: id, tag: ofrepTag, summary: summary, doc: doc,
			role: domain.Client, edge: true, waits: true, failure: "EvaluationFailure", faults: append(faults, evaluationFaults()...),
			query: eventParams(),
			body:  &body{limit: edgeBody, schema: "EvaluationContext", example: `{"context":{"targetingKey":"u1","country":"US"}}`},
			ok:    ok,
		}
	}
	since := param{
		name: "since", doc: "Answer only what changed after this position, named in it; all of it where that is not known.",
		schema: count("", 0), example: 40,
	}
	return []route{
		{
			method: http.MethodPost, path: "/evaluate", id: "evaluate", tag: evaluationTag, summary: "Evaluate experiments for a unit",
			doc:  "Which variation of each experiment the unit gets, with its value and the reason. Without experiments it answers all, inactive ones too. Evaluating is not exposure.",
			role: domain.Client, edge: true, waits: true, faults: evaluationFaults(),
			body: &body{limit: edgeBody, schema: "EvaluateRequest", example: `{"unit":"u1","attributes":{"country":"US"},"experiments":["checkout-button"]}`},
			ok: success{
				status: http.StatusOK, schema: "Assignments",
				example: `{"position":42,"assignments":{"checkout-button":{"variation":"treatment","value":true,"reason":"SPLIT"}}}`,
			},
		},
		ofrep("/ofrep/v1/evaluate/flags/{flag}", "ofrep-evaluate-flag", "Evaluate one experiment as a flag",
			"OpenFeature's remote evaluation protocol, 0.3. Who is not in the experiment gets the control's value with the reason DISABLED; metadata.assayReason says why.",
			success{status: http.StatusOK, schema: "Flag", example: flagExample}, http.StatusNotFound),
		ofrep("/ofrep/v1/evaluate/flags", "ofrep-evaluate-flags", "Evaluate all experiments as flags",
			"The ETag covers the context and the revision: with If-None-Match, 304 says that neither changed. eventStreams says where to listen for changes.",
			success{
				status: http.StatusOK, schema: "Flags", tagged: true,
				example: `{"flags":[` + flagExample + `],"eventStreams":[{"type":"sse","endpoint":{"requestUri":"/stream?token=stream_0193"},"inactivityDelaySec":120}]}`,
			}),
		{
			method: http.MethodGet, path: "/snapshot", id: "snapshot", tag: snapshotTag, summary: "Read all that an SDK needs to evaluate",
			doc:  "The same bytes on every replica at one position, compressed by gzip or Brotli where Accept-Encoding allows. With If-None-Match, 304 says that nothing changed.",
			role: domain.Server, edge: true, waits: true, faults: snapshotFaults(), query: []param{since},
			ok: success{status: http.StatusOK, schema: "Snapshot", example: documentExample, tagged: true},
		},
		{
			method: http.MethodGet, path: "/feed", id: "feed", tag: snapshotTag, summary: "Read all that an edge needs to serve",
			doc:  "The snapshot, and the API keys without their secrets.",
			role: domain.Server, edge: true, waits: true, faults: snapshotFaults(), query: []param{since},
			ok: success{status: http.StatusOK, schema: "Feed", example: `{"document":` + documentExample + `,"keys":[]}`, tagged: true},
		},
		{
			method: http.MethodGet, path: "/stream", id: "stream", tag: snapshotTag, summary: "Listen for changes",
			doc: "Server-sent events: at once what the server has, unless Last-Event-ID says that the client has it, then each change, and a comment every 15 s. " +
				"An event's id is the position; its data is {\"type\":\"refetchEvaluation\",\"etag\",\"lastModified\",\"position\"}. " +
				"It is sent when this replica answers from the new state.",
			role: domain.Client, edge: true, waits: true, faults: snapshotFaults(),
			query: []param{{name: "token", doc: "For browsers, which cannot send the header: a token, or the ticket that OFREP's eventStreams has.", schema: text("", 200)}},
			ok:    success{status: http.StatusOK, schema: "Text", types: []string{streamType}},
		},
		{
			method: http.MethodPost, path: "/track", id: "track", tag: trackingTag, summary: "Report what units saw and did",
			doc: "202 says that what is not rejected is stored, on disk. Each id counts once, however often and wherever it is sent: after any other answer, or none, send the same again. " +
				"Rejected events are named by their index and will never be stored; the others of the request are kept.",
			role: domain.Client, edge: true, waits: true, faults: evaluationFaults(),
			body: &body{
				limit: trackBody, schema: "TrackRequest",
				example: `{"events":[{"id":"0193e1a0-0000-7000-8000-000000000001","type":"exposure","at":"2026-01-31T12:00:00Z","unit":"u1","experiment":"checkout-button","variation":"treatment","position":42},` +
					`{"id":"0193e1a0-0000-7000-8000-000000000002","type":"event","name":"purchase","at":"2026-01-31T12:01:00Z","unit":"u1","value":49.9}]}`,
			},
			ok: success{status: http.StatusAccepted, schema: "Receipt", example: `{"accepted":2,"rejected":[]}`},
		},
		{
			method: http.MethodPost, path: "/edges/{id}", id: "announce-edge", tag: operationsTag, summary: "Say that an edge is there",
			doc: "What assay-edge does by itself every few seconds, so that GET /system lists it; after five minutes without it is forgotten. " +
				"The id is the edge's own. Nothing of it is in the ledger.",
			role: domain.Server, edge: true, waits: true, faults: evaluationFaults(),
			body: &body{limit: edgeBody, schema: "Announcement", example: `{"version":"1.0.0","started_at":"2026-01-31T12:00:00Z","position":42,"source":"redis","stale":false,"listeners":3,"rejected":{},"keys":[]}`},
			ok:   success{status: http.StatusOK, schema: "Announced", example: `{"position":42}`},
		},
	}
}

// edgeBody bounds what evaluation reads, in bytes.
const edgeBody = 64 << 10

// trackBody bounds a batch of events, in bytes.
const trackBody = 5 << 20

func eventParams() []param {
	return []param{
		{name: "flagConfigEtag", doc: "The etag of the event that led to this request: the answer waits up to 500 ms for that state.", schema: text("", 200)},
		{name: "flagConfigLastModified", doc: "The lastModified of that event; not used.", schema: text("", 50)},
	}
}

func snapshotFaults() []int {
	return []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable}
}

func evaluationFaults() []int {
	return append(snapshotFaults(), http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
}

func edgeSchemas() fields {
	reason := oneOf("Why: INACTIVE, NO_UNIT, HOLDOUT, AUDIENCE, PREREQUISITE, LAYER and TRAFFIC give the control.",
		"INACTIVE", "NO_UNIT", "OVERRIDE", "HOLDOUT", "AUDIENCE", "PREREQUISITE", "LAYER", "TRAFFIC", "SPLIT")
	snapshot := complete("All that evaluation needs at one position. What a later version may add is to be ignored.", fields{
		"position":    count("", 0),
		"at":          format("The time of the record at the position.", "date-time"),
		"since":       count("In an answer of changes alone: the position that they start from.", 0),
		"experiments": list("By id.", ref("AnyObject")),
		"layers":      list("By id.", ref("AnyObject")),
		"holdouts":    list("By id.", ref("AnyObject")),
		"segments":    list("By id, with their members.", ref("AnyObject")),
		"deleted":     list("What was deleted after deltas_from.", ref("AnyObject")),
		"deltas_from": count("since below this is answered with all of it.", 0),
	}, "since", "deleted")
	context := object("", fields{"context": open("What audiences look at; targetingKey is the unit's id of the type user_id.", true)})
	context.AdditionalProperties = true
	return fields{
		"EvaluateRequest": object("", fields{
			"unit":        {Type: huma.TypeString, Description: "The unit's id of the type user_id."},
			"attributes":  open("What audiences look at, and the ids of other unit types.", true),
			"experiments": list("Keys; default all.", &huma.Schema{Type: huma.TypeString}),
		}),
		"Assignments": complete("", fields{
			"position":    count("The ledger's position that the answer is of.", 0),
			"assignments": open("By the experiment's key.", ref("Assignment")),
			"not_found":   list("Keys that no experiment has.", &huma.Schema{Type: huma.TypeString}),
		}, "not_found"),
		"Assignment": complete("", fields{
			"variation": {Type: huma.TypeString, Description: "Its key."}, "value": anything("The variation's."), "reason": reason,
		}),
		"EvaluationContext": context,
		"Flag": complete("", fields{
			"key": keySchema(), "value": anything("The variation's, or the control's."),
			"reason":  oneOf("", "SPLIT", "TARGETING_MATCH", "DISABLED"),
			"variant": {Type: huma.TypeString, Description: "The variation's key, of who is in the experiment."},
			"metadata": complete("", fields{
				"assayReason": reason, "version": count("The experiment's.", 1),
			}),
		}, "variant"),
		"Flags": complete("", fields{
			"flags": list("By key, inactive ones too.", ref("Flag")),
			"eventStreams": list("", complete("", fields{
				"type":               oneOf("", "sse"),
				"endpoint":           complete("", fields{"requestUri": {Type: huma.TypeString, Description: "Relative to this server. It holds a ticket that opens nothing else."}}),
				"inactivityDelaySec": count("How long a page may be hidden before it should stop listening.", 1),
			})),
		}),
		"EvaluationFailure": complete("What OFREP answers instead of a problem.", fields{
			"key":          {Type: huma.TypeString, Description: "The flag that was asked for, if it was one."},
			"errorCode":    oneOf("", "PARSE_ERROR", "INVALID_CONTEXT", "FLAG_NOT_FOUND", "GENERAL"),
			"errorDetails": {Type: huma.TypeString},
		}, "key"),
		"TrackRequest": complete("", fields{"events": list("At most 10,000.", ref("TrackedEvent"))}),
		"TrackedEvent": complete("An exposure has experiment and variation, an event has a name.", fields{
			"id":         format("Of the event, made by who reports it.", "uuid"),
			"type":       oneOf("", "exposure", "event"),
			"at":         format("When it happened: at most 24 hours ahead of the server's clock, at most 400 days ago.", "date-time"),
			"unit":       text("Its id.", 1024),
			"unit_type":  text("Default user_id.", 128),
			"units":      open("Up to three further units, by type, that the event is of too: who was anonymous and is now known.", &huma.Schema{Type: huma.TypeString}),
			"experiment": text("Its key.", 128),
			"variation":  text("Its key.", 128),
			"position":   count("The ledger's, that the variation was given at; 0 is unknown.", 0),
			"name":       text("What happened.", 128),
			"value":      anything("What it is worth: a number within 1e12 of 0, kept in millionths."),
			"attributes": open("What an exposure was evaluated with, or what describes the event: at most 8 KiB.", true),
		}, "unit_type", "units", "experiment", "variation", "position", "name", "value", "attributes"),
		"Announcement": complete("", fields{
			"version":    text("The program's.", 100),
			"started_at": format("", "date-time"),
			"position":   count("What it serves.", 0),
			"source":     text("Where that came from.", 40),
			"stale":      boolean("Whether nothing has confirmed it of late."),
			"listeners":  count("Of GET /stream.", 0),
			"rejected":   open("Tracked events that will never be stored, by reason, since its start.", count("", 0)),
			"keys": list("At most 300 keys that were used of late.", complete("", fields{
				"key_id":        format("", "uuid"),
				"first_seen_at": format("Since the edge's start.", "date-time"),
				"last_seen_at":  format("", "date-time"),
			})),
		}),
		"Announced": complete("", fields{"position": count("What this server serves.", 0)}),
		"Receipt": complete("", fields{
			"accepted": count("How many are stored, now or before.", 0),
			"rejected": list("By index.", complete("", fields{"index": count("From 0.", 0), "problem": {Type: huma.TypeString}})),
		}),
		"Snapshot": snapshot,
		"Feed":     complete("", fields{"document": ref("Snapshot"), "keys": list("With the SHA-256 of their secrets.", ref("AnyObject"))}),
	}
}
