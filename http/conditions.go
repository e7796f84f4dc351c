package httpapi

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
)

const conditionsPath = "/conditions/check"

func conditionRoute() route {
	return route{
		method: http.MethodPost, path: conditionsPath, id: "check-condition", tag: experimentsTag,
		summary: "Check an audience",
		doc: "Whether it can be one, with what is wrong where; and, with attributes, whether a unit that has them meets it, with each test that it is made of. " +
			"An audience looks at attributes alone: the unit's id is one where they hold it. Segments are those of now.",
		role: domain.Viewer, waits: true,
		body: &body{
			limit: maxBody, schema: "ConditionCheckRequest",
			example: `{"audience":{"country":{"$in":["US","CA"]},"$not":{"plan":"free"}},"attributes":{"country":"US","plan":"free"}}`,
		},
		ok: success{
			status: http.StatusOK, schema: "ConditionCheck",
			example: `{"valid":true,"errors":[],"matches":false,"explanation":[{"pointer":"/country/$in","matched":true},{"pointer":"/$not/plan","matched":true}]}`,
		},
		handle: (*api).checkCondition,
	}
}

func conditionSchemas() fields {
	pointer := func() fields { return fields{"pointer": text("A JSON pointer into the audience.", maxBody)} }
	required := anything("The condition, whatever it is.")
	return fields{
		"ConditionCheckRequest": object("A condition, and who might meet it.", fields{
			"audience": required, "attributes": open("What is known of a unit, of at most 1,000 texts; absent for no unit.", true),
		}, "audience"),
		"ConditionCheck": complete("What is wrong with a condition, or who meets it.", fields{
			"valid":   boolean("Whether an experiment may have it."),
			"errors":  list("What is wrong.", ref("ConditionFault")),
			"matches": orNull(boolean("Whether the unit meets it; null for what is not valid, and without attributes.")),
			"explanation": list("The tests that it is made of, as they are written, the first 1,000: operators on attributes, and plain values. "+
				"$all, $size and $elemMatch are one test each.", ref("ConditionTest")),
		}),
		"ConditionFault": complete("", join(pointer(), fields{"problem": text("What must be.", 10_000)})),
		"ConditionTest": complete("", join(pointer(), fields{
			"matched": boolean("Whether the unit passes it: by itself, without what stands around it, such as $not."),
		})),
	}
}

func (a *api) checkCondition(_ context.Context, in *input) (answer, error) {
	var body struct {
		Audience   jsontext.Value `json:"audience"`
		Attributes map[string]any `json:"attributes"`
	}
	if err := domain.Decode(in.body, &body); err != nil {
		return answer{}, err
	}
	if body.Audience == nil {
		return answer{}, domain.Invalid("audience", "must be given")
	}
	got, err := a.queries.CheckCondition(body.Audience, body.Attributes)
	if err != nil {
		return answer{}, err
	}
	return encoded(got)
}
