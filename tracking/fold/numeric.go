package fold

import (
	"encoding/binary"
	"errors"

	"github.com/assaylabs/assay/tracking/tally"
)

// errNumeric says that a column does not hold whole numbers.
var errNumeric = errors.New("sums: not an array of whole numbers")

// numerics reads a numeric[] in Postgres's binary form, as long as sums is at
// most. Decoding it by way of pgtype costs four times as much.
func numerics(b []byte, sums []tally.Int) error {
	if len(b) < 12 {
		return errNumeric
	}
	dimensions := binary.BigEndian.Uint32(b)
	b = b[12:]
	if dimensions == 0 {
		return nil
	}
	if dimensions != 1 || len(b) < 8 || binary.BigEndian.Uint32(b) > uint32(len(sums)) {
		return errNumeric
	}
	n := int(binary.BigEndian.Uint32(b))
	b = b[8:]
	for i := range n {
		if len(b) < 4 {
			return errNumeric
		}
		size := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if size < 8 || int(size) > len(b) {
			return errNumeric
		}
		if err := numeric(b[:size], &sums[i]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// numeric reads one: digits to the base of 10,000, the first of which counts
// 10,000^weight.
func numeric(b []byte, x *tally.Int) error {
	digits, weight := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:])))
	sign := binary.BigEndian.Uint16(b[4:])
	const positive, negative, most = 0, 0x4000, 18 // digits that surely fit
	switch {
	case len(b) != 8+2*digits, sign != positive && sign != negative, weight > most, digits > weight+1:
		return errNumeric
	}
	*x = tally.Int{}
	for i := range weight + 1 {
		digit := uint16(0)
		if i < digits {
			digit = binary.BigEndian.Uint16(b[8+2*i:])
		}
		x.MulAdd(10_000, uint64(digit))
	}
	if sign == negative {
		x.Negate()
	}
	return nil
}
