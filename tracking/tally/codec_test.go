package tally_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/assaylabs/assay/tracking/tally"
)

// golden is a history with everything in it, and its bytes: what stands in
// databases must be read for ever.
func golden() (*tally.History, string) {
	const day = 20_459 * 86_400_000_000
	h := &tally.History{}
	attributes := tally.AppendAttributes(nil, []byte(`{"plan":"pro","country":"CH","n":1.50,"beta":true,"x":null}`))
	a, b := uuid.UUID{0xa}, uuid.UUID{0xb}
	h.Expose(tally.Exposure{Experiment: b, Phase: 2, Variation: "treatment", Epoch: 1, At: day + 5, ID: uuid.UUID{2}, Attributes: attributes})
	h.Expose(tally.Exposure{Experiment: a, Phase: 1, Variation: "control", At: day, ID: uuid.UUID{1}, Attributes: attributes})
	h.Expose(tally.Exposure{Experiment: a, Phase: 1, Variation: "treatment", At: day + 9, ID: uuid.UUID{3}, Attributes: attributes})
	h.Miss(tally.Disagreed, a, 1, "treatment", day)
	h.Miss(tally.Overrode, b, 1, "x", day)
	h.Miss(tally.Overrode, b, 1, "x", day+1)
	h.Happen("purchase", day+2_000_000, 19_990_000, true)
	h.Happen("purchase", day+1_000_000, 20_000_000, true)
	h.Happen("purchase", day+1_000_000, -333_333, true)
	h.Happen("view", day-1, 0, false)
	return h, strings.Join([]string{
		"0100", // no bot
		"01", "25", "0462657461", "0474727565", "07636f756e747279", "024348", "016e", "04312e3530", "04706c616e", "0370726f",
		"02",
		"0a000000000000000000000000000000", "01", "01", "02",
		"07636f6e74726f6c", "00", "8080a9b59beba306", "01000000000000000000000000000000",
		"0974726561746d656e74", "00", "9280a9b59beba306", "03000000000000000000000000000000",
		"0b000000000000000000000000000000", "02", "01", "01",
		"0974726561746d656e74", "01", "8a80a9b59beba306", "02000000000000000000000000000000",
		"02",
		"0a000000000000000000000000000000", "01", "0974726561746d656e74", "00", "d6bf02", "01",
		"0b000000000000000000000000000000", "01", "0178", "01", "d6bf02", "02",
		"02",
		"087075726368617365", "03", "86a48cd9edac8f19", "a9d828", "0228", "84a4e803", "9e1f",
		"0476696577", "01", "f8ffa3d5edac8f19",
	}, "")
}

func TestGoldenHistory(t *testing.T) {
	h, want := golden()
	got := hex.EncodeToString(h.Append(nil))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzHistory(f *testing.F) {
	h, _ := golden()
	whole := h.Append(nil)
	for i := range whole {
		f.Add(whole[:i])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		var d tally.Decoder
		var h tally.History
		if d.Decode(b, &h) != nil {
			return
		}
		one := h.Append(nil)
		var again tally.History
		if err := d.Decode(one, &again); err != nil {
			t.Fatalf("%x is written as %x, which does not read: %v", b, one, err)
		}
		if two := again.Append(nil); !bytes.Equal(one, two) {
			t.Fatalf("%x is written as %x, then as %x", b, one, two)
		}
	})
}

func FuzzSums(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0, 2, 1, 1, 255, 0})
	f.Add([]byte{2, 0, 0, 0, 1, 'x', 2, 0, 4, 2, 2, 2, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		var sums, again tally.Sums
		if sums.Add(b) != nil {
			return
		}
		if err := again.Add(sums.Append(nil)); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
	})
}

func TestIntIsExact(t *testing.T) {
	draw := rapid.OneOf(rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, 255, 128, -128, -129}), rapid.Int64())
	rapid.Check(t, func(t *rapid.T) {
		var x tally.Int
		want := new(big.Int)
		for range rapid.IntRange(0, 8).Draw(t, "steps") {
			y := rapid.Uint64().Draw(t, "factor") % 1e9
			z := rapid.Uint64().Draw(t, "more")
			if want.BitLen() > 200 {
				break
			}
			if want.Sign() >= 0 {
				x.MulAdd(y, z)
				want.Add(want.Mul(want, new(big.Int).SetUint64(y)), new(big.Int).SetUint64(z))
			}
			n := draw.Draw(t, "n")
			other := tally.Int{uint64(n), uint64(n >> 63), uint64(n >> 63), uint64(n >> 63)}
			if rapid.Bool().Draw(t, "take away") {
				x.Sub(&other)
				want.Sub(want, big.NewInt(n))
			} else {
				x.Add(&other)
				want.Add(want, big.NewInt(n))
			}
			if rapid.Bool().Draw(t, "turn") {
				x.Negate()
				want.Neg(want)
			}
		}
		if got := x.Big(); want.Sign() == 0 && got != nil || want.Sign() != 0 && got.Cmp(want) != 0 {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestBuckets(t *testing.T) {
	bounds := tally.NewBounds()
	if len(bounds) > 4_000 {
		t.Errorf("%d buckets", len(bounds))
	}
	for _, amount := range []int64{0, 1, 2, 99, 100, 101, 102, 103, 1e6, 1e18, 1e18 - 1, 123_456_789} {
		for _, amount := range []int64{amount, -amount} {
			bucket := bounds.Bucket(amount)
			least, largest := bounds.Range(bucket)
			if amount < least || amount > largest || bounds.Bucket(least) != bucket || bounds.Bucket(largest) != bucket {
				t.Errorf("%d is in bucket %d, from %d to %d", amount, bucket, least, largest)
			}
			if width := float64(largest - least); width > 0.0101*math.Abs(float64(amount))+1 {
				t.Errorf("bucket of %d is %g wide", amount, width)
			}
		}
	}
	if !slices.IsSorted(bounds) {
		t.Error("bounds do not rise")
	}
}

func TestAttributesAreBounded(t *testing.T) {
	long := strings.Repeat("é", 80)
	object := `{"b":"` + long + `","a":{"x":1},"c":"` + long + `","d":[],"e":0}`
	got := string(tally.AppendAttributes(nil, []byte(object)))
	want := "\x01b\x64" + long[:100] + "\x01c\x64" + long[:100] + "\x01e\x010"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	many := `{"z":1`
	for c := 'a'; c < 'z'; c++ {
		many += `,"` + string(c) + `":"` + long + `"`
	}
	if n := len(tally.AppendAttributes(nil, []byte(many+"}"))); n > 1<<10+3*26 || n < 900 {
		t.Errorf("%d bytes are kept", n)
	}
	for _, none := range []string{"", "null", "[]", `{"a":`, `{"a":1,"a":2}`} {
		if got := tally.AppendAttributes(nil, []byte(none)); len(got) != 0 {
			t.Errorf("%s: %q", none, got)
		}
	}
}
