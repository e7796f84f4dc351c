package targeting

import (
	"cmp"
	"math"
	"regexp"
)

// Program is conditions ready to be matched. It is immutable and may be shared
// by goroutines.
type Program struct {
	starts []int32 // of each condition, in code
	code   []instruction

	// Every text that a value may equal has a number, its symbol; that of a
	// value is looked up once, and then tests compare symbols.
	symbols, folded textIndex

	// Operands that do not fit into an instruction.
	paths    [][]step
	texts    []string
	versions []versionOperand
	sets     []set
	values   []value
	patterns []*regexp.Regexp
	networks []networks
}

// instruction is one test of one value, and where to go on after it.
type instruction struct {
	op      opcode
	kind    kind
	orders  orders
	subject int32 // index of the value's path, or element
	yes, no int32 // index of an instruction, or accept or reject
	arg     uint64
}

// Where nothing is left to test.
const (
	accept int32 = -1
	reject int32 = -2
)

// element is the subject of tests of a list's element itself.
const element int32 = -1

// opcode is what an instruction does with kind, arg and text.
type opcode uint8

const (
	doNever          opcode = iota
	doIsKind                // kind
	doEqualsBoolean         // arg: 0 or 1
	doEqualsNumber          // arg: bits of a float64
	doEqualsText            // arg: symbol
	doEqualsFolded          // arg: symbol of the folded text
	doEqualsDeep            // arg: index in values
	doCompareNumber         // orders, arg: bits of a float64
	doCompareText           // orders, arg: index in texts
	doCompareVersion        // orders, kind, arg: index in versions
	doIn                    // arg: index in sets
	doMatches               // arg: index in patterns
	doWithin                // arg: index in networks
	doSize                  // arg: start of a test of the length
	doHasSome               // arg: start of a test of an element
	doHasSomeNotNull        // arg: start of a test of an element
)

// orders are the results of a comparison that pass, a bit each.
type orders uint8

const (
	isLess orders = 1 << iota
	isSame
	isMore
)

func ordersOf(op operator) orders {
	switch op {
	case opLt, opVlt:
		return isLess
	case opLte, opVlte:
		return isLess | isSame
	case opGt, opVgt:
		return isMore
	case opGte, opVgte:
		return isMore | isSame
	}
	return isSame
}

// has takes a result of cmp.Compare.
func (o orders) has(order int) bool { return o>>(order+1)&1 == 1 }

// Len is the number of conditions: their indexes are below it.
func (p *Program) Len() int { return len(p.starts) }

// Match reports whether the unit meets condition i. It never fails, whatever
// the attributes hold, and remembers the answer until the next Reset.
func (p *Program) Match(i int, a *Attributes) bool {
	if a.program != p {
		a.Reset(p, a.values)
	}
	if answer := a.answers[i]; answer>>1 == a.generation {
		return answer&1 == 1
	}
	at := p.starts[i]
	for at >= 0 {
		in := &p.code[at]
		if p.test(in, a.find(in.subject)) {
			at = in.yes
		} else {
			at = in.no
		}
	}
	a.answers[i] = a.generation << 1
	if at == accept {
		a.answers[i] |= 1
	}
	return at == accept
}

// MatchOnce is Match for those attributes, and remembers nothing: cheaper where
// one condition is all that is asked.
func (p *Program) MatchOnce(i int, attributes map[string]any) bool {
	return p.within(p.starts[i], &found{kind: object, raw: attributes})
}

// within runs a test of an element, or of all attributes.
func (p *Program) within(at int32, v *found) bool {
	for at >= 0 {
		in := &p.code[at]
		var passes bool
		if in.subject == element {
			passes = p.test(in, v)
		} else {
			deeper := *v
			deeper.follow(p.paths[in.subject])
			passes = p.test(in, &deeper)
		}
		if passes {
			at = in.yes
		} else {
			at = in.no
		}
	}
	return at == accept
}

func (p *Program) test(in *instruction, v *found) bool {
	switch in.op {
	case doIsKind:
		return v.kind == in.kind
	case doEqualsBoolean:
		return v.kind == boolean && v.truth == (in.arg == 1)
	case doEqualsNumber:
		return v.kind == number && v.number == math.Float64frombits(in.arg)
	case doEqualsText:
		return v.kind == text && p.symbol(v) == uint32(in.arg)
	case doEqualsFolded:
		return v.kind == text && p.foldedSymbol(v) == uint32(in.arg)
	case doEqualsDeep:
		return p.values[in.arg].equals(v)
	case doCompareNumber:
		x := math.Float64frombits(in.arg)
		return v.kind == number && v.number == v.number && in.orders.has(cmp.Compare(v.number, x))
	case doCompareText:
		return v.kind == text && in.orders.has(compareText(v.text, p.texts[in.arg]))
	case doCompareVersion:
		return v.kind == in.kind && in.orders.has(v.compareVersion(&p.versions[in.arg]))
	case doIn:
		return p.hasAny(&p.sets[in.arg], v)
	case doMatches:
		return v.kind == text && p.patterns[in.arg].MatchString(v.text)
	case doWithin:
		return v.kind == text && p.networks[in.arg].contain(v.text)
	case doSize:
		return v.kind == list && p.within(int32(uint32(in.arg)), &found{kind: number, number: float64(v.len())})
	case doHasSome, doHasSomeNotNull:
		return p.hasSome(in, v)
	}
	return false
}

func (p *Program) hasSome(in *instruction, v *found) bool {
	var item found
	for i := range v.len() {
		v.item(i, &item)
		if item.kind == null && in.op == doHasSomeNotNull {
			continue
		}
		if p.within(int32(uint32(in.arg)), &item) {
			return true
		}
	}
	return false
}

// symbol is 0 if no test asks for the text.
func (p *Program) symbol(v *found) uint32 {
	if v.made&madeSymbol == 0 {
		v.symbol = p.symbols.number(v.text, v.hashOfText())
		v.made |= madeSymbol
	}
	return v.symbol
}

// foldedSymbol is 0 if no test asks for the text in any case.
func (p *Program) foldedSymbol(v *found) uint32 {
	if v.made&madeFolded == 0 {
		v.folded = p.folded.number(v.text, foldedHash(v.text))
		v.made |= madeFolded
	}
	return v.folded
}
