package stats

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"math/bits"
)

// ExactSum is a sum of float64s without any rounding, so that it depends neither
// on order nor on how the terms were spread over shards, and what was added can be
// taken away again to the last bit. The zero value is 0. A term must be finite:
// others are left out.
//
// It takes a few bytes for ordinary data, and at worst some 600 for squares from
// all over the range of float64. It must not be copied, nor used concurrently.
type ExactSum struct {
	// The value is mantissa * 2^exponent.
	mantissa big.Int
	exponent int
}

// Add adds x.
func (s *ExactSum) Add(x float64) { s.addTerm(1, x, 1) }

// Sub takes x away.
func (s *ExactSum) Sub(x float64) { s.addTerm(-1, x, 1) }

// AddSquare adds x*x, which need not be a float64.
func (s *ExactSum) AddSquare(x float64) { s.addTerm(1, x, x) }

// SubSquare takes x*x away.
func (s *ExactSum) SubSquare(x float64) { s.addTerm(-1, x, x) }

// AddProduct adds x*y, which need not be a float64.
func (s *ExactSum) AddProduct(x, y float64) { s.addTerm(1, x, y) }

// SubProduct takes x*y away.
func (s *ExactSum) SubProduct(x, y float64) { s.addTerm(-1, x, y) }

// Merge adds another sum, which may be s itself.
func (s *ExactSum) Merge(other *ExactSum) {
	s.addScaled(new(big.Int).Set(&other.mantissa), other.exponent)
}

func (s *ExactSum) addTerm(sign int64, x, y float64) {
	if !allFinite(x, y) || x == 0 || y == 0 {
		return
	}
	xm, xe := oddMantissa(x)
	ym, ye := oddMantissa(y)
	product := big.NewInt(xm)
	product.Mul(product, big.NewInt(sign*ym))
	s.addScaled(product, xe+ye)
}

// oddMantissa splits x into an odd m and e with x = m*2^e.
func oddMantissa(x float64) (m int64, e int) {
	fraction, exponent := math.Frexp(x)
	m = int64(math.Ldexp(fraction, 53))
	zeros := bits.TrailingZeros64(uint64(m))
	return m >> zeros, exponent - 53 + zeros
}

// addScaled adds m*2^e and may change m.
func (s *ExactSum) addScaled(m *big.Int, e int) {
	switch {
	case s.mantissa.Sign() == 0:
		s.exponent = e
	case e < s.exponent:
		s.mantissa.Lsh(&s.mantissa, uint(s.exponent-e))
		s.exponent = e
	case e > s.exponent:
		m.Lsh(m, uint(e-s.exponent))
	}
	s.mantissa.Add(&s.mantissa, m)
}

// Sign is -1, 0 or 1.
func (s *ExactSum) Sign() int { return s.mantissa.Sign() }

// Float64 rounds the sum once, to the nearest; beyond float64 it is an infinity.
func (s *ExactSum) Float64() float64 {
	x, _ := s.float().Float64()
	return x
}

// float is the sum as it is.
func (s *ExactSum) float() *big.Float {
	exact := new(big.Float).SetInt(&s.mantissa)
	return exact.SetMantExp(exact, s.exponent)
}

// AppendBinary appends the sum's canonical form: equal sums have equal bytes, and
// 0 has none.
func (s *ExactSum) AppendBinary(b []byte) ([]byte, error) {
	if s.mantissa.Sign() == 0 {
		return b, nil
	}
	zeros := s.mantissa.TrailingZeroBits()
	head := int64(s.exponent+int(zeros)) << 1
	if s.mantissa.Sign() < 0 {
		head |= 1
	}
	var odd big.Int
	b = binary.AppendVarint(b, head)
	return append(b, odd.Rsh(odd.Abs(&s.mantissa), zeros).Bytes()...), nil
}

// MarshalBinary is AppendBinary to nothing.
func (s *ExactSum) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// UnmarshalBinary reads the canonical form and refuses any other.
func (s *ExactSum) UnmarshalBinary(data []byte) error {
	*s = ExactSum{}
	if len(data) == 0 {
		return nil
	}
	// Products of float64s lie within 2^-2148 and 2^2048; sums of them have 64
	// bits more at most.
	const maxExponent, maxBytes = 2200, 600
	head, n := binary.Varint(data)
	mantissa := data[max(n, 0):]
	if n <= 0 || head>>1 > maxExponent || head>>1 < -maxExponent || len(mantissa) > maxBytes {
		return errors.New("exact sum: malformed")
	}
	canonical := len(binary.AppendVarint(nil, head)) == n
	if !canonical || len(mantissa) == 0 || mantissa[0] == 0 || mantissa[len(mantissa)-1]&1 == 0 {
		return errors.New("exact sum: not in canonical form")
	}
	s.exponent = int(head >> 1)
	s.mantissa.SetBytes(mantissa)
	if head&1 == 1 {
		s.mantissa.Neg(&s.mantissa)
	}
	return nil
}

// Moments are the mean of n values and the sum of their squared distances from it,
// each rounded once, given the exact sum of the values and of their squares.
func Moments(n int64, sum, squares *ExactSum) MomentsArm {
	if n <= 0 {
		return MomentsArm{N: n}
	}
	// n times the distances, exactly.
	var scaled ExactSum
	scaled.addScaled(new(big.Int).Mul(&squares.mantissa, big.NewInt(n)), squares.exponent)
	square := new(big.Int).Mul(&sum.mantissa, &sum.mantissa)
	scaled.addScaled(square.Neg(square), 2*sum.exponent)
	return MomentsArm{n, sum.over(n), scaled.over(n)}
}

// over divides by n and rounds once, but for the last of 192 bits.
func (s *ExactSum) over(n int64) float64 {
	units := new(big.Float).SetPrec(192).SetInt64(n)
	x, _ := units.Quo(s.float(), units).Float64()
	return x
}
