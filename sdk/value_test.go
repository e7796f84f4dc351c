package sdk

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Against encoding/json: a getter takes what its type decodes.
func FuzzDecodeValue(f *testing.F) {
	for _, seed := range []string{`true`, `null`, `"a\u00e9"`, `-0`, `5.0`, `1e400`, `9223372036854775808`, `{"a":[1]}`, `tru`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var compact bytes.Buffer
		if json.Compact(&compact, data) != nil {
			decodeValue(data) // need only survive
			return
		}
		v := decodeValue(compact.Bytes())
		checkTake(t, &v, takeBool)
		checkTake(t, &v, takeString)
		checkTake(t, &v, takeFloat)
		var whole int64
		if err := json.Unmarshal(v.raw, &whole); err == nil && string(v.raw) != "null" {
			checkTake(t, &v, takeInt)
		}
	})
}

func checkTake[T comparable](t *testing.T, v *value, take func(*value) (T, bool)) {
	t.Helper()
	var want T
	fits := json.Unmarshal(v.raw, &want) == nil && string(v.raw) != "null"
	got, ok := take(v)
	if ok != fits || ok && got != want {
		t.Errorf("%s is taken as %v: %v, want %v: %v", v.raw, got, ok, want, fits)
	}
}
