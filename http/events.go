package httpapi

import (
	"context"
	"net/http"
	"regexp"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

func eventRoutes() []route {
	return []route{{
		method: http.MethodGet, path: "/events", id: "read-events", tag: "Ledger",
		summary: "Read the ledger",
		doc: "Every record, in order, as it was written, or the newest first; all parameters narrow it down. " +
			"next_cursor is a position: give it as after to go on, or as before where the newest come first; null where there are no more. " +
			"A page of one type or actor looks at 50,000 records at most: it may hold fewer than its limit, and even none, and have a next_cursor.",
		role: domain.Viewer, waits: true, query: append(eventFilters(), limitParams()[0]),
		ok: success{
			status: http.StatusOK, schema: "Events",
			example: `{"items":[{"position":1,"stream":"experiment/01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","version":1,"type":"experiment.deleted","schema_version":1,"data":{},"data_hash":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","command_id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b70","actor":"root","key_id":"","reason":"","request_id":"","correlation_id":"","at":"2026-01-05T09:00:00.000001Z","hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],"next_cursor":"1"}`,
		},
		handle: (*api).readEvents,
	}}
}

var (
	eventType   = regexp.MustCompile(`^[a-z_]{1,60}\.[a-z_]{0,60}$`)
	eventStream = regexp.MustCompile(`^([a-z_]{1,20}/[0-9a-f-]{36}|[0-9A-Fa-f-]{36}|[a-z0-9][a-z0-9._-]{0,127})$`)
	// An actor is the name of a key: one line.
	eventActor = regexp.MustCompile(`^[^\pC]{1,200}$`)
)

func eventFilters() []param {
	return []param{
		{name: "after", doc: "Only records after this position.", schema: count("", 0), example: 0},
		{name: "before", doc: "Only records before this position.", schema: count("", 1)},
		{name: "order", doc: "desc for the newest first.", schema: oneOf("", "asc", "desc")},
		{name: "type", doc: "Only records of this type, or of all types that begin with it where it ends in a dot.", schema: pattern("", eventType.String()), example: "experiment."},
		{name: "actor", doc: "Only records by this actor.", schema: text("", domain.MaxName), example: "root"},
		{name: "stream", doc: "Only records of this stream, or of what has or had this id or key.", schema: pattern("", eventStream.String()), example: "checkout-button"},
		{name: "from", doc: "Only records of this time or later.", schema: format("", "date-time"), example: "2026-01-31T12:00:00Z"},
		{name: "to", doc: "Only records before this time.", schema: format("", "date-time")},
	}
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
	options, err := in.eventOptions()
	if err != nil {
		return answer{}, err
	}
	got, err := a.queries.Events(ctx, options)
	if err != nil {
		return answer{}, err
	}
	return encoded(got)
}

func (in *input) eventOptions() (o queries.EventOptions, err error) {
	const most = 1<<53 - 1
	if o.After, err = in.whole("after", 0, most, 0); err != nil {
		return o, err
	}
	if o.Before, err = in.whole("before", 1, most, 0); err != nil {
		return o, err
	}
	limit, err := in.whole("limit", 1, maxLimit, defaultLimit)
	if err != nil {
		return o, err
	}
	o.Limit = int(limit)
	order, err := in.choice("order", "asc", "desc")
	if err != nil {
		return o, err
	}
	o.Newest = order == "desc"
	if o.From, err = in.moment("from"); err != nil {
		return o, err
	}
	if o.To, err = in.moment("to"); err != nil {
		return o, err
	}
	if o.Type, err = in.form("type", eventType, "must be a type such as experiment.created, or its beginning up to the dot"); err != nil {
		return o, err
	}
	if o.Actor, err = in.form("actor", eventActor, "must be the name of a key"); err != nil {
		return o, err
	}
	o.Stream, err = in.form("stream", eventStream, "must be a stream such as experiment/<id>, an id or a key")
	return o, err
}
