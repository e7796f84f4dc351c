package domain

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// resource is an entity whose settings are plain members of its document.
type resource[T Entity] interface {
	entityPtr[T]
	// defaults sets what a creator may leave out.
	defaults()
	// fixed names the members that are set at creation, or by the server.
	fixed() []string
	// check refuses what cannot be; old is nil at creation.
	check(c *Catalog, old *T) error
	title() string
}

// Create decides to create a layer, segment, holdout, metric or key from a JSON
// object. The collection says which.
func create[T Entity, P resource[T]](k *Collection[T, P], id uuid.UUID, body []byte) (P, error) {
	var entity T
	p := P(&entity)
	given, body, err := takeHeader(body, nil)
	if err != nil {
		return nil, err
	}
	if given.ID == uuid.Nil {
		given.ID = id
	}
	*p.header() = given
	p.defaults()
	if err := refuse(body, stamped()); err != nil {
		return nil, err
	}
	if err := Decode(body, p); err != nil {
		return nil, err
	}
	h := p.header()
	if h.Key == "" {
		h.Key = freeKey(k.byKey, keyFromName(p.title(), string(entity.Kind()), h.ID))
	}
	if err := checkKey("key", h.Key); err != nil {
		return nil, err
	}
	if err := checkName("name", p.title()); err != nil {
		return nil, err
	}
	if err := k.free(h); err != nil {
		return nil, err
	}
	return p, p.check(k.catalog, nil)
}

// edit decides a JSON merge patch of a resource; nil when nothing changes.
func edit[T Entity, P resource[T]](c *Catalog, old P, patch []byte) (P, error) {
	if err := refuse(patch, append(stamped(), old.fixed()...)); err != nil {
		return nil, err
	}
	before := T(*old)
	*P(&before).header() = Header{ID: old.header().ID, Key: old.header().Key}
	doc, err := Encode(&before)
	if err != nil {
		return nil, err
	}
	merged, err := MergePatch(doc, patch)
	if err != nil {
		return nil, err
	}
	if err := checkMembers(patch, new(T)); err != nil {
		return nil, err
	}
	var next T
	p := P(&next)
	*p.header() = *P(&before).header()
	p.defaults()
	if err := Decode(merged, p); err != nil {
		return nil, err
	}
	if err := checkName("name", p.title()); err != nil {
		return nil, err
	}
	if err := p.check(c, (*T)(old)); err != nil {
		return nil, err
	}
	after, err := Encode(&next)
	if err != nil || bytes.Equal(doc, after) {
		return nil, err
	}
	return p, nil
}

func created[T Entity, P entityPtr[T]](e P, err error) ([]Change, error) {
	if err != nil {
		return nil, err
	}
	return []Change{{streamOf(e), Created[T]{After: *e}}}, nil
}

// changed is the change to an entity, none where it stays as it is.
func changed[T Entity, P entityPtr[T]](e P, err error) ([]Change, error) {
	if err != nil || e == nil {
		return nil, err
	}
	return []Change{{streamOf(e), Changed[T]{After: *e}}}, nil
}

func streamOf[T Entity, P entityPtr[T]](e P) Stream { return StreamOf(T(*e).Kind(), e.header().ID) }

func deleted[T Entity, P entityPtr[T]](e P) []Change {
	return []Change{{streamOf(e), Deleted[T]{}}}
}

// refuse refuses an object that has one of the members.
func refuse(object []byte, names []string) error {
	var members map[string]jsontext.Value
	if err := Decode(object, &members); err != nil {
		return err
	}
	if members == nil {
		return Invalid("body", "must be a JSON object")
	}
	for _, name := range names {
		if _, ok := members[name]; ok {
			return Invalid(name, "cannot be set here")
		}
	}
	return nil
}

// inField says in which member of the document an error lies.
func inField(name string, err error) error {
	if invalid, ok := err.(*InvalidError); ok {
		if invalid.Field == "body" {
			return &InvalidError{Field: name, Problem: invalid.Problem}
		}
		return &InvalidError{Field: name + "." + invalid.Field, Problem: invalid.Problem}
	}
	return fmt.Errorf("%s: %w", name, err)
}
