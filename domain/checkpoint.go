package domain

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// ParseCheckpoint reads what Checkpoint wrote.
func ParseCheckpoint(s string) (position int64, hash Hash, err error) {
	pos, hexHash, ok := strings.Cut(s, ":")
	if position, err = strconv.ParseInt(pos, 10, 64); !ok || err != nil || position < 0 {
		return 0, Hash{}, Invalid("checkpoint", "must be position:hash")
	}
	if len(hexHash) != 2*len(hash) {
		return 0, Hash{}, Invalid("checkpoint", "must be position:hash with a hash of 64 hexadecimal digits")
	}
	if _, err := hex.Decode(hash[:], []byte(hexHash)); err != nil {
		return 0, Hash{}, Invalid("checkpoint", "must be position:hash with a hash of 64 hexadecimal digits")
	}
	return position, hash, nil
}
