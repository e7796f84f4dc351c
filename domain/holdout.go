package domain

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// Holdout keeps a share of units out of the experiments in its scope. A scope
// without tags and experiments is all of them.
type Holdout struct {
	Header
	Name        string   `json:"name"`
	Description string   `json:"description"`
	UnitType    string   `json:"unit_type"`
	Salt        string   `json:"salt"`
	SharePPM    int      `json:"share_ppm"`
	Tags        []string `json:"tags"`
	// Experiments are keys.
	Experiments []string `json:"experiments"`
}

func (h *Holdout) title() string   { return h.Name }
func (h *Holdout) fixed() []string { return []string{"salt", "unit_type"} }

func (h *Holdout) defaults() {
	h.UnitType, h.Salt, h.Tags, h.Experiments = "user_id", h.ID.String(), []string{}, []string{}
}

func (h *Holdout) check(c *Catalog, _ *Holdout) error {
	if err := checkText("description", h.Description, MaxText); err != nil {
		return err
	}
	if !attribute.MatchString(h.UnitType) {
		return Invalid("unit_type", "must be the name of an attribute")
	}
	if err := checkSalt(h.Salt); err != nil {
		return err
	}
	if err := checkPPM("share_ppm", h.SharePPM); err != nil {
		return err
	}
	if err := checkTags(h.Tags); err != nil {
		return err
	}
	if len(h.Experiments) > maxOverrides {
		return Invalid("experiments", "must be at most %d; a tag reaches more", maxOverrides)
	}
	for i, key := range h.Experiments {
		if _, ok := c.Experiments.ByKey(key); !ok {
			return Invalid(fmt.Sprintf("experiments[%d]", i), "names an experiment that does not exist: %s", key)
		}
		if slices.Contains(h.Experiments[:i], key) {
			return Invalid(fmt.Sprintf("experiments[%d]", i), "is listed twice: %s", key)
		}
	}
	return nil
}

// CreateHoldout decides to create a holdout.
func (c *Catalog) CreateHoldout(id uuid.UUID, body []byte) ([]Change, error) {
	return created(create(c.Holdouts, id, body))
}

// EditHoldout decides a merge patch of a holdout.
func (c *Catalog) EditHoldout(h *Holdout, patch []byte) ([]Change, error) {
	return changed(edit(c, h, patch))
}

// DeleteHoldout decides to delete a holdout.
func (c *Catalog) DeleteHoldout(h *Holdout) ([]Change, error) { return deleted(h), nil }
