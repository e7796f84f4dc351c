package evaluator

import (
	"math/bits"
	"unicode/utf16"

	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
)

// What XXH3 of 9 to 16 bytes mixes into its two ends (the default secret).
const (
	unitSecret = 0x1f67b3b7a4a44072 ^ 0x78e5c0cc4ee679cb
	saltSecret = 0x2172ffcc7dd05a82 ^ 0x8e2443f7744608b8
)

// unitHalf is the part of the assignment hash that depends on the unit alone.
type unitHalf struct{ mixed, sum uint64 }

// saltHalf is the part that depends on the salt alone.
type saltHalf uint64

func newUnitHalf(unit string) unitHalf {
	mixed := xxh3.HashString(unit) ^ unitSecret
	return unitHalf{mixed, bits.ReverseBytes64(mixed) + 16}
}

func newSaltHalf(salt string) saltHalf { return saltHalf(xxh3.HashString(salt) ^ saltSecret) }

// hash is XXH3 of the 16 bytes that the hashes of unit and salt make.
func (u unitHalf) hash(s saltHalf) uint64 {
	hi, lo := bits.Mul64(u.mixed, uint64(s))
	h := u.sum + uint64(s) + (hi ^ lo)
	h ^= h >> 37
	h *= 0x165667919e3779f9
	return h ^ h>>32
}

// slotOf scales 32 bits to the slots.
func slotOf(x uint32) uint32 { return uint32(uint64(x) * domain.Slots >> 32) }

// fnv is a running FNV-1a hash of 32 bits.
type fnv uint32

const newFNV fnv = 2166136261

func (h fnv) add(x uint32) fnv { return (h ^ fnv(x)) * 16777619 }

// text adds the UTF-16 code units of s, as JavaScript has them.
func (h fnv) text(s string) fnv {
	for _, r := range s {
		if r >= 0x10000 {
			high, low := utf16.EncodeRune(r)
			h = h.add(uint32(high)).add(uint32(low))
			continue
		}
		h = h.add(uint32(r))
	}
	return h
}

// decimal adds the digits of x.
func (h fnv) decimal(x uint32) fnv {
	place := uint32(1)
	for x/place >= 10 {
		place *= 10
	}
	for ; place > 0; place /= 10 {
		h = h.add('0' + x/place%10)
	}
	return h
}

// gb2Slot is GrowthBook's hash, version 2, in slots: it tells 10,000 of them
// apart. The seed is that of the salt.
func gb2Slot(seed fnv, unit string) uint32 {
	return uint32(newFNV.decimal(uint32(seed.text(unit))) % 10_000 * (domain.Slots / 10_000))
}
