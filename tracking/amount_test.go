package tracking_test

import (
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assaylabs/assay/tracking"
)

func TestParseAmount(t *testing.T) {
	for text, want := range map[string]tracking.Amount{
		"0": 0, "-0": 0, "0.0": 0, "0e999999999999999999999": 0, "-0.0e5": 0,
		"1": 1e6, "-1": -1e6, "49.9": 49_900_000, "0.000001": 1, "1e3": 1e9, "1.5E+2": 150e6, "15e-1": 1_500_000,
		// Halves go to the even millionth.
		"0.0000005": 0, "0.0000015": 2, "0.0000025": 2, "-0.0000025": -2, "-0.0000035": -4, "5e-7": 0, "15e-7": 2,
		"0.00000050000000000000000001": 1, "0.0000025000000000000000001": 3, "0.0000024999999999999999999": 2,
		"0.1234565": 123456, "0.1234575": 123458, "1e-999999999999": 0, "0.00000001": 0, "9e-7": 1,
		// No float64 holds these.
		"999999999999.999999": 999_999_999_999_999_999, "0.30000000000000004": 300_000, "123456789012.345678": 123_456_789_012_345_678,
		"1e12": 1e18, "-1e12": -1e18, "1000000000000.0000005": 1e18, "0.000000000001e24": 1e18,
	} {
		if got, err := tracking.ParseAmount(text); err != nil || got != want {
			t.Errorf("%s is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "e5", "1e5.5", "0x1", "1_0", " 1", "1 ", "NaN", "Infinity", "--1", "1-",
		"1000000000000.0000006", "1e13", "-1000000000001", "1e999999999999", "99999999999999999999", "9999999999999", strings.Repeat("9", 400),
	} {
		if got, err := tracking.ParseAmount(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// Any decimal is rounded as whole numbers of any size say.
func TestParseAmountIsExact(t *testing.T) {
	decimal := rapid.StringMatching(`-?(0|[1-9][0-9]{0,13})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		text := decimal.Draw(t, "text")
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%s is no number", text)
		}
		want := roundHalfEven(exact.Mul(exact, big.NewRat(1e6, 1)))
		got, err := tracking.ParseAmount(text)
		if fits := new(big.Int).Abs(want).Cmp(big.NewInt(1e18)) <= 0; fits != (err == nil) || fits && want.Cmp(big.NewInt(int64(got))) != 0 {
			t.Fatalf("%s is %d, %v, want %v", text, got, err, want)
		}
		if back, again := tracking.ParseAmount(got.String()); again != nil || back != got {
			t.Fatalf("%d writes %s, which is %d, %v", got, got, back, again)
		}
	})
}

func roundHalfEven(r *big.Rat) *big.Int {
	double := new(big.Int).Lsh(new(big.Int).Abs(r.Num()), 1)
	double.Add(double, r.Denom())
	n, rest := double.QuoRem(double, new(big.Int).Lsh(r.Denom(), 1), new(big.Int))
	if rest.Sign() == 0 && n.Bit(0) == 1 {
		n.Sub(n, big.NewInt(1))
	}
	if r.Sign() < 0 {
		n.Neg(n)
	}
	return n
}

func TestAmountOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64().Draw(t, "f")
		got, err := tracking.AmountOf(f)
		want, wantErr := tracking.ParseAmount(strconv.FormatFloat(f, 'f', -1, 64))
		if got != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("%g is %d, %v, want %d, %v", f, got, err, want, wantErr)
		}
	})
}

// These are what is stored: they must never change.
func TestShardOf(t *testing.T) {
	for i, unit := range []string{"u1", "u2", "ünit", "", strings.Repeat("x", 1024)} {
		got := tracking.ShardOf("user_id", unit)
		if want := []int{2, 5, 7, 7, 6}[i]; got != want {
			t.Errorf("%.10s is of %d, was of %d", unit, got, want)
		}
	}
	if tracking.ShardOf("a", "b") == tracking.ShardOf("ab", "") {
		t.Error("type and id run into each other")
	}
}
