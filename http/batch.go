package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
)

func batchRoute() route {
	return route{
		method: http.MethodPost, path: experimentsPath + "/batch", id: "batch", tag: experimentsTag,
		summary: "Run many commands, all or none",
		doc:     "Up to 1,000 commands in one transaction. The first that fails fails all, and the problem names it: commands[3].… .",
		role:    domain.Editor, command: true,
		body: &body{
			limit: maxBigBody, schema: "Batch",
			example: `{"commands":[{"op":"create","body":{"name":"Banner"}},{"op":"status","id":"checkout-button","body":{"status":"inactive"},"if_match":3}],"reason":"release 12"}`,
		},
		ok: success{
			status: http.StatusOK, schema: "BatchAnswer",
			example: `{"results":[{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b11","key":"banner","version":1,"position":43,"changed":true},{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","key":"checkout-button","version":4,"position":44,"changed":true}],"position":44}`,
		},
		handle: (*api).batch,
	}
}

func batchSchemas() fields {
	return fields{
		"Batch": object("", join(fields{"commands": list("1 to 1,000.", ref("BatchCommand"))}, reasonFields()), "commands"),
		"BatchCommand": object("", fields{
			"op":       oneOf("", "create", "patch", "status", "delete"),
			"id":       text("The experiment's id or key; absent to create one.", maxRef),
			"body":     open("What the single command's route reads; absent to delete.", true),
			"if_match": count("The version that the experiment must have.", 1),
		}, "op"),
		"BatchAnswer": complete("", fields{
			"results":  list("In the order of the commands.", ref("BatchResult")),
			"position": count("The ledger's after the batch.", 0),
		}),
		"BatchResult": complete("", fields{
			"id": format("", "uuid"), "key": pattern("", keyRegexp),
			"version": count("", 1), "position": count("", 1), "changed": boolean("False where it already was as wished."),
		}),
	}
}

func (a *api) batch(ctx context.Context, in *input) (answer, error) {
	var body struct {
		Commands []commands.BatchCommand `json:"commands"`
		Reason   *string                 `json:"reason"`
	}
	if err := domain.Decode(in.body, &body); err != nil {
		return answer{}, err
	}
	if err := in.withReason(body.Reason); err != nil {
		return answer{}, err
	}
	got, err := a.commands.Batch(ctx, in.call, body.Commands)
	if err != nil {
		return answer{}, inBatch(err, body.Commands)
	}
	done, err := encoded(got)
	done.position, done.positioned, done.replayed = got.Position, true, got.Replayed
	return done, err
}

// batchFault is what made a batch fail, and where.
type batchFault struct {
	err    error
	fields []fieldProblem
}

func (f *batchFault) Error() string { return f.err.Error() }
func (f *batchFault) Unwrap() error { return f.err }

// inBatch says in which command the fields are: those of the command itself, or
// those of the body in it.
func inBatch(err error, all []commands.BatchCommand) error {
	var batch *commands.BatchError
	if !errors.As(err, &batch) || batch.Index >= len(all) {
		return err
	}
	at := "commands[" + strconv.Itoa(batch.Index) + "]"
	fields := slices.Clone(fieldsOf(batch.Err))
	if len(fields) == 0 {
		fields = []fieldProblem{{at, batch.Err.Error()}}
		return &batchFault{err, fields}
	}
	command := all[batch.Index]
	for i, f := range fields {
		if f.Field == "If-Match" {
			fields[i].Field = at + ".if_match"
		} else if f.Field == "op" || f.Field == "body" || f.Field == "id" && (command.Op != "create" || command.ID != "") {
			fields[i].Field = at + "." + f.Field
		} else {
			fields[i].Field = at + ".body." + f.Field
		}
	}
	return &batchFault{err, fields}
}
