package projections

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/assaylabs/assay/domain"
)

// What a read of Redis's hash may find wrong with it.
var (
	// ErrRedisDown: it does not answer.
	ErrRedisDown = errors.New("redis is down")
	// ErrRedisEmpty: it holds nothing, not even a position.
	ErrRedisEmpty = errors.New("redis is empty")
	// ErrRedisCorrupt: it does not hold what was written: something was lost, or
	// edited by hand, or belongs to another history of the ledger.
	ErrRedisCorrupt = errors.New("redis is corrupt")
	// ErrRedisUnproven: it is of a position that this process does not yet know
	// to be the ledger's: mostly, another process was faster.
	ErrRedisUnproven = errors.New("redis is not proven yet")
)

// mark says what the hash in Redis holds, so that any difference shows. Its
// text is the digest key's value.
type mark struct {
	position int64
	count    int
	// sum is that of all fields' hashes, which has no order.
	sum uint64
	// hash is the ledger's at the position.
	hash domain.Hash
}

func (v *View) mark() mark {
	return mark{position: v.Position, count: len(v.Docs), sum: v.sum, hash: v.Hash}
}

func (m mark) String() string {
	return fmt.Sprintf("%d:%d:%016x:%x", m.position, m.count, m.sum, m.hash)
}

// parseMark reads what String wrote, and nothing else.
func parseMark(s string) (m mark, ok bool) {
	part := strings.Split(s, ":")
	if len(part) != 4 {
		return mark{}, false
	}
	var errs [4]error
	m.position, errs[0] = strconv.ParseInt(part[0], 10, 64)
	m.count, errs[1] = strconv.Atoi(part[1])
	m.sum, errs[2] = strconv.ParseUint(part[2], 16, 64)
	hash, err := hex.DecodeString(part[3])
	errs[3] = err
	copy(m.hash[:], hash)
	if errors.Join(errs[:]...) != nil || m.String() != s {
		return mark{}, false
	}
	return m, true
}

// found is what Redis holds.
type found struct {
	// position and digest are the keys' values, empty where there are none. The
	// scripts compare them.
	position, digest string
	// mark is the digest's, zero when it is none.
	mark mark
	docs map[string]string
	// fault says why the content is unfit; nil when there is nothing against it.
	fault error
}

// believe judges position and digest alone, without the content.
func believe(position, digest string) found {
	f := found{position: position, digest: digest}
	m, ok := parseMark(digest)
	f.mark = m
	switch {
	case position == "" && digest == "":
		f.fault = ErrRedisEmpty
	case !ok:
		f.fault = fmt.Errorf("%w: the digest is malformed", ErrRedisCorrupt)
	case position != strconv.FormatInt(m.position, 10):
		f.fault = fmt.Errorf("%w: the position is not the digest's", ErrRedisCorrupt)
	}
	return f
}

// examine judges the content too.
func examine(position, digest string, docs map[string]string) found {
	f := believe(position, digest)
	f.docs = docs
	if f.fault != nil {
		if errors.Is(f.fault, ErrRedisEmpty) && len(docs) > 0 {
			f.fault = fmt.Errorf("%w: the position is missing", ErrRedisCorrupt)
		}
		return f
	}
	var sum uint64
	for id, doc := range docs {
		sum += xxh3.HashStringSeed(doc, xxh3.HashString(id))
	}
	if len(docs) != f.mark.count || sum != f.mark.sum {
		f.fault = fmt.Errorf("%w: the content is not the digest's", ErrRedisCorrupt)
	}
	return f
}
