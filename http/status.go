package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
)

func statusRoute() route {
	return route{
		method: http.MethodPatch, path: experimentPath + "/status", id: "set-status", tag: experimentsTag,
		summary: "Switch an experiment on or off",
		doc:     "Setting the status that it has succeeds and appends nothing.",
		role:    domain.Editor, command: true, conditional: true,
		body:   &body{limit: maxBody, schema: "StatusChange", example: `{"status":"active","reason":"launch"}`},
		ok:     success{status: http.StatusOK, schema: "Experiment", example: experimentExample, versioned: true},
		handle: (*api).setStatus,
	}
}

func (a *api) setStatus(ctx context.Context, in *input) (answer, error) {
	var body struct {
		Status string  `json:"status"`
		Reason *string `json:"reason"`
	}
	if err := domain.Decode(in.body, &body); err != nil {
		return answer{}, err
	}
	if err := in.withReason(body.Reason); err != nil {
		return answer{}, err
	}
	got, err := a.commands.SetStatus(ctx, in.call, in.ref, body.Status)
	return commanded(http.StatusOK, got), err
}
