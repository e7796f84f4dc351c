package edge

import (
	"github.com/assaylabs/assay/domain"
)

// evaluate answers POST /evaluate: some experiments, or all.
func (e *Edge) evaluate(x *exchange, c *call) int {
	f := c.read(x)
	if f == nil {
		f = c.parseEvaluate()
	}
	if f != nil {
		return e.fail(x, f)
	}
	s, flags := x.view.state.Snapshot, x.view.flags
	s.Prepare(&c.unit, c.id, c.attributes)
	c.out = append(c.out[:0], `{"position":`...)
	c.out = append(c.out, x.view.id...)
	c.out = append(c.out, `,"assignments":{`...)
	first := len(c.out)
	if c.all {
		c.results = s.EvaluateAll(&c.unit, c.results[:0])
		for _, r := range c.results {
			c.out = append(flags.appendAssignment(c.out, r), ',')
		}
	}
	for i, key := range c.keys {
		experiment, ok := s.Experiment(key)
		switch {
		case named(c.keys[:i], key):
		case ok:
			c.out = append(flags.appendAssignment(c.out, s.Evaluate(experiment, &c.unit)), ',')
		default:
			c.missing = append(c.missing, key)
		}
	}
	if len(c.out) > first {
		c.out = c.out[:len(c.out)-1] // the last comma
	}
	c.out = append(c.out, '}')
	if len(c.missing) > 0 {
		c.out = append(c.out, `,"not_found":`...)
		missing, _ := domain.Encode(c.missing) // cannot fail: they came as JSON
		c.out = append(c.out, missing...)
	}
	c.out = append(c.out, '}')
	return e.write(x, c.out)
}

// named says whether a key was named before. Few are named at once; many are
// bounded by the body.
func named(before []string, key string) bool {
	for _, k := range before {
		if k == key {
			return true
		}
	}
	return false
}

// parseEvaluate reads the body of POST /evaluate.
func (c *call) parseEvaluate() *fault {
	text := string(c.body)
	p := &c.reader
	p.read(text)
	var seen [3]bool
	p.open('{')
	for first := true; p.more('}', &first); {
		member := -1
		switch p.name() {
		case "unit":
			member, c.id = 0, p.string()
		case "attributes":
			member = 1
			p.members(c.attributes, 1)
		case "experiments":
			member, c.keys = 2, p.strings(c.keys)
		}
		if member < 0 || seen[member] {
			p.fail()
			break
		}
		seen[member] = true
	}
	c.all = !seen[2]
	if p.end() {
		return nil
	}
	return c.decodeEvaluate()
}

// decodeEvaluate is parseEvaluate with nothing left to doubt.
func (c *call) decodeEvaluate() *fault {
	clear(c.attributes)
	var body struct {
		Unit        string         `json:"unit"`
		Attributes  map[string]any `json:"attributes"`
		Experiments *[]string      `json:"experiments"`
	}
	if err := domain.Decode(c.body, &body); err != nil {
		return invalidBody(err)
	}
	c.id, c.attributes = body.Unit, body.Attributes
	if c.attributes == nil {
		c.attributes = map[string]any{}
	}
	c.keys, c.all = c.keys[:0], body.Experiments == nil
	if !c.all {
		c.keys = append(c.keys, *body.Experiments...)
	}
	return nil
}
