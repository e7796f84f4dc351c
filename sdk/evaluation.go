package sdk

import (
	"encoding/json"
	"errors"

	"github.com/assaylabs/assay/evaluator"
)

// Why a default was given, in Detail.Err; compare with errors.Is.
var (
	// ErrNotReady says that no snapshot has been had yet.
	ErrNotReady = errors.New("no snapshot of the experiments yet")
	// ErrNotFound says that there is no such experiment: the key is mistyped, or
	// the experiment is deleted.
	ErrNotFound = errors.New("no such experiment")
	// ErrType says that the variation's value is not of the type asked for.
	ErrType = errors.New("the variation's value is of another type")
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("the client is closed")
	// ErrQueueFull says that an event was dropped: the server takes too little.
	ErrQueueFull = errors.New("the queue of exposures and events is full")
)

// Unit is whom an experiment is asked for. The zero value is nobody, who gets
// controls.
type Unit struct {
	// ID is the user's id. Experiments of another unit type take the attribute of
	// that name as the id.
	ID string
	// Attributes are what audiences look at: JSON's types, any of Go's numbers,
	// and []string. They must not change during a call.
	Attributes map[string]any
}

// Reason says which step of the assignment decided.
type Reason string

// The reasons. Only ReasonSplit is an exposure.
const (
	ReasonInactive     Reason = "INACTIVE"
	ReasonNoUnit       Reason = "NO_UNIT"
	ReasonOverride     Reason = "OVERRIDE"
	ReasonHoldout      Reason = "HOLDOUT"
	ReasonAudience     Reason = "AUDIENCE"
	ReasonPrerequisite Reason = "PREREQUISITE"
	ReasonLayer        Reason = "LAYER"
	ReasonTraffic      Reason = "TRAFFIC"
	ReasonSplit        Reason = "SPLIT"
	// ReasonError goes with a default: Detail.Err says why.
	ReasonError Reason = "ERROR"
)

// Detail is a value and where it came from. Whoever does not take part has the
// control's value; only an error gives the caller's default.
type Detail[T any] struct {
	Value      T      `json:"value"`
	Experiment string `json:"experiment"` // key
	Variation  string `json:"variation"`  // key; the control's for who does not take part
	Reason     Reason `json:"reason"`
	// Version is the experiment's own, Position that of all that is known.
	Version  int   `json:"version"`
	Position int64 `json:"position"`
	// Stale says that nothing has confirmed lately that this is still so.
	Stale bool `json:"stale,omitempty"`
	// Err is nil, ErrNotReady, ErrNotFound or ErrType.
	Err error `json:"-"`
}

// Evaluation is a Detail of the value as JSON, which must not be modified; it is
// nil where Err is not.
type Evaluation = Detail[json.RawMessage]

// Bool returns the value of the unit's variation, or def if there is none of
// that type. Like all getters it reports an exposure when the unit takes part,
// never fails, never blocks and may be called concurrently, on a nil Client too.
func (c *Client) Bool(key string, unit Unit, def bool) bool {
	return detail(c, key, unit, def, takeBool).Value
}

// BoolDetail is Bool with where the value came from.
func (c *Client) BoolDetail(key string, unit Unit, def bool) Detail[bool] {
	return detail(c, key, unit, def, takeBool)
}

// String returns the value of the unit's variation, or def: see Bool.
func (c *Client) String(key string, unit Unit, def string) string {
	return detail(c, key, unit, def, takeString).Value
}

// StringDetail is String with where the value came from.
func (c *Client) StringDetail(key string, unit Unit, def string) Detail[string] {
	return detail(c, key, unit, def, takeString)
}

// Int returns the value of the unit's variation, or def if it is not a whole
// number: see Bool.
func (c *Client) Int(key string, unit Unit, def int64) int64 {
	return detail(c, key, unit, def, takeInt).Value
}

// IntDetail is Int with where the value came from.
func (c *Client) IntDetail(key string, unit Unit, def int64) Detail[int64] {
	return detail(c, key, unit, def, takeInt)
}

// Float returns the value of the unit's variation, or def if it is not a number:
// see Bool.
func (c *Client) Float(key string, unit Unit, def float64) float64 {
	return detail(c, key, unit, def, takeFloat).Value
}

