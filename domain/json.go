package domain

import (
	"bytes"
	"encoding"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

const (
	// maxDepth bounds the nesting of arrays and objects.
	maxDepth = 32
	// maxWhole is the largest whole number that every JSON reader keeps exact.
	maxWhole = 1<<53 - 1
	// maxPath bounds the bytes of a path: names come from the caller.
	maxPath = 256
)

// What would be right, where something is not.
const (
	wantWhole  = "must be a whole number between -(2^53-1) and 2^53-1"
	wantText   = "text must be valid UTF-8 without NUL"
	wantTime   = "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z"
	wantString = "must be a string"
)

var strict = json.JoinOptions(
	json.RejectUnknownMembers(true),
	json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(decodeUUID),
		json.UnmarshalFromFunc(refuseNull),
	)),
)

// Decode reads one JSON document into what v points to. It refuses, with an
// *InvalidError: unknown and duplicate members, names in another case, null
// where v has no pointer, raw or any value, text that is not UTF-8 or holds
// NUL, whole numbers beyond 2^53-1, nesting beyond 32 levels, and anything
// after the document. Raw values keep their bytes but obey the same rules.
func Decode(data []byte, v any) error {
	if err := checkJSON(data); err != nil {
		return err
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(data))
	if err := json.UnmarshalDecode(d, v, strict); err != nil {
		return explain(d, err)
	}
	return nil
}

// Encode writes compact JSON, the same bytes for equal values: members of
// structs in their order, of maps sorted, nothing escaped that needs not be.
func Encode(v any) ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true))
}

// EncodeString is Encode, for who keeps a string of it. scratch is where it is
// encoded, and may be used again.
func EncodeString(v any, scratch *bytes.Buffer) (string, error) {
	scratch.Reset()
	err := json.MarshalWrite(scratch, v, json.Deterministic(true))
	return scratch.String(), err
}

// checkJSON holds data to the rules that do not depend on a Go type.
func checkJSON(data []byte) error {
	// Only this escape can put NUL into text: as a byte it is no JSON.
	mayHoldNUL := bytes.Contains(data, []byte(`\u0000`))
	d := jsontext.NewDecoder(bytes.NewBuffer(data))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return explain(d, err)
		}
		if problem := checkToken(d, token, mayHoldNUL); problem != "" {
			return &InvalidError{Field: fieldAt(d, d.StackPointer()), Problem: problem}
		}
		if d.StackDepth() == 0 {
			break
		}
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return Invalid("body", "one JSON document expected, found more after it")
	}
	return nil
}

func checkToken(d *jsontext.Decoder, token jsontext.Token, mayHoldNUL bool) string {
	if d.StackDepth() > maxDepth {
		return "nested deeper than " + strconv.Itoa(maxDepth) + " levels"
	}
	switch token.Kind() {
	case '"':
		if mayHoldNUL && strings.Contains(token.String(), "\x00") {
			return wantText
		}
	case '0':
		return checkNumber(token.String())
	}
	return ""
}

func checkNumber(literal string) string {
	if strings.ContainsAny(literal, ".eE") {
		if _, err := strconv.ParseFloat(literal, 64); err != nil {
			return "must be a number within the range of a 64-bit float"
		}
		return ""
	}
	if n, err := strconv.ParseInt(literal, 10, 64); err != nil || n < -maxWhole || n > maxWhole {
		return wantWhole
	}
	return ""
}

// explain makes an error of the decoder one for the caller, without a word on
// Go's types.
func explain(d *jsontext.Decoder, err error) *InvalidError {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return &InvalidError{Field: fieldAt(d, syntactic.JSONPointer), Problem: syntaxProblem(syntactic)}
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return &InvalidError{Field: fieldAt(d, semantic.JSONPointer), Problem: typeProblem(semantic)}
	}
	if errors.Is(err, io.EOF) {
		return Invalid("body", "must be a JSON document, is empty")
	}
	return Invalid("body", "cannot be read here")
}

func syntaxProblem(err *jsontext.SyntacticError) string {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "duplicate field"
	case err.Err == nil:
		return "not valid JSON: at byte " + strconv.FormatInt(err.ByteOffset, 10)
	}
	what := err.Err.Error()
	// The library has no error values to tell these by.
	if strings.HasPrefix(what, "invalid UTF-8") || strings.Contains(what, "surrogate") {
		return wantText
	}
	return "not valid JSON: " + what + " at byte " + strconv.FormatInt(err.ByteOffset, 10)
}

func typeProblem(err *json.SemanticError) string {
	var invalid *InvalidError
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return "unknown field"
	case errors.As(err, &invalid): // a type's own decoding says it best
		return invalid.Problem
	case err.GoType == nil:
		return "is not valid"
	}
	return wantOf(err.GoType)
}

// wantOf says which JSON a Go type takes.
func wantOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return wantTime
	case t == reflect.TypeFor[uuid.UUID]():
		return "must be a UUID"
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return wantString
	}
	switch t.Kind() {
	case reflect.String:
		return wantString
	case reflect.Bool:
		return "must be true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return wantWhole
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "must be a whole number between 0 and 2^53-1"
	case reflect.Float32, reflect.Float64:
		return "must be a number"
	case reflect.Slice, reflect.Array:
		return "must be an array"
	case reflect.Struct, reflect.Map:
		return "must be an object"
	}
	return "is not valid"
}

// decodeUUID takes the canonical form alone; package uuid takes braces, URNs
// and bare digits too.
func decodeUUID(d *jsontext.Decoder, id *uuid.UUID) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	invalid := Invalid("", "must be a UUID")
	if token.Kind() != '"' || len(token.String()) != len(uuid.Nil.String()) {
		return invalid
	}
	parsed, err := uuid.Parse(token.String())
	if err != nil {
		return invalid
	}
	*id = parsed
	return nil
}

// refuseNull is asked before every value; v points to where it goes. It leaves
// all but null to the default decoding.
func refuseNull(d *jsontext.Decoder, v any) error {
	if d.PeekKind() == 'n' && !takesNull(reflect.TypeOf(v).Elem()) {
		return Invalid("", "%s", wantOf(reflect.TypeOf(v).Elem()))
	}
	return errors.ErrUnsupported
}

// takesNull is true of pointers, of any, and of types that read JSON
// themselves, raw values among them.
func takesNull(t reflect.Type) bool {
	switch {
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Interface:
		return true
	case t == reflect.TypeFor[time.Time]():
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[json.UnmarshalerFrom]())
}

// fieldAt writes a pointer into the document that d is reading as a path such
// as variations[0].weight; the document itself is body.
func fieldAt(d *jsontext.Decoder, pointer jsontext.Pointer) string {
	var path strings.Builder
	level := 0
	for name := range pointer.Tokens() {
		level++
		if level <= d.StackDepth() {
			if kind, _ := d.StackIndex(level); kind == '[' {
				path.WriteString("[" + name + "]")
				continue
			}
		}
		if name == "" {
			name = `""`
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(name)
	}
	if path.Len() == 0 {
		return "body"
	}
	return shorten(strings.ToValidUTF8(path.String(), "\uFFFD"))
}

func shorten(path string) string {
	if len(path) <= maxPath {
		return path
	}
	end := maxPath
	for !utf8.RuneStart(path[end]) {
		end--
	}
	return path[:end] + "…"
}
