package domain

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MergePatch applies a JSON merge patch (RFC 7396). Members keep the target's
// order, new ones follow in the patch's. A fault of the patch is an
// *InvalidError; both obey the rules of Decode.
func MergePatch(target, patch []byte) ([]byte, error) {
	if err := checkJSON(patch); err != nil {
		return nil, err
	}
	if err := checkJSON(target); err != nil {
		return nil, fmt.Errorf("target of a merge patch: %w", err)
	}
	merged, err := merge(target, patch)
	if err != nil {
		return nil, err
	}
	return merged, merged.Compact()
}

// checkMembers refuses a patch with members that v does not have: removing what
// cannot be there is a mistake too.
func checkMembers(patch []byte, v any) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(patch))
	if err := json.UnmarshalDecode(d, v, json.RejectUnknownMembers(true)); err != nil {
		return explain(d, err)
	}
	return nil
}

// member is one of an object's; deleted ones have no value.
type member struct {
	name  string
	value jsontext.Value
}

// merge recurses as deep as the patch, which checkJSON has bounded.
func merge(target, patch jsontext.Value) (jsontext.Value, error) {
	if patch.Kind() != '{' {
		return patch.Clone(), nil
	}
	members, err := readObject(target)
	if err != nil {
		return nil, err
	}
	changes, err := readObject(patch)
	if err != nil {
		return nil, err
	}
	index := make(map[string]int, len(members))
	for i, m := range members {
		index[m.name] = i
	}
	for _, change := range changes {
		i, ok := index[change.name]
		if change.value.Kind() == 'n' {
			if ok {
				members[i].value = nil
			}
			continue
		}
		if !ok {
			i = len(members)
			members = append(members, member{name: change.name})
		}
		if members[i].value, err = merge(members[i].value, change.value); err != nil {
			return nil, err
		}
	}
	return writeObject(members)
}

// readObject lists the members of an object; other values have none.
func readObject(v jsontext.Value) ([]member, error) {
	if v.Kind() != '{' {
		return nil, nil
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var members []member
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		m.value = value.Clone()
		members = append(members, m)
	}
	return members, nil
}

func writeObject(members []member) (jsontext.Value, error) {
	object := jsontext.Value("{")
	for _, m := range members {
		if m.value == nil {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		var err error
		if object, err = jsontext.AppendQuote(object, m.name); err != nil {
			return nil, err
		}
		object = append(append(object, ':'), m.value...)
	}
	return append(object, '}'), nil
}
