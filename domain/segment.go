package domain

import (
	"slices"

	"github.com/google/uuid"
)

const (
	// MaxMembers bounds a segment.
	MaxMembers = 1_000_000
	// maxMembersChange bounds one change of members, and so the time that it
	// holds the append lock.
	maxMembersChange = 100_000
)

// Segment is a named set of ids that audiences refer to.
type Segment struct {
	Header
	Name        string `json:"name"`
	Description string `json:"description"`
	// Size counts the members.
	Size int `json:"size"`
}

func (g *Segment) title() string   { return g.Name }
func (g *Segment) fixed() []string { return []string{"size"} }
func (g *Segment) defaults()       {}

func (g *Segment) check(_ *Catalog, old *Segment) error {
	if old == nil && g.Size != 0 {
		return Invalid("size", "cannot be set here")
	}
	return checkText("description", g.Description, MaxText)
}

// CreateSegment decides to create a segment; "ids" in the body are its first
// members.
func (c *Catalog) CreateSegment(id uuid.UUID, body []byte) ([]Change, error) {
	var ids []string
	body, err := takeMembers(body, map[string]any{"ids": &ids})
	if err != nil {
		return nil, err
	}
	g, err := create(c.Segments, id, body)
	if err != nil {
		return nil, err
	}
	members, err := c.changeMembers(g, "ids", ids, nil)
	if err != nil {
		return nil, err
	}
	changes, err := created(g, nil)
	return append(changes, members...), err
}

// EditSegment decides a merge patch of a segment's name and description.
func (c *Catalog) EditSegment(g *Segment, patch []byte) ([]Change, error) {
	return changed(edit(c, g, patch))
}

// ChangeMembers decides to add and remove ids; those already in, or already
// out, make no change.
func (c *Catalog) ChangeMembers(g *Segment, add, remove []string) ([]Change, error) {
	return c.changeMembers(g, "add", add, remove)
}

// changeMembers names the field that add came in.
func (c *Catalog) changeMembers(g *Segment, field string, add, remove []string) ([]Change, error) {
	if len(add)+len(remove) > maxMembersChange {
		return nil, Invalid(field, "must be at most %d ids at once, those to remove included", maxMembersChange)
	}
	has := c.members[g.ID]
	added, err := distinct(field, add, func(id string) bool { _, in := has[id]; return !in })
	if err != nil {
		return nil, err
	}
	removed, err := distinct("remove", remove, func(id string) bool { _, in := has[id]; return in })
	if err != nil {
		return nil, err
	}
	if id, ok := common(add, remove); ok {
		return nil, Invalid("remove", "must not hold an id that is also in add: %q", id)
	}
	if len(has)+len(added)-len(removed) > MaxMembers {
		return nil, Invalid(field, "must leave at most %d members", MaxMembers)
	}
	if len(added)+len(removed) == 0 {
		return nil, nil
	}
	return []Change{{streamOf(g), MembersChanged{Added: added, Removed: removed}}}, nil
}

// common returns an id that is in both lists.
func common(a, b []string) (id string, ok bool) {
	in := make(map[string]struct{}, len(a))
	for _, id := range a {
		in[id] = struct{}{}
	}
	for _, id := range b {
		if _, ok := in[id]; ok {
			return id, true
		}
	}
	return "", false
}

// distinct returns the ids, each once and in order, that pass keep.
func distinct(field string, ids []string, keep func(string) bool) ([]string, error) {
	for _, id := range ids {
		if id == "" || len(id) > maxUnit {
			return nil, Invalid(field, "must have ids of 1 to %d bytes", maxUnit)
		}
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return slices.DeleteFunc(ids, func(id string) bool { return !keep(id) }), nil
}

// Groups are the keys of the segments that the audience looks into.
func (s *Settings) Groups() ([]string, error) {
	condition, err := parseAudience(s.Audience)
	if err != nil {
		return nil, err
	}
	return condition.Groups(), nil
}

// DeleteSegment decides to delete a segment that no audience and no analysis
// refers to.
func (c *Catalog) DeleteSegment(g *Segment) ([]Change, error) {
	for e := range c.Experiments.All() {
		groups, err := e.Groups()
		if err != nil {
			return nil, err
		}
		if slices.Contains(groups, g.Key) {
			return nil, &ConflictError{Problem: "is in the audience of experiment " + e.Key}
		}
		if slices.Contains(e.Analysis.Exclude, g.Key) {
			return nil, &ConflictError{Problem: "is left out of the analysis of experiment " + e.Key}
		}
	}
	return deleted(g), nil
}
