package evaluator

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/targeting"
)

const (
	maxConfig     = 4 * domain.MaxConfigBytes
	maxVariations = 64 // those of a requirement are bits of a word
)

// config is what evaluation needs of an experiment's document.
type config struct {
	ID, Key       string
	Version       int
	Position      int64
	Deleted       bool
	Status        domain.Status
	Phase         int
	Hash          domain.HashKind
	Tags          []string
	UnitType      string
	Salt          string
	Variations    []Variation
	Split         []domain.SplitRange
	TrafficPPM    int
	Layer         *domain.LayerShare
	Audience      json.RawMessage
	Overrides     map[string]string
	Prerequisites []domain.Prerequisite

	audience *targeting.Condition // nil is everyone
}

// check refuses what could not be evaluated as the ledger meant it.
func (c *config) check() error {
	switch {
	case c.ID == "" || c.Key == "":
		return errors.New("has no id or no key")
	case c.Status != domain.Active && c.Status != domain.Inactive:
		return fmt.Errorf("status is %q", c.Status)
	case c.Hash != domain.XXH3 && c.Hash != domain.GB2:
		return fmt.Errorf("hash is %q", c.Hash)
	case c.UnitType == "" || c.Salt == "":
		return errors.New("has no unit_type or no salt")
	case c.TrafficPPM < 0 || c.TrafficPPM > domain.Slots:
		return fmt.Errorf("traffic_ppm is %d", c.TrafficPPM)
	case len(c.Variations) < 1 || len(c.Variations) > maxVariations:
		return fmt.Errorf("has %d variations", len(c.Variations))
	}
	return c.checkVariations()
}

func (c *config) checkVariations() error {
	for i, v := range c.Variations {
		if v.Key == "" || c.variation(v.Key) != i || len(v.Value) == 0 {
			return fmt.Errorf("variation %d has no key of its own, or no value", i)
		}
		if err := (*jsontext.Value)(&c.Variations[i].Value).Compact(); err != nil {
			return fmt.Errorf("value of variation %s: %w", v.Key, err)
		}
	}
	next := 0
	for _, r := range c.Split {
		if r.From != next || r.To <= r.From || c.variation(r.Variation) < 0 {
			return fmt.Errorf("split is wrong at slot %d", next)
		}
		next = r.To
	}
	if next != domain.Slots {
		return fmt.Errorf("split ends at slot %d", next)
	}
	for _, key := range c.Overrides {
		if c.variation(key) < 0 {
			return fmt.Errorf("an override names variation %q", key)
		}
	}
	return nil
}

// checkLayer refuses a place in a layer that cannot be found there.
func (c *config) checkLayer(layers map[string]*domain.Layer) error {
	if c.Layer == nil {
		return nil
	}
	l, ok := layers[c.Layer.Key]
	switch {
	case !ok:
		return fmt.Errorf("layer %q is not there", c.Layer.Key)
	case l.UnitType != c.UnitType:
		return fmt.Errorf("layer %q is of %s, not of %s", l.Key, l.UnitType, c.UnitType)
	case l.Mode != domain.RandomLayer && l.Mode != domain.OrderedLayer:
		return fmt.Errorf("mode of layer %q is %q", l.Key, l.Mode)
	}
	next := 0
	for _, r := range c.Layer.Slots {
		if r.From < next || r.To <= r.From || r.To > domain.Slots {
			return fmt.Errorf("slots of layer %q are wrong at %d", l.Key, r.From)
		}
		next = r.To
	}
	return nil
}

// variation returns the index of the variation with that key, or -1.
func (c *config) variation(key string) int {
	for i := range c.Variations {
		if c.Variations[i].Key == key {
			return i
		}
	}
	return -1
}
