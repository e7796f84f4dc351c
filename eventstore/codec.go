package eventstore

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/domain"
)

// UnknownTypeError is a record that this version of the program cannot read:
// a newer one wrote it.
type UnknownTypeError struct {
	Type          string
	SchemaVersion int
}

func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("unknown event type %s version %d", e.Type, e.SchemaVersion)
}

// upcaster turns the JSON of one schema version into that of the next. It is
// pure, and never changes what the event means: a new meaning is a new type.
type upcaster func(data []byte) ([]byte, error)

// eventType is how one type of event is read. Its schema version is one more
// than the number of upcasters.
type eventType struct {
	upcast []upcaster
	decode func(data []byte) (domain.Event, error)
}

func (t eventType) schemaVersion() int { return len(t.upcast) + 1 }

// read decodes data of any schema version up to the current.
func (t eventType) read(typ string, schemaVersion int, data []byte) (domain.Event, error) {
	if schemaVersion < 1 || schemaVersion > t.schemaVersion() {
		return nil, &UnknownTypeError{typ, schemaVersion}
	}
	var err error
	for _, up := range t.upcast[schemaVersion-1:] {
		if data, err = up(data); err != nil {
			return nil, fmt.Errorf("upcast %s version %d: %w", typ, schemaVersion, err)
		}
	}
	event, err := t.decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode %s version %d: %w", typ, schemaVersion, err)
	}
	return event, nil
}

type registry map[string]eventType

// register adds an event type with the upcasters from its older schema
// versions, oldest first.
func register[E domain.Event](r registry, upcast ...upcaster) {
	var zero E
	r[zero.Type()] = eventType{upcast: upcast, decode: func(data []byte) (domain.Event, error) {
		var e E
		err := json.Unmarshal(data, &e)
		return e, err
	}}
}

func registerEntity[T domain.Entity](r registry) {
	register[domain.Created[T]](r)
	register[domain.Changed[T]](r)
	register[domain.Deleted[T]](r)
}

// same is the upcaster to a version that adds members which may be absent.
func same(data []byte) ([]byte, error) { return data, nil }

// known is every type of event that there has been.
var known = func() registry {
	r := registry{}
	// Version 2 may hold a schedule, which a program that knows version 1 would
	// silently drop; what has none reads the same.
	register[domain.Created[domain.Experiment]](r, same)
	register[domain.Changed[domain.Experiment]](r, same)
	register[domain.Deleted[domain.Experiment]](r)
	registerEntity[domain.Layer](r)
	registerEntity[domain.Segment](r)
	registerEntity[domain.Holdout](r)
	registerEntity[domain.Metric](r)
	registerEntity[domain.Key](r)
	register[domain.StatusChanged](r)
	register[domain.MembersChanged](r)
	register[domain.DayClosed](r)
	return r
}()

// Types lists the event types that can be read, sorted.
func Types() []string {
	var types []string
	for t := range known {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

// Decode reads an event of any schema version that has ever been written.
func Decode(typ string, schemaVersion int, data []byte) (domain.Event, error) {
	t, ok := known[typ]
	if !ok {
		return nil, &UnknownTypeError{typ, schemaVersion}
	}
	return t.read(typ, schemaVersion, data)
}

// encode writes an event in the current schema version of its type.
func encode(e domain.Event) (data []byte, schemaVersion int, err error) {
	t, ok := known[e.Type()]
	if !ok {
		return nil, 0, &UnknownTypeError{e.Type(), 0}
	}
	data, err = domain.Encode(e)
	return data, t.schemaVersion(), err
}
