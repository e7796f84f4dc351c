package httpapi

import (
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/domain"
)

// The few forms that the documented schemas are made of. They describe; the
// domain decides.

type fields map[string]*huma.Schema

// object is closed: it has those members and no others.
func object(doc string, f fields, required ...string) *huma.Schema {
	slices.Sort(required)
	return &huma.Schema{
		Type: huma.TypeObject, Description: doc, Properties: f,
		Required: required, AdditionalProperties: false,
	}
}

// whole object: all members are required but those.
func complete(doc string, f fields, optional ...string) *huma.Schema {
	var required []string
	for name := range f {
		if !slices.Contains(optional, name) {
			required = append(required, name)
		}
	}
	return object(doc, f, required...)
}

func join(all ...fields) fields {
	joined := fields{}
	for _, f := range all {
		maps.Copy(joined, f)
	}
	return joined
}

func ref(name string) *huma.Schema { return &huma.Schema{Ref: "#/components/schemas/" + name} }

func text(doc string, maximum int) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: doc, MaxLength: &maximum}
}

func pattern(doc, regexp string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: doc, Pattern: regexp}
}

func format(doc, name string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: doc, Format: name}
}

func oneOf(doc string, values ...string) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: doc}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

func whole(doc string, low, high float64) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Description: doc, Minimum: &low, Maximum: &high}
}

// count is a whole number without a bound of its own.
func count(doc string, low float64) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Description: doc, Minimum: &low}
}

func number(doc string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: doc}
}

func boolean(doc string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeBoolean, Description: doc}
}

func list(doc string, items *huma.Schema) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Description: doc, Items: items}
}

func anything(doc string) *huma.Schema { return &huma.Schema{Description: doc} }

// open is an object whose members are not listed.
func open(doc string, values any) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Description: doc, AdditionalProperties: values}
}

// patch is a merge patch of the members: null resets one to its default.
func patch(doc string, f fields) *huma.Schema {
	nullable := fields{}
	for name, s := range f {
		nullable[name] = orNull(s)
	}
	return object(doc, nullable)
}

func orNull(s *huma.Schema) *huma.Schema {
	if s.Ref != "" {
		return &huma.Schema{AnyOf: []*huma.Schema{s, {Type: "null"}}}
	}
	or := *s
	or.Nullable = s.Type != ""
	if len(s.Enum) > 0 {
		or.Enum = append(slices.Clone(s.Enum), nil)
	}
	return &or
}

// page is a list's answer.
func page(item string, more fields) *huma.Schema {
	return complete("A page of a list.", join(fields{
		"items":       list("", ref(item)),
		"next_cursor": orNull(&huma.Schema{Type: huma.TypeString, Description: "The cursor of the next page; null on the last."}),
	}, more))
}

const (
	keyRegexp     = `^[a-z0-9][a-z0-9._-]{0,127}$`
	unitTypeRegex = `^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`
)

// stamps are the members that the server writes into every entity.
func stamps() fields {
	return fields{
		"id":         format("A UUIDv7 made by the server, or the creator's own.", "uuid"),
		"key":        keySchema(),
		"version":    count("Counts the entity's events from 1.", 1),
		"position":   count("Position of its last event in the ledger.", 1),
		"created_at": format("UTC.", "date-time"),
		"updated_at": format("UTC.", "date-time"),
	}
}

func keySchema() *huma.Schema {
	return pattern("Unique among what is not deleted; it never changes.", keyRegexp)
}

// naming is what a creator may say of an entity's identity.
func naming() fields {
	return fields{
		"id":  format("An id of the creator's own, such as one from another system; made by the server when absent.", "uuid"),
		"key": pattern("Made from the name when absent. Never changes.", keyRegexp),
	}
}

func reasonFields() fields {
	return fields{"reason": text("Why: kept in the ledger. Instead of the header Assay-Reason.", domain.MaxReason)}
}

func name() *huma.Schema { return text("For people; one line.", domain.MaxName) }

func description() *huma.Schema { return text("", domain.MaxText) }

func unitType() *huma.Schema {
	return pattern("The attribute that identifies what is randomised; default user_id.", unitTypeRegex)
}

func ppm(doc string) *huma.Schema { return whole(doc+" In parts per million.", 0, domain.Slots) }

func slot(doc string) *huma.Schema { return whole(doc, 0, domain.Slots) }
