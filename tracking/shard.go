package tracking

import "github.com/zeebo/xxh3"

// Shards is among how many parts units are spread, to be counted side by side.
const Shards = 8

// ShardOf is the part that a unit belongs to, for ever. unitType is not empty.
func ShardOf(unitType, unit string) int {
	var room [256]byte
	key := append(append(append(room[:0], unitType...), 0), unit...)
	return int(xxh3.Hash(key) % Shards)
}
