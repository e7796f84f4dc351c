package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/domain"
)

// commonParameters are documented once and referred to by name.
func commonParameters() map[string]*huma.Param {
	header := func(name, doc string, schema *huma.Schema, example any) *huma.Param {
		return &huma.Param{Name: name, In: "header", Description: doc, Schema: schema, Example: example}
	}
	return map[string]*huma.Param{
		"id": {
			Name: "id", In: "path", Required: true, Description: "The id, or the key.",
			Schema: text("", maxRef), Example: "checkout-button",
		},
		"date": {
			Name: "date", In: "path", Required: true, Description: "A UTC day, YYYY-MM-DD.",
			Schema: format("", "date"), Example: "2026-01-31",
		},
		"flag": {
			Name: "flag", In: "path", Required: true, Description: "The experiment's key.",
			Schema: text("", maxRef), Example: "checkout-button",
		},
		"If-None-Match": header("If-None-Match", "The ETag of what the client has.", text("", 1000), `"42-6c62272e07bb0142"`),
		"If-Match": header("If-Match", "Run the command only if the entity has this version: the ETag of an answer. Otherwise 412. * is any version.",
			pattern("", `^(\*|"[1-9][0-9]*")$`), `"3"`),
		"Idempotency-Key": header("Idempotency-Key", "Makes retries safe: the same key by the same actor, with the same request, replays the first answer; with another request it is refused.",
			pattern("", `^[!-~]{1,255}$`), "5f0c2a52-9f43-4d9c-8e6c-0d8f1f0a6f11"),
		"Assay-Reason": header("Assay-Reason", "Why; kept in the ledger. UTF-8 as it is, without percent-encoding. Bodies that are not merge patches may hold it as reason instead; if both are given, they must be the same.",
			text("", domain.MaxReason), "launch"),
		"Assay-Min-Position": header("Assay-Min-Position", "Wait up to 2 s until the answer shows the ledger up to this position, else 503: the Assay-Position of a command makes its effect visible.",
			count("", 0), 42),
		"Request-Id": header("Request-Id", "An id of the client's own for this request, kept in the log and the ledger: up to 128 letters, digits and - _ . : / + =. Made by the server when absent or anything else.",
			text("", maxRequestID), nil),
		"Correlation-Id": header("Correlation-Id", "Ties together what one cause led to; default the request's id.",
			text("", maxRequestID), nil),
	}
}

func commonHeaders() map[string]*huma.Param {
	header := func(doc string, schema *huma.Schema, example any) *huma.Param {
		return &huma.Param{Description: doc, Schema: schema, Example: example}
	}
	return map[string]*huma.Param{
		"ETag":                header("The entity's version.", pattern("", `^"[0-9]+"$`), `"3"`),
		"Revision":            header("The revision of what was answered.", text("", 100), `"42-6c62272e07bb0142"`),
		"Assay-Stale":         header("Sent when nothing has confirmed for a while that the answer is the newest.", oneOf("", "true"), nil),
		"Assay-Position":      header("The ledger's position after a command, or that of the last event in what was read.", count("", 0), 42),
		"Location":            header("Where the new entity stands.", format("", "uri-reference"), nil),
		"Idempotent-Replayed": header("Sent when the answer is that of an earlier request.", oneOf("", "true"), nil),
		"Request-Id":          header("The request's id.", text("", maxRequestID), nil),
		"Correlation-Id":      header("The cause's id.", text("", maxRequestID), nil),
		"Retry-After":         header("Whole seconds to wait.", count("", 1), 1),
		"WWW-Authenticate":    header("", text("", 100), `Bearer realm="assay"`),
		"Allow":               header("The methods that the path has.", text("", 100), "GET, PATCH"),
	}
}

// problemExplanations says what each status means here.
func problemExplanations() map[int]string {
	return map[int]string{
		http.StatusBadRequest:            "The request cannot be read: the body is not JSON in UTF-8, or a header or the query is malformed.",
		http.StatusUnauthorized:          "No token, or one that is unknown, revoked or expired.",
		http.StatusForbidden:             "The role does not allow it; or a page of another origin uses the console's cookie.",
		http.StatusNotFound:              "There is no such thing, or it was deleted; or there is no such route.",
		http.StatusMethodNotAllowed:      "The path does not have this method; Allow lists those it has.",
		http.StatusNotAcceptable:         "Accept allows none of the forms that the answer has.",
		http.StatusRequestTimeout:        "The body came too slowly.",
		http.StatusConflict:              "It clashes with what there is: a key is taken, slots belong to another experiment, something still refers to it.",
		http.StatusPreconditionFailed:    "The entity does not have the version that If-Match names.",
		http.StatusRequestEntityTooLarge: "The body is too large.",
		http.StatusUnsupportedMediaType:  "The body's Content-Type is not one that the route reads.",
		http.StatusUnprocessableEntity:   "It can be read, but something in it is wrong: errors names the fields.",
		http.StatusTooManyRequests:       "The key asks too often.",
		http.StatusInternalServerError:   "A fault of the server.",
		http.StatusServiceUnavailable:    "It cannot be served now: the database is away, or the position asked for was not reached in time. Nothing is known to be wrong with the request: try again, commands with an Idempotency-Key.",
	}
}

func problemName(status int) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(http.StatusText(status))
}

func problemSchemas() fields {
	reference := func(doc string) *huma.Schema { return format(doc, "uri-reference") }
	return fields{
		"Problem": object("An RFC 9457 problem document.", fields{
			"type":     reference("Names the kind of problem and leads to its explanation."),
			"title":    text("The same for every problem of the type.", 100),
			"status":   whole("The HTTP status.", 400, 599),
			"detail":   text("What went wrong this time.", 10_000),
			"instance": reference("The path that was asked for."),
			"errors":   list("The fields at fault.", ref("FieldProblem")),
		}, "type", "title", "status"),
		"FieldProblem": complete("What is wrong with one field.", fields{
			"field":   text("A member of the body as a.b[0], a query parameter, a header, or body for all of it.", 10_000),
			"problem": text("What it must be.", 10_000),
		}),
	}
}

func problemResponses() map[string]*huma.Response {
	all := map[string]*huma.Response{}
	for status, explanation := range problemExplanations() {
		example := problem{
			Type: "/docs#problem-" + strconv.Itoa(status), Title: http.StatusText(status), Status: status,
			Detail: strings.ToLower(explanation[:1]) + explanation[1:],
		}
		if status == http.StatusUnprocessableEntity {
			example.Detail = "variations[1].weight: must be a whole number from 0 to 1000000"
			example.Errors = []fieldProblem{{"variations[1].weight", "must be a whole number from 0 to 1000000"}}
		}
		raw, _ := encodeLoosely(example) // texts of our own
		response := &huma.Response{
			Description: explanation,
			Content: map[string]*huma.MediaType{problemType: {
				Schema: ref("Problem"), Example: json.RawMessage(raw),
			}},
			Headers: map[string]*huma.Param{},
		}
		for _, name := range problemHeaders(status) {
			response.Headers[name] = &huma.Param{Ref: "#/components/headers/" + name}
		}
		all[problemName(status)] = response
	}
	return all
}

func problemHeaders(status int) []string {
	names := []string{"Request-Id", "Correlation-Id"}
	switch {
	case status == http.StatusUnauthorized:
		names = append(names, "WWW-Authenticate")
	case status == http.StatusMethodNotAllowed:
		names = append(names, "Allow")
	case slices.Contains([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}, status):
		names = append(names, "Retry-After")
	}
	return names
}