// FloatDetail is Float with where the value came from.
func (c *Client) FloatDetail(key string, unit Unit, def float64) Detail[float64] {
	return detail(c, key, unit, def, takeFloat)
}

// JSON decodes the value of the unit's variation into a new T, or returns def if
// it does not fit: see Client.Bool.
func JSON[T any](c *Client, key string, unit Unit, def T) T {
	return JSONDetail(c, key, unit, def).Value
}

// JSONDetail is JSON with where the value came from.
func JSONDetail[T any](c *Client, key string, unit Unit, def T) Detail[T] {
	return detail(c, key, unit, def, func(v *value) (T, bool) {
		var into T
		return into, json.Unmarshal(v.raw, &into) == nil
	})
}

// Evaluate returns the unit's variation and its value as JSON, and reports an
// exposure when the unit takes part.
func (c *Client) Evaluate(key string, unit Unit) Evaluation {
	return detail(c, key, unit, nil, takeRaw)
}

// Peek is Evaluate without an exposure: for logs, previews and support, where
// nobody is shown anything.
func (c *Client) Peek(key string, unit Unit) Evaluation {
	v, result, err := c.evaluate(key, unit)
	return answer(v, result, err, key, nil, takeRaw)
}

// EvaluateAll returns every experiment's answer by key, inactive ones too, all
// from one snapshot, or nil when there is none yet. It reports no exposure: call
// Evaluate for what is then shown.
func (c *Client) EvaluateAll(unit Unit) map[string]Evaluation {
	v := c.current()
	if v == nil {
		return nil
	}
	var prepared evaluator.Unit
	v.snapshot.Prepare(&prepared, unit.ID, unit.Attributes)
	results := v.snapshot.EvaluateAll(&prepared, nil)
	all := make(map[string]Evaluation, len(results))
	for _, result := range results {
		key := result.Experiment.Key()
		all[key] = answer(v, result, nil, key, nil, takeRaw)
	}
	return all
}

// Explain says step by step why the unit has its variation. It reports no
// exposure. The error is ErrNotReady or ErrNotFound.
func (c *Client) Explain(key string, unit Unit) (evaluator.Explanation, error) {
	v := c.current()
	if v == nil {
		return evaluator.Explanation{}, ErrNotReady
	}
	e, ok := v.snapshot.Experiment(key)
	if !ok {
		return evaluator.Explanation{}, ErrNotFound
	}
	var prepared evaluator.Unit
	v.snapshot.Prepare(&prepared, unit.ID, unit.Attributes)
	return v.snapshot.Explain(e, &prepared), nil
}

func (c *Client) evaluate(key string, unit Unit) (*view, evaluator.Result, error) {
	v := c.current()
	if v == nil {
		return nil, evaluator.Result{}, ErrNotReady
	}
	result, ok := v.snapshot.EvaluateRaw(key, unit.ID, unit.Attributes)
	if !ok {
		return v, result, ErrNotFound
	}
	return v, result, nil
}

// detail evaluates, and reports what the caller is going to show. Whoever gets a
// default instead of the variation's value has not seen the variation.
func detail[T any](c *Client, key string, unit Unit, def T, take func(*value) (T, bool)) Detail[T] {
	v, result, err := c.evaluate(key, unit)
	d := answer(v, result, err, key, def, take)
	if d.Err == nil && result.Reason.Exposure() {
		c.expose(v, result.Experiment, d.Variation, unit)
	}
	return d
}

func answer[T any](v *view, result evaluator.Result, err error, key string, def T, take func(*value) (T, bool)) Detail[T] {
	d := Detail[T]{Value: def, Experiment: key, Reason: ReasonError, Err: err}
	if v == nil {
		return d
	}
	d.Position, d.Stale = v.snapshot.Position(), v.stale
	if err != nil {
		return d
	}
	e := result.Experiment
	d.Variation, d.Version = e.Variations()[result.Variation].Key, e.Version()
	taken, ok := take(&v.values[e.Index()][result.Variation])
	if !ok {
		d.Err = ErrType
		return d
	}
	d.Value, d.Reason = taken, Reason(result.Reason.String())
	return d
}

func takeRaw(v *value) (json.RawMessage, bool) { return v.raw, true }
