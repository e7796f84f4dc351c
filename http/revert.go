package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
)

func revertRoute() route {
	return route{
		method: http.MethodPost, path: experimentPath + "/revert", id: "revert-experiment", tag: experimentsTag,
		summary: "Restore an earlier version's settings",
		doc:     "A new event that restores the settings and split that the version held; status, schedule, phase and key stay.",
		role:    domain.Editor, command: true, conditional: true,
		body:   &body{limit: maxBody, schema: "Revert", example: `{"version":2,"phase":"new","reason":"the new split was a mistake"}`},
		ok:     success{status: http.StatusOK, schema: "Experiment", example: experimentExample, versioned: true},
		handle: (*api).revertExperiment,
	}
}

func (a *api) revertExperiment(ctx context.Context, in *input) (answer, error) {
	var body struct {
		Version int     `json:"version"`
		Phase   string  `json:"phase"`
		Reason  *string `json:"reason"`
	}
	if err := domain.Decode(in.body, &body); err != nil {
		return answer{}, err
	}
	if err := in.withReason(body.Reason); err != nil {
		return answer{}, err
	}
	got, err := a.commands.RevertExperiment(ctx, in.call, in.ref, body.Version, body.Phase)
	return commanded(http.StatusOK, got), err
}
