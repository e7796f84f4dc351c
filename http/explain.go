package httpapi

import (
	"context"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

const explainPath = "/explain"

const explainExample = `{"position":57,"at":"2026-01-07T08:00:00.000003Z","explanations":[{"position":57,
"experiment":{"kind":"experiment","id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","key":"checkout-button","version":3,"position":42},
"unit_type":"user_id","unit":"u7","variation":"control","value":false,"reason":"AUDIENCE","steps":[
{"check":"status","decided":false,"by":{"kind":"experiment","id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","key":"checkout-button","version":3,"position":42},
"record":{"position":42,"type":"experiment.status_changed","at":"2026-01-06T10:30:00.000002Z","actor":"Ada","reason":"launch"}},
{"check":"audience","decided":true,"by":{"kind":"experiment","id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","key":"checkout-button","version":3,"position":42},
"record":{"position":40,"type":"experiment.created","at":"2026-01-05T09:00:00.000001Z","actor":"Ada","reason":""}}]}]}`

func explainRoute() route {
	return route{
		method: http.MethodPost, path: explainPath, id: "explain", tag: experimentsTag,
		summary: "Explain what a unit gets",
		doc: "Which variation, now, or at a time or position of the past, and why: the steps of the algorithm up to the one that decided, " +
			"each with the record that last set what it looked at. Segments, layers, holdouts and prerequisites are those of that moment. " +
			"All experiments where none is named; of more than 100, each step names the record that last wrote the settings.",
		role: domain.Viewer, waits: true,
		body: &body{limit: maxBody, schema: "ExplainRequest", example: `{"unit":"u7","attributes":{"country":"BR"},"experiment":"checkout-button","position":57}`},
		ok: success{
			status: http.StatusOK, schema: "Explained", example: explainExample,
		},
		handle: (*api).explain,
	}
}

func explainSchemas() fields {
	record := ref("RecordReference")
	return fields{
		"ExplainRequest": object("Who asks, about what and when. Without at and position it is now.", fields{
			"unit":       text("The unit's id, of type user_id.", domain.MaxText),
			"attributes": open("What is known of the unit; ids of other unit types too.", true),
			"experiment": text("An id or key.", maxRef),
			"at":         format("A time, not in the future.", "date-time"),
			"position":   count("A position of the ledger, instead of a time.", 1),
		}),
		"Explained": complete("What a unit gets as of one position.", fields{
			"position":     count("The ledger's, as of which this holds.", 0),
			"at":           format("When the record at that position was made.", "date-time"),
			"explanations": list("In the order of keys.", ref("Explanation")),
		}, "at"),
		"Explanation": complete("What one experiment gives, and why.", fields{
			"position":   count("As above.", 0),
			"experiment": ref("EntityReference"),
			"unit_type":  unitType(),
			"unit":       text("The id of that type; empty where there is none.", maxBody),
			"variation":  text("Its key.", 128),
			"value":      anything("The variation's."),
			"reason": oneOf("The step that decided.", "INACTIVE", "NO_UNIT", "OVERRIDE", "HOLDOUT", "AUDIENCE",
				"PREREQUISITE", "LAYER", "TRAFFIC", "SPLIT"),
			"steps": list("Up to the one that decided.", ref("ExplainedStep")),
		}),
		"ExplainedStep": complete("One step.", fields{
			"check": oneOf("What was asked.", "status", "unit", "override", "holdout", "audience",
				"prerequisite", "layer", "traffic", "split"),
			"decided":         boolean("Whether this was the answer."),
			"by":              ref("EntityReference"),
			"record":          record,
			"segments":        list("The segments that the audience looks into.", ref("EntityReference")),
			"segment_records": list("The last record of each of them.", record),
			"slot":            slot("The unit's."),
			"below":           slot("Only slots below this one are within the share."),
			"ranges":          list("The slots that the experiment, or the variation, has.", ref("Range")),
			"variation":       text("What a prerequisite, an override or the split gives.", 128),
			"reason":          text("Why a prerequisite gives that.", 20),
			"wanted":          list("The variations of a prerequisite that would do.", text("", 128)),
		}, "segments", "segment_records", "slot", "below", "ranges", "variation", "reason", "wanted"),
		"EntityReference": complete("An entity as it stood.", fields{
			"kind": text("", 20), "id": format("", "uuid"), "key": keySchema(),
			"version": count("", 1), "position": count("Of its last record.", 1),
		}),
		"RecordReference": complete("The record that last set what the step looked at.", fields{
			"position": count("", 1), "type": text("noun.verb_past", 100), "at": format("By the ledger's clock.", "date-time"),
			"actor": text("The name of the key that was used.", domain.MaxName), "reason": text("", domain.MaxReason),
		}),
	}
}

func (a *api) explain(ctx context.Context, in *input) (answer, error) {
	var body struct {
		Unit       string         `json:"unit"`
		Attributes map[string]any `json:"attributes"`
		Experiment *string        `json:"experiment"`
		At         *time.Time     `json:"at"`
		Position   *int64         `json:"position"`
	}
	if err := domain.Decode(in.body, &body); err != nil {
		return answer{}, err
	}
	if utf8.RuneCountInString(body.Unit) > domain.MaxText {
		return answer{}, domain.Invalid("unit", "must have at most %d characters", domain.MaxText)
	}
	q := queries.Question{Unit: body.Unit, Attributes: body.Attributes}
	if body.Experiment != nil {
		if q.Experiment = *body.Experiment; !wellFormedRef(q.Experiment) {
			return answer{}, domain.Invalid("experiment", "must be an id or a key")
		}
	}
	if body.Position != nil {
		if q.Moment.Position = *body.Position; q.Moment.Position < 1 {
			return answer{}, domain.Invalid("position", "must be 1 or more")
		}
	}
	if body.At != nil {
		if q.Moment.At = body.At.UTC(); q.Moment.At.Year() < 1970 || q.Moment.At.Year() > 9998 {
			return answer{}, domain.Invalid("at", "must be a time from 1970 to 9998")
		}
	}
	got, err := a.queries.Explain(ctx, q)
	if err != nil {
		return answer{}, err
	}
	return encoded(got)
}
