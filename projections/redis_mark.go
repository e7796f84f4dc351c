package projections

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

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

// mark says what Redis holds, so that any difference shows. Its text is the
// digest key's value: position:fields:sum:fields:sum:hash, first of the
// experiments, then of the context, sums and hash in hexadecimal.
type mark struct {
	position    int64
	experiments part
	context     part
	// hash is the ledger's at the position.
	hash domain.Hash
}

// part says what one hash in Redis holds.
type part struct {
	count int
	// sum adds, modulo 2^64, XXH3_64 of each value with the seed XXH3_64 of its
	// field: it has no order.
	sum uint64
}

func (v *View) mark() mark {
	return mark{v.Position, part{len(v.Docs), v.sum}, v.contextPart(), v.Hash}
}

func (m mark) String() string {
	return fmt.Sprintf("%d:%d:%016x:%d:%016x:%x",
		m.position, m.experiments.count, m.experiments.sum, m.context.count, m.context.sum, m.hash)
}

// parseMark reads what String wrote, and nothing else.
func parseMark(s string) (m mark, ok bool) {
	text := strings.Split(s, ":")
	if len(text) != 6 {
		return mark{}, false
	}
	var errs [6]error
	m.position, errs[0] = strconv.ParseInt(text[0], 10, 64)
	m.experiments.count, errs[1] = strconv.Atoi(text[1])
	m.experiments.sum, errs[2] = strconv.ParseUint(text[2], 16, 64)
	m.context.count, errs[3] = strconv.Atoi(text[3])
	m.context.sum, errs[4] = strconv.ParseUint(text[4], 16, 64)
	hash, err := hex.DecodeString(text[5])
	errs[5] = err
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
	// docs and context are the fields of the two hashes; context is nil where it
	// was not read.
	docs, context map[string]string
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
func examine(position, digest string, docs, context map[string]string) found {
	f := believe(position, digest)
	f.docs, f.context = docs, context
	switch {
	case errors.Is(f.fault, ErrRedisEmpty) && len(docs)+len(context) > 0:
		f.fault = fmt.Errorf("%w: the position is missing", ErrRedisCorrupt)
	case f.fault != nil:
	case partOf(docs) != f.mark.experiments:
		f.fault = fmt.Errorf("%w: the content is not the digest's", ErrRedisCorrupt)
	case context != nil && partOf(context) != f.mark.context:
		f.fault = fmt.Errorf("%w: the context is not the digest's", ErrRedisCorrupt)
	}
	return f
}

func partOf(fields map[string]string) part {
	p := part{count: len(fields)}
	for field, value := range fields {
		p.sum += textSum(field, value)
	}
	return p
}
