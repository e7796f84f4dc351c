package queries

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// FieldChange is one difference between two documents. Path is a JSON pointer;
// Old is absent where the member came to be, New where it went.
type FieldChange struct {
	Path string         `json:"path"`
	Old  jsontext.Value `json:"old,omitzero"`
	New  jsontext.Value `json:"new,omitzero"`
}

// stamped members change with every record and say nothing of what it did.
func stamped(name string) bool {
	switch name {
	case "version", "position", "created_at", "updated_at":
		return true
	}
	return false
}

// diff lists how one JSON object became another, in the order of the members of
// the new one; old may be empty. Arrays are followed into where both hold as
// many objects, and are one value otherwise. The ledger's stamps are left out.
func diff(old, now []byte) ([]FieldChange, error) {
	before := node{kind: '{'}
	if len(old) > 0 {
		var err error
		if before, err = parseNode(old); err != nil {
			return nil, err
		}
	}
	after, err := parseNode(now)
	if err != nil {
		return nil, err
	}
	d := differ{changes: []FieldChange{}}
	d.members("", before.withoutStamps(), after.withoutStamps())
	return d.changes, nil
}

type differ struct{ changes []FieldChange }

func (d *differ) compare(path jsontext.Pointer, old, now node) {
	switch {
	case old.kind == '{' && now.kind == '{':
		d.members(path, old, now)
	case old.kind == '[' && now.kind == '[' && old.holdsObjects() && now.holdsObjects() && len(old.nodes) == len(now.nodes):
		for i := range now.nodes {
			d.compare(path.AppendToken(strconv.Itoa(i)), old.nodes[i], now.nodes[i])
		}
	case !old.same(now):
		d.changes = append(d.changes, FieldChange{Path: string(path), Old: old.raw, New: now.raw})
	}
}

func (d *differ) members(path jsontext.Pointer, old, now node) {
	for i, name := range now.names {
		at := path.AppendToken(name)
		if was, ok := old.member(name); ok {
			d.compare(at, was, now.nodes[i])
		} else {
			d.changes = append(d.changes, FieldChange{Path: string(at), New: now.nodes[i].raw})
		}
	}
	for i, name := range old.names {
		if _, ok := now.member(name); !ok {
			d.changes = append(d.changes, FieldChange{Path: string(path.AppendToken(name)), Old: old.nodes[i].raw})
		}
	}
}

// node is a JSON value taken apart: members of an object, by name, or elements
// of an array.
type node struct {
	kind  jsontext.Kind
	raw   jsontext.Value
	names []string
	nodes []node
	index map[string]int
}

func parseNode(data []byte) (node, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(data))
	return readNode(d)
}

// readNode reads the decoder's next value.
func readNode(d *jsontext.Decoder) (node, error) {
	kind := d.PeekKind()
	if kind != '{' && kind != '[' {
		raw, err := d.ReadValue()
		return node{kind: kind, raw: raw.Clone()}, err
	}
	raw, err := d.ReadValue()
	if err != nil {
		return node{}, err
	}
	n := node{kind: kind, raw: raw.Clone()}
	inner := jsontext.NewDecoder(bytes.NewBuffer(n.raw))
	if _, err := inner.ReadToken(); err != nil {
		return node{}, err
	}
	if kind == '{' {
		n.index = map[string]int{}
	}
	for inner.PeekKind() != '}' && inner.PeekKind() != ']' {
		if kind == '{' {
			name, err := inner.ReadToken()
			if err != nil {
				return node{}, err
			}
			n.index[name.String()] = len(n.names)
			n.names = append(n.names, name.String())
		}
		child, err := readNode(inner)
		if err != nil {
			return node{}, err
		}
		n.nodes = append(n.nodes, child)
	}
	return n, nil
}

func (n node) member(name string) (node, bool) {
	i, ok := n.index[name]
	if !ok {
		return node{}, false
	}
	return n.nodes[i], true
}

// withoutStamps is the object less what the ledger stamped on it.
func (n node) withoutStamps() node {
	rest := node{kind: n.kind, raw: n.raw, index: map[string]int{}}
	for i, name := range n.names {
		if !stamped(name) {
			rest.index[name] = len(rest.names)
			rest.names, rest.nodes = append(rest.names, name), append(rest.nodes, n.nodes[i])
		}
	}
	return rest
}

func (n node) holdsObjects() bool {
	for _, child := range n.nodes {
		if child.kind != '{' {
			return false
		}
	}
	return len(n.nodes) > 0
}

// same compares values; the order of an object's members does not matter.
func (n node) same(other node) bool {
	if n.kind != other.kind || len(n.nodes) != len(other.nodes) {
		return false
	}
	switch n.kind {
	case '[':
		for i := range n.nodes {
			if !n.nodes[i].same(other.nodes[i]) {
				return false
			}
		}
		return true
	case '{':
		for i, name := range n.names {
			if there, ok := other.member(name); !ok || !n.nodes[i].same(there) {
				return false
			}
		}
		return true
	case '"':
		return unquote(n.raw) == unquote(other.raw)
	}
	return bytes.Equal(n.raw, other.raw)
}

func unquote(raw jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return string(raw)
	}
	return string(text)
}
