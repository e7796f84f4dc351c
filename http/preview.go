package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
)

func previewRoute() route {
	return route{
		method: http.MethodPost, path: experimentPath + "/preview", id: "preview-experiment", tag: experimentsTag,
		summary: "See what a patch would do",
		doc:     "A dry run: what would be appended, and exactly which slots would move from variation to variation. Nothing is appended.",
		role:    domain.Editor, waits: true,
		body: &body{limit: maxBody, patch: true, schema: "ExperimentPatch", example: `{"variations":[{"key":"control","weight":1},{"key":"treatment","weight":3}],"phase":"same"}`},
		ok: success{
			status: http.StatusOK, schema: "Preview",
			example: `{"events":[],"moves":[{"from":"control","to":"treatment","slots":250000}],"slots_moved":250000,"experiment":` + experimentExample + `}`,
		},
		handle: (*api).previewExperiment,
	}
}

func (a *api) previewExperiment(ctx context.Context, in *input) (answer, error) {
	got, err := a.commands.PreviewExperiment(ctx, in.ref, in.body)
	if err != nil {
		return answer{}, err
	}
	return encoded(got)
}
