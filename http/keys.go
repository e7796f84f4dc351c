package httpapi

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
)

const keyExample = `{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b60","key":"dashboard","version":1,"position":3,"created_at":"2026-01-05T09:00:00.000001Z","updated_at":"2026-01-05T09:00:00.000001Z",
"name":"Dashboard","role":"viewer","origins":[]`

func keys() resource {
	return resource{
		kind: domain.KindKey, path: "/keys", tag: "API keys", noun: "key", plural: "keys",
		schema: "Key", reader: domain.Admin, editor: domain.Admin, bodyLimit: maxBody,
		doc:     "The token is in this answer and nowhere else: the server keeps its hash. A replayed answer has none.",
		create:  `{"name":"Dashboard","role":"viewer"}`,
		patch:   `{"expires_at":"2027-01-01T00:00:00Z"}`,
		example: keyExample + `}`,
		creation: &success{
			status: http.StatusCreated, schema: "NewKey", versioned: true, located: true,
			example: keyExample + `,"token":"assay_viewer_01930d5e7c1a7cc39f6e3f1d5d1a7b60_…"}`,
		},
		creator: (*api).createKey,
	}
}

func keySchemas() fields {
	editable := fields{
		"name":       text("Unique; the actor of what is done with the key.", domain.MaxName),
		"origins":    list("Web origins that a client key may be used from; none is any.", text("", 300)),
		"expires_at": format("When the key stops to work; absent for never.", "date-time"),
	}
	role := fields{"role": oneOf("What the key may do: each includes what stands left of it. Never changes.",
		string(domain.Client), string(domain.Server), string(domain.Viewer), string(domain.Editor), string(domain.Admin))}
	identity := naming()
	delete(identity, "id") // the id is in the token: the server makes it
	document := join(stamps(), editable, role)
	return fields{
		"Key": complete("An API key without its secret.", document, "expires_at"),
		"NewKey": complete("A new API key.", join(document, fields{
			"token": text("The bearer token, shown this once.", 200),
		}), "expires_at", "token"),
		"KeyCreate": object("", join(identity, editable, role, reasonFields()), "name", "role"),
		"KeyPatch":  patch("", editable),
		"KeyList":   page("Key", nil),
	}
}

func (a *api) createKey(ctx context.Context, in *input) (answer, error) {
	document, err := in.creation()
	if err != nil {
		return answer{}, err
	}
	got, token, err := a.commands.CreateKey(ctx, in.call, document)
	if err != nil {
		return answer{}, err
	}
	done := created("/keys", got)
	if token != "" {
		done.body, err = withToken(done.body, token)
	}
	return done, err
}

// withToken adds the token to the key's document, an object that has members.
func withToken(document []byte, token string) ([]byte, error) {
	b := append([]byte(nil), document[:len(document)-1]...)
	b = append(b, `,"token":`...)
	b, err := jsontext.AppendQuote(b, token)
	return append(b, '}'), err
}
