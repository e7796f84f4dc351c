package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
)

func memberRoutes() []route {
	return []route{{
		method: http.MethodPatch, path: "/segments/{id}/members", id: "change-members", tag: "Segments",
		summary: "Add and remove a segment's members",
		doc:     "Ids that are in already, or out already, change nothing. Up to 100,000 at once.",
		role:    domain.Editor, command: true, conditional: true,
		body:   &body{limit: maxBigBody, schema: "MembersChange", example: `{"add":["u1","u2"],"remove":["u3"],"reason":"beta, second wave"}`},
		ok:     success{status: http.StatusOK, schema: "Segment", example: segmentExample, versioned: true},
		handle: (*api).changeMembers,
	}}
}

func memberSchemas() fields {
	ids := func(doc string) fields { return fields{doc: list("Unit ids.", text("", 1024))} }
	return fields{"MembersChange": object("", join(ids("add"), ids("remove"), reasonFields()))}
}

func (a *api) changeMembers(ctx context.Context, in *input) (answer, error) {
	var body *struct {
		Add    []string `json:"add"`
		Remove []string `json:"remove"`
		Reason *string  `json:"reason"`
	}
	if err := domain.Decode(in.body, &body); err != nil {
		return answer{}, err
	}
	if body == nil || body.Add == nil && body.Remove == nil {
		return answer{}, domain.Invalid("add", "must be given, or remove: a list of unit ids")
	}
	if err := in.withReason(body.Reason); err != nil {
		return answer{}, err
	}
	got, err := a.commands.ChangeMembers(ctx, in.call, in.ref, body.Add, body.Remove)
	return commanded(http.StatusOK, got), err
}
