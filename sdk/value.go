package sdk

import (
	"encoding/json"
	"math"
	"strconv"
)

// value is a variation's value, decoded once per snapshot so that getters only
// read it.
type value struct {
	raw    json.RawMessage
	kind   kind
	flag   bool
	text   string
	number float64
	whole  int64
}

type kind uint8

const (
	isOther  kind = iota // null, an array or an object
	isBool               // flag
	isText               // text
	isNumber             // number, in whole too where it is a whole number of 64 bits: isWhole
	isWhole
)

func decodeValue(raw json.RawMessage) value {
	v := value{raw: raw}
	if len(raw) == 0 {
		return v
	}
	switch c := raw[0]; {
	case c == 't' || c == 'f':
		v.kind, v.flag = isBool, c == 't'
	case c == '"':
		if json.Unmarshal(raw, &v.text) == nil {
			v.kind = isText
		}
	case c == '-' || '0' <= c && c <= '9':
		v.decodeNumber(string(raw))
	}
	return v
}

func (v *value) decodeNumber(literal string) {
	number, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return
	}
	v.kind, v.number = isNumber, number
	if whole, err := strconv.ParseInt(literal, 10, 64); err == nil {
		v.kind, v.whole = isWhole, whole
	} else if number == math.Trunc(number) && math.Abs(number) < 1<<53 {
		v.kind, v.whole = isWhole, int64(number) // 1e3 or 5.0
	}
}

// What each getter takes.

func takeBool(v *value) (bool, bool)     { return v.flag, v.kind == isBool }
func takeString(v *value) (string, bool) { return v.text, v.kind == isText }
func takeFloat(v *value) (float64, bool) { return v.number, v.kind >= isNumber }
func takeInt(v *value) (int64, bool)     { return v.whole, v.kind == isWhole }
