package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/assaylabs/assay/domain"
)

// resource is a kind of entity that is created, listed, read, patched and
// deleted in one way.
type resource struct {
	kind domain.Kind
	path string
	tag  string
	// noun is for people and operation ids, such as "metric definition".
	noun, plural string
	// schema names the document's; those of its creation, patch and page follow.
	schema, example string
	doc             string
	create, patch   string
	// reader and editor are the roles that reading and commands need.
	reader, editor domain.Role
	bodyLimit      int64
	// creation overrides what creating answers.
	creation *success
	creator  func(*api, context.Context, *input) (answer, error)
}

func resources() []resource {
	return []resource{layers(), segments(), metricDefinitions(), holdouts(), keys()}
}

func (k resource) routes() []route {
	one := k.path + "/{id}"
	id := strings.ReplaceAll(k.noun, " ", "-")
	document := success{status: http.StatusOK, schema: k.schema, example: k.example, versioned: true}
	creation := document
	creation.status, creation.located = http.StatusCreated, true
	if k.creation != nil {
		creation = *k.creation
	}
	creator := k.creator
	if creator == nil {
		creator = k.handleCreate
	}
	return []route{
		{
			method: http.MethodGet, path: k.path, id: "list-" + strings.ReplaceAll(k.plural, " ", "-"), tag: k.tag,
			summary: "List " + k.plural, role: k.reader, waits: true, query: limitParams(),
			ok:     success{status: http.StatusOK, schema: k.schema + "List", example: `{"items":[` + k.example + `],"next_cursor":null}`},
			handle: k.handleList,
		},
		{
			method: http.MethodPost, path: k.path, id: "create-" + id, tag: k.tag,
			summary: "Create a " + k.noun, doc: k.doc, role: k.editor, command: true,
			body: &body{limit: k.bodyLimit, schema: k.schema + "Create", example: k.create}, ok: creation,
			handle: creator,
		},
		{
			method: http.MethodGet, path: one, id: "read-" + id, tag: k.tag,
			summary: "Read a " + k.noun, role: k.reader, waits: true, ok: document,
			handle: k.handleRead,
		},
		{
			method: http.MethodPatch, path: one, id: "patch-" + id, tag: k.tag,
			summary: "Change a " + k.noun, doc: "A JSON merge patch (RFC 7396).", role: k.editor, command: true, conditional: true,
			body: &body{limit: maxBody, patch: true, schema: k.schema + "Patch", example: k.patch}, ok: document,
			handle: k.handlePatch,
		},
		{
			method: http.MethodDelete, path: one, id: "delete-" + id, tag: k.tag,
			summary: "Delete a " + k.noun, doc: "Refused while something refers to it.", role: k.editor, command: true, conditional: true,
			ok: success{status: http.StatusNoContent, versioned: true}, handle: k.handleDelete,
		},
	}
}

func (k resource) handleCreate(a *api, ctx context.Context, in *input) (answer, error) {
	document, err := in.creation()
	if err != nil {
		return answer{}, err
	}
	got, err := a.commands.CreateResource(ctx, in.call, k.kind, document)
	return created(k.path, got), err
}

// creation is the body without the reason, which goes with the call.
func (in *input) creation() ([]byte, error) {
	document, reason, err := takeReason(in.body)
	if err != nil {
		return nil, err
	}
	return document, in.withReason(reason)
}

func (k resource) handlePatch(a *api, ctx context.Context, in *input) (answer, error) {
	got, err := a.commands.PatchResource(ctx, in.call, k.kind, in.ref, in.body)
	return commanded(http.StatusOK, got), err
}

func (k resource) handleDelete(a *api, ctx context.Context, in *input) (answer, error) {
	got, err := a.commands.DeleteResource(ctx, in.call, k.kind, in.ref)
	return commanded(http.StatusNoContent, got), err
}

func (k resource) handleRead(a *api, ctx context.Context, in *input) (answer, error) {
	doc, version, position, err := a.queries.Resource(ctx, k.kind, in.ref)
	return answer{
		status: http.StatusOK, body: doc, version: version, position: position, positioned: true,
	}, err
}

func (k resource) handleList(a *api, ctx context.Context, in *input) (answer, error) {
	limit, cursor, err := in.page()
	if err != nil {
		return answer{}, err
	}
	got, err := a.queries.Resources(ctx, k.kind, limit, cursor)
	if err != nil {
		return answer{}, err
	}
	return listed(got.Items, got.NextCursor, "")
}
