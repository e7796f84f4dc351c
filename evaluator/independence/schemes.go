package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"

	"github.com/google/uuid"
	"github.com/zeebo/xxh3"
)

// scheme makes a point out of a unit and a salt, of all that 32 bits can be.
type scheme struct {
	name  string
	point func(unit, salt string) uint32
}

// schemes are what one might think of first, and SHA-256 to compare with.
func schemes() []scheme {
	return []scheme{
		{"CRC-32 of salt+id", func(unit, salt string) uint32 { return crc32.ChecksumIEEE([]byte(salt + unit)) }},
		{"FNV-1a of id+salt, % 1000", func(unit, salt string) uint32 { return scaled(fnv32a(unit+salt)%1_000, 1_000) }},
		{"FNV-1a of salt+id, % 1000", func(unit, salt string) uint32 { return scaled(fnv32a(salt+unit)%1_000, 1_000) }},
		{"FNV-1a twice, % 10000 (as gb2)", func(unit, salt string) uint32 {
			return scaled(fnv32a(fmt.Sprint(fnv32a(salt+unit)))%10_000, 10_000)
		}},
		{"xxh3 of id ^ xxh3 of salt", func(unit, salt string) uint32 {
			return uint32((xxh3.HashString(unit) ^ xxh3.HashString(salt)) >> 32)
		}},
		{"SHA-256 of salt+id", func(unit, salt string) uint32 {
			sum := sha256.Sum256([]byte(salt + unit))
			return binary.BigEndian.Uint32(sum[:])
		}},
	}
}

func fnv32a(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum32()
}

// scaled spreads x of n over all that 32 bits can be.
func scaled(x, n uint32) uint32 { return uint32(uint64(x) << 32 / uint64(n)) }

func (s scheme) split(experiments int, ids []string) split {
	result := newSplit(experiments, len(ids))
	for e := range experiments {
		salt := salt(e)
		for i, id := range ids {
			result.give(e, i, int(uint64(s.point(id, salt))*arms>>32))
		}
	}
	return result
}

// kind is one way in which ids are made.
type kind struct {
	name string
	id   func(n int) string
}

func kinds() []kind {
	return []kind{
		{"sequential", func(n int) string { return fmt.Sprintf("user-%d", n) }},
		{"numeric", func(n int) string { return fmt.Sprint(1_000_000 + n) }},
		{"UUID", func(n int) string { return uuid.NewSHA1(uuid.Nil, fmt.Append(nil, n)).String() }},
		{"e-mail", func(n int) string { return fmt.Sprintf("%c.%c%d@example.com", 'a'+n%26, 'a'+n/26%26, n/676) }},
		{"non-ASCII", func(n int) string { return fmt.Sprintf("用户-é-%c%c", 0x4e00+n/100, 0x3b1+n%100) }},
	}
}

func (k kind) list(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = k.id(i)
	}
	return ids
}
