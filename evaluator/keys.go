package evaluator

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

// keyIndex finds experiments by key. It reads fewer lines of caches than a map
// does, and the garbage collector none of its entries.
type keyIndex struct {
	experiments []Experiment
	// entries are 0, or the lower half of a key's hash and its place from 1. The
	// upper half of the hash chose the entry, or the next one that was free.
	entries []uint64
}

// newKeyIndex takes experiments of different keys.
func newKeyIndex(experiments []Experiment) keyIndex {
	x := keyIndex{experiments, make([]uint64, 2*len(experiments)+1)}
	for i := range experiments {
		hash := xxh3.HashString(experiments[i].key)
		at := x.first(hash)
		for x.entries[at] != 0 {
			at = x.next(at)
		}
		x.entries[at] = hash<<32 | uint64(i+1)
	}
	return x
}

// find returns nil where there is no experiment with that key.
func (x *keyIndex) find(key string) *Experiment {
	hash := xxh3.HashString(key)
	for at := x.first(hash); x.entries[at] != 0; at = x.next(at) {
		if entry := x.entries[at]; entry>>32 == hash&(1<<32-1) {
			if e := &x.experiments[uint32(entry)-1]; e.key == key {
				return e
			}
		}
	}
	return nil
}

func (x *keyIndex) first(hash uint64) int {
	at, _ := bits.Mul64(hash, uint64(len(x.entries)))
	return int(at)
}

func (x *keyIndex) next(at int) int {
	if at+1 == len(x.entries) {
		return 0
	}
	return at + 1
}
