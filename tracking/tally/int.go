package tally

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// Int is a whole number of 256 bits in two's complement, the lowest word first.
// Products of what units of 10,000 events add up to fit with room for 2⁶⁰ units.
type Int [4]uint64

// IsZero says whether it is 0.
func (x *Int) IsZero() bool { return *x == Int{} }

// Add adds y to x.
func (x *Int) Add(y *Int) {
	var carry uint64
	for i := range x {
		x[i], carry = bits.Add64(x[i], y[i], carry)
	}
}

// Sub takes y from x.
func (x *Int) Sub(y *Int) {
	var borrow uint64
	for i := range x {
		x[i], borrow = bits.Sub64(x[i], y[i], borrow)
	}
}

// Negate turns the sign.
func (x *Int) Negate() {
	zero := Int{}
	zero.Sub(x)
	*x = zero
}

func (x *Int) negative() bool { return x[3]>>63 == 1 }

// Big is the number; nil for 0.
func (x Int) Big() *big.Int {
	if x.IsZero() {
		return nil
	}
	negative := x.negative()
	if negative {
		x.Negate()
	}
	var b [32]byte
	for i, word := range x {
		binary.BigEndian.PutUint64(b[24-8*i:], word)
	}
	n := new(big.Int).SetBytes(b[:])
	if negative {
		n.Neg(n)
	}
	return n
}

// MulAdd multiplies by y and adds z.
func (x *Int) MulAdd(y, z uint64) {
	carry := z
	for i := range x {
		hi, lo := bits.Mul64(x[i], y)
		var c uint64
		x[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
}

// total is what the events of one unit add up to: a whole number of 128 bits.
type total struct {
	hi int64
	lo uint64
}

func totalOf(n int64) total { return total{n >> 63, uint64(n)} }

func (t *total) add(n int64) {
	lo, carry := bits.Add64(t.lo, uint64(n), 0)
	t.lo = lo
	t.hi += n>>63 + int64(carry)
}

func (t *total) plus(o total) {
	lo, carry := bits.Add64(t.lo, o.lo, 0)
	t.lo = lo
	t.hi += o.hi + int64(carry)
}

// atMost is t or the bound, whichever is less.
func (t total) atMost(bound int64) total {
	b := totalOf(bound)
	if t.hi < b.hi || t.hi == b.hi && t.lo <= b.lo {
		return t
	}
	return b
}

func (t total) magnitude() (hi, lo uint64, negative bool) {
	if t.hi >= 0 {
		return uint64(t.hi), t.lo, false
	}
	lo, borrow := bits.Sub64(0, t.lo, 0)
	hi, _ = bits.Sub64(0, uint64(t.hi), borrow)
	return hi, lo, true
}

// addTotal adds t, or takes it away.
func (x *Int) addTotal(t total, away bool) {
	extension := uint64(t.hi >> 63)
	y := Int{t.lo, uint64(t.hi), extension, extension}
	if away {
		x.Sub(&y)
	} else {
		x.Add(&y)
	}
}

// addProduct adds s times t, or takes it away.
func (x *Int) addProduct(s, t total, away bool) {
	sHi, sLo, sNegative := s.magnitude()
	tHi, tLo, tNegative := t.magnitude()
	var y Int
	y[1], y[0] = bits.Mul64(sLo, tLo)
	if sHi|tHi != 0 {
		y.addAt(1, sHi, tLo)
		y.addAt(1, sLo, tHi)
		y.addAt(2, sHi, tHi)
	}
	if sNegative != tNegative != away {
		x.Sub(&y)
	} else {
		x.Add(&y)
	}
}

// addAt adds a product of words at a place.
func (x *Int) addAt(place int, a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	var carry uint64
	x[place], carry = bits.Add64(x[place], lo, 0)
	x[place+1], carry = bits.Add64(x[place+1], hi, carry)
	for i := place + 2; i < len(x); i++ {
		x[i], carry = bits.Add64(x[i], 0, carry)
	}
}

// Append appends the binary form: a length and as many bytes as tell the number.
func (x Int) Append(b []byte) []byte {
	var all [32]byte
	for i, word := range x {
		binary.LittleEndian.PutUint64(all[8*i:], word)
	}
	filler := byte(0)
	if x.negative() {
		filler = 0xff
	}
	n := len(all)
	for n > 0 && all[n-1] == filler && (n == 1 && filler == 0 || n > 1 && all[n-2]&0x80 == filler&0x80) {
		n--
	}
	return append(append(b, byte(n)), all[:n]...)
}

// int reads what Append wrote.
func (r *reader) int() Int {
	b := r.bytes(uint64(r.byte()))
	if len(b) > 32 {
		r.fail()
	}
	if len(b) == 0 || r.err != nil {
		return Int{}
	}
	var all [32]byte
	if b[len(b)-1]&0x80 != 0 {
		for i := range all {
			all[i] = 0xff
		}
	}
	copy(all[:], b)
	var x Int
	for i := range x {
		x[i] = binary.LittleEndian.Uint64(all[8*i:])
	}
	return x
}
