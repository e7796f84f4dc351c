package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

const (
	experimentsPath = "/experiments"
	experimentPath  = "/experiments/{id}"
	experimentsTag  = "Experiments"
)

func experimentRoutes() []route {
	return []route{
		statusRoute(),
		{
			method: http.MethodGet, path: experimentsPath, id: "list-experiments", tag: experimentsTag,
			summary: "List experiments",
			doc: "Reads Redis; without it Postgres; without that this process's memory. The answer says which, and as of which position. " +
				"As the list stood at a time or at a position of the ledger, it is read from the ledger.",
			role: domain.Viewer, waits: true, query: slices.Concat(experimentFilters(), momentParams()[:2], limitParams()),
			ok:     success{status: http.StatusOK, schema: "ExperimentList", example: `{"items":[` + experimentExample + `],"next_cursor":null,"source":"redis","position":42}`},
			handle: (*api).listExperiments,
		},
		{
			method: http.MethodGet, path: experimentPath, id: "read-experiment", tag: experimentsTag,
			summary: "Read an experiment",
			doc:     "As it stands, or as it stood at a time, at a position of the ledger or at one of its own versions.",
			role:    domain.Viewer, waits: true, query: momentParams(),
			ok:     success{status: http.StatusOK, schema: "Experiment", example: experimentExample, versioned: true},
			handle: (*api).readExperiment,
		},
		{
			method: http.MethodPost, path: experimentsPath, id: "create-experiment", tag: experimentsTag,
			summary: "Create an experiment",
			doc:     "It begins inactive. Without variations it has control and treatment, one to one; the split is derived from the weights.",
			role:    domain.Editor, command: true,
			body:   &body{limit: maxBody, schema: "ExperimentCreate", example: `{"name":"Checkout button","tags":["checkout"],"reason":"Q1 goal"}`},
			ok:     success{status: http.StatusCreated, schema: "Experiment", example: experimentExample, versioned: true, located: true},
			handle: (*api).createExperiment,
		},
		{
			method: http.MethodPatch, path: experimentPath, id: "patch-experiment", tag: experimentsTag,
			summary: "Change an experiment",
			doc:     "A JSON merge patch (RFC 7396) of the configuration: lists are replaced whole, though a variation that stays keeps the name and value that the patch does not give. A change of weights moves the fewest slots that it can. A patch that changes nothing succeeds and appends nothing.",
			role:    domain.Editor, command: true, conditional: true,
			body:   &body{limit: maxBody, patch: true, schema: "ExperimentPatch", example: `{"traffic_ppm":500000,"variations":[{"key":"control","weight":9},{"key":"treatment","weight":1}],"phase":"new"}`},
			ok:     success{status: http.StatusOK, schema: "Experiment", example: experimentExample, versioned: true},
			handle: (*api).patchExperiment,
		},
		{
			method: http.MethodDelete, path: experimentPath, id: "delete-experiment", tag: experimentsTag,
			summary: "Delete an experiment",
			doc:     "An active experiment is switched off first, in the same transaction. It leaves lists, counts and evaluation, never the ledger.",
			role:    domain.Editor, command: true, conditional: true,
			ok:     success{status: http.StatusNoContent, versioned: true},
			handle: (*api).deleteExperiment,
		},
		revertRoute(), batchRoute(), previewRoute(), historyRoute(), resultsRoute(),
	}
}

func (a *api) createExperiment(ctx context.Context, in *input) (answer, error) {
	document, err := in.creation()
	if err != nil {
		return answer{}, err
	}
	got, err := a.commands.CreateExperiment(ctx, in.call, document)
	return created(experimentsPath, got), err
}

func (a *api) patchExperiment(ctx context.Context, in *input) (answer, error) {
	got, err := a.commands.PatchExperiment(ctx, in.call, in.ref, in.body)
	return commanded(http.StatusOK, got), err
}

func (a *api) deleteExperiment(ctx context.Context, in *input) (answer, error) {
	got, err := a.commands.DeleteExperiment(ctx, in.call, in.ref)
	return commanded(http.StatusNoContent, got), err
}

func (a *api) readExperiment(ctx context.Context, in *input) (answer, error) {
	when, err := in.when()
	if err != nil {
		return answer{}, err
	}
	doc, version, position, err := a.queries.Experiment(ctx, in.ref, when)
	return answer{
		status: http.StatusOK, body: doc, version: version, position: position, positioned: true,
	}, err
}

func (a *api) listExperiments(ctx context.Context, in *input) (answer, error) {
	options, err := in.listOptions()
	if err != nil {
		return answer{}, err
	}
	got, err := a.queries.Experiments(ctx, options)
	if err != nil {
		return answer{}, err
	}
	position := strconv.FormatInt(got.Position, 10)
	return listed(got.Items, got.NextCursor, `,"source":"`+got.Source+`","position":`+position)
}

func (in *input) listOptions() (o queries.ListOptions, err error) {
	o.MinPosition = in.minPosition
	if o.Limit, o.Cursor, err = in.page(); err != nil {
		return o, err
	}
	if o.Status, err = in.choice("status", string(domain.Active), string(domain.Inactive)); err != nil {
		return o, err
	}
	if o.Sort, err = in.choice("sort", sorts()...); err != nil {
		return o, err
	}
	if o.Q, err = in.text("q", maxText); err != nil {
		return o, err
	}
	if o.Tag, err = in.text("tag", maxText); err != nil {
		return o, err
	}
	o.Moment, err = in.moments()
	return o, err
}

// when reads the moment that a past state is asked for.
func (in *input) when() (m queries.Moment, err error) {
	if len(in.query) > 1 {
		return m, domain.Invalid("at", "must be the only one of at, position and version")
	}
	if m, err = in.moments(); err != nil {
		return m, err
	}
	version, err := in.whole("version", 1, 1<<31-1, 0)
	m.Version = int(version)
	return m, err
}

// moments reads a time and a position, of which a query takes one at most.
func (in *input) moments() (m queries.Moment, err error) {
	if m.At, err = in.moment("at"); err != nil {
		return m, err
	}
	const most = 1<<53 - 1
	m.Position, err = in.whole("position", 1, most, 0)
	return m, err
}

func sorts() []string {
	return []string{
		"key", "-key", "name", "-name", "created_at", "-created_at",
		"updated_at", "-updated_at", "status", "-status",
	}
}

func experimentFilters() []param {
	return []param{
		{name: "status", doc: "Only experiments with this status.", schema: oneOf("", "active", "inactive")},
		{name: "q", doc: "Only experiments whose key, name or description holds this text.", schema: text("", maxText), example: "checkout"},
		{name: "tag", doc: "Only experiments with this tag.", schema: text("", maxText)},
		{name: "sort", doc: "A field, descending after a minus.", schema: oneOf("", sorts()...)},
	}
}

func momentParams() []param {
	return []param{
		{name: "at", doc: "As it stood at that time.", schema: format("", "date-time"), example: "2026-01-31T12:00:00Z"},
		{name: "position", doc: "As it stood at that position of the ledger.", schema: count("", 1)},
		{name: "version", doc: "As that version of its own was.", schema: &huma.Schema{Type: huma.TypeInteger}},
	}
}
