package tracking

import (
	"errors"
	"strconv"
	"strings"
)

// Amount is what an event is worth, in whole millionths. It lies within ±10¹⁸,
// so that values lie within ±10¹². Its JSON is the value's decimal.
type Amount int64

const maxAmount = 1e18

// errAmount says what an amount would be.
var errAmount = errors.New("must be a number between -1e12 and 1e12")

// ParseAmount reads a JSON number, rounding exactly what the text says to the
// nearest millionth, and halves to the even one.
func ParseAmount(text string) (Amount, error) {
	digits, negative := strings.CutPrefix(text, "-")
	mantissa, exponent, ok := cutExponent(digits)
	if !ok {
		return 0, errAmount
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !isDigits(whole) || len(whole) > 1 && whole[0] == '0' || point && !isDigits(fraction) {
		return 0, errAmount
	}
	n, ok := shift(strings.TrimLeft(whole+fraction, "0"), exponent-len(fraction)+6)
	switch {
	case !ok || n > maxAmount:
		return 0, errAmount
	case negative:
		return -Amount(n), nil
	}
	return Amount(n), nil
}

// cutExponent splits a number before its e. Exponents that make anything 0 or
// too large are all alike.
func cutExponent(text string) (mantissa string, exponent int, ok bool) {
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return text, 0, true
	}
	digits := text[at+1:]
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	if !isDigits(digits) {
		return "", 0, false
	}
	const extreme = 100 << 20 // more than a request has bytes
	exponent, err := strconv.Atoi(digits)
	if err != nil {
		exponent = extreme
	}
	exponent = min(exponent, extreme)
	if text[at+1] == '-' {
		exponent = -exponent
	}
	return text[:at], exponent, true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return s != ""
}

// shift returns digits × 10^exponent, rounded; digits do not begin with 0. It is
// false for what is beyond maxAmount by far.
func shift(digits string, exponent int) (int64, bool) {
	const most = 19 // digits of maxAmount
	size := len(digits) + exponent
	switch {
	case digits == "" || size < 0:
		return 0, true
	case size > most:
		return 0, false
	case exponent >= 0:
		digits += "0000000000000000000"[:exponent]
		exponent = 0
	}
	kept, cut := digits[:size], digits[size:]
	var n uint64 // 19 digits fit
	for i := range len(kept) {
		n = n*10 + uint64(kept[i]-'0')
	}
	if roundsUp(cut, n%2 == 1) {
		n++
	}
	return int64(min(n, maxAmount+1)), true
}

// roundsUp says whether what is cut off is more than a half, or a half beside an
// odd digit.
func roundsUp(cut string, odd bool) bool {
	if cut == "" || cut[0] != '5' {
		return cut != "" && cut[0] > '5'
	}
	return odd || strings.Trim(cut[1:], "0") != ""
}

// AmountOf rounds the shortest decimal that stands for f, which is what JSON
// holds of it.
func AmountOf(f float64) (Amount, error) {
	return ParseAmount(strconv.FormatFloat(f, 'g', -1, 64))
}

// String is the decimal of the value, without needless digits.
func (a Amount) String() string { return string(a.append(nil)) }

func (a Amount) append(b []byte) []byte {
	n := int64(a)
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/1e6, 10)
	if n %= 1e6; n == 0 {
		return b
	}
	b = append(b, '.')
	for unit := int64(1e5); n > 0; unit /= 10 {
		b = append(b, byte('0'+n/unit))
		n %= unit
	}
	return b
}

// MarshalJSON is the number.
func (a Amount) MarshalJSON() ([]byte, error) { return a.append(nil), nil }

// UnmarshalJSON takes a number.
func (a *Amount) UnmarshalJSON(text []byte) (err error) {
	*a, err = ParseAmount(string(text))
	return err
}
