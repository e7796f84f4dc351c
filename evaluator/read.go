package evaluator

import (
	"fmt"

	"github.com/assaylabs/assay/domain"
)

// experiment reads what evaluation needs of an experiment's document into an
// empty config. What it could read is there even where there is an error.
func (r *reader) experiment(raw []byte, c *config) error {
	if len(raw) > maxConfig {
		return fmt.Errorf("has %d bytes, more than %d", len(raw), maxConfig)
	}
	r.data, r.at, r.err = raw, 0, nil
	r.config(c)
	if err := r.end(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	return r.audience(c)
}

func (r *reader) audience(c *config) error {
	if len(c.Audience) == 0 || string(c.Audience) == "{}" {
		return nil
	}
	condition, err := r.conditions.Parse(c.Audience)
	if err != nil {
		return fmt.Errorf("audience: %w", err)
	}
	c.audience = condition
	return nil
}

func (r *reader) config(c *config) {
	var seen uint32
	once := func(member uint) {
		if seen>>member&1 == 1 {
			r.fail("no duplicate member")
		}
		seen |= 1 << member
	}
	r.object(func(name []byte) {
		switch string(name) {
		case "id":
			once(0)
			c.ID = r.text()
		case "key":
			once(1)
			c.Key = r.text()
		case "version":
			once(2)
			c.Version = int(r.whole())
		case "position":
			once(3)
			c.Position = r.whole()
		case "deleted":
			once(4)
			c.Deleted = r.truth()
		case "status":
			once(5)
			c.Status = domain.Status(r.text())
		case "phase":
			once(6)
			c.Phase = int(r.whole())
		case "hash":
			once(7)
			c.Hash = domain.HashKind(r.text())
		default:
			r.settings(c, string(name), once)
		}
	})
}

func (r *reader) settings(c *config, name string, once func(uint)) {
	switch name {
	case "tags":
		once(8)
		c.Tags = r.texts()
	case "unit_type":
		once(9)
		c.UnitType = r.text()
	case "salt":
		once(10)
		c.Salt = r.text()
	case "traffic_ppm":
		once(11)
		c.TrafficPPM = int(r.whole())
	case "audience":
		once(12)
		c.Audience = r.raw()
	case "variations":
		once(13)
		r.variations = r.variations[:0]
		r.list(func() { r.variations = append(r.variations, r.variation()) })
		c.Variations = r.keptVariations.keep(r.variations)
	case "split":
		once(14)
		r.split = r.split[:0]
		r.list(func() { r.split = append(r.split, r.piece()) })
		c.Split = r.keptSplits.keep(r.split)
	case "layer":
		once(15)
		c.Layer = r.layer()
	case "overrides":
		once(16)
		c.Overrides = r.overrides()
	case "prerequisites":
		once(17)
		r.list(func() { c.Prerequisites = append(c.Prerequisites, r.prerequisite()) })
	default:
		r.skip()
	}
}

func (r *reader) variation() (v Variation) {
	r.object(func(name []byte) {
		switch string(name) {
		case "key":
			v.Key = r.text()
		case "value":
			v.Value = r.kept.keep(r.raw())
		default:
			r.skip()
		}
	})
	return v
}

func (r *reader) piece() (p domain.SplitRange) {
	r.object(func(name []byte) {
		switch string(name) {
		case "variation":
			p.Variation = r.text()
		case "from":
			p.From = int(r.whole())
		case "to":
			p.To = int(r.whole())
		default:
			r.skip()
		}
	})
	return p
}

func (r *reader) layer() *domain.LayerShare {
	if r.null() {
		return nil
	}
	l := new(domain.LayerShare)
	r.object(func(name []byte) {
		switch string(name) {
		case "key":
			l.Key = r.text()
		case "slots":
			r.list(func() {
				p := r.piece()
				l.Slots = append(l.Slots, domain.Range{From: p.From, To: p.To})
			})
		default:
			r.skip()
		}
	})
	return l
}

func (r *reader) overrides() map[string]string {
	var units map[string]string
	r.object(func(name []byte) {
		if units == nil {
			units = make(map[string]string)
		}
		unit := string(name)
		units[unit] = r.text()
	})
	return units
}

func (r *reader) prerequisite() (p domain.Prerequisite) {
	r.object(func(name []byte) {
		switch string(name) {
		case "experiment":
			p.Experiment = r.text()
		case "variations":
			p.Variations = r.texts()
		default:
			r.skip()
		}
	})
	return p
}

func (r *reader) texts() (list []string) {
	r.list(func() { list = append(list, r.text()) })
	return list
}
