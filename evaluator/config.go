package evaluator

import (
	"errors"
	"fmt"

	jsonv2 "github.com/go-json-experiment/json"
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
	ID            string                `json:"id"`
	Key           string                `json:"key"`
	Version       int                   `json:"version"`
	Position      int64                 `json:"position"`
	Deleted       bool                  `json:"deleted"`
	Status        domain.Status         `json:"status"`
	Phase         int                   `json:"phase"`
	Hash          domain.HashKind       `json:"hash"`
	Tags          []string              `json:"tags"`
	UnitType      string                `json:"unit_type"`
	Salt          string                `json:"salt"`
	Variations    []arm                 `json:"variations"`
	Split         []domain.SplitRange   `json:"split"`
	TrafficPPM    int                   `json:"traffic_ppm"`
	Layer         *domain.LayerShare    `json:"layer"`
	Audience      jsontext.Value        `json:"audience"`
	Overrides     map[string]string     `json:"overrides"`
	Prerequisites []domain.Prerequisite `json:"prerequisites"`

	audience *targeting.Condition // nil is everyone
}

type arm struct {
	Key   string         `json:"key"`
	Value jsontext.Value `json:"value"`
}

func readConfig(raw []byte) (*config, error) {
	c := new(config)
	if len(raw) > maxConfig {
		return c, fmt.Errorf("has %d bytes, more than %d", len(raw), maxConfig)
	}
	if err := jsonv2.Unmarshal(raw, c); err != nil {
		return c, err
	}
	return c, c.check()
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
	if err := c.checkVariations(); err != nil {
		return err
	}
	return c.checkAudience()
}

func (c *config) checkVariations() error {
	for i, v := range c.Variations {
		if v.Key == "" || c.variation(v.Key) != i || len(v.Value) == 0 {
			return fmt.Errorf("variation %d has no key of its own, or no value", i)
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

func (c *config) checkAudience() error {
	if len(c.Audience) == 0 || string(c.Audience) == "{}" {
		return nil
	}
	condition, err := targeting.Parse(c.Audience)
	if err != nil {
		return fmt.Errorf("audience: %w", err)
	}
	c.audience = condition
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
