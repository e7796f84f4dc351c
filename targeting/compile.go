package targeting

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Compiler collects conditions that are matched against one unit.
type Compiler struct {
	segments   map[string]*Members
	conditions []*Condition
	known      map[string]int // canonical JSON to index
}

// NewCompiler begins a program whose $inGroup and $notInGroup look into
// segments, by key; a segment that is not there has no members.
func NewCompiler(segments map[string]*Members) *Compiler {
	return &Compiler{segments: maps.Clone(segments), known: make(map[string]int)}
}

// Add returns the condition's index in the program. Conditions of the same
// canonical JSON have the same.
func (c *Compiler) Add(cond *Condition) int {
	i, ok := c.known[cond.canonical]
	if !ok {
		i = len(c.conditions)
		c.known[cond.canonical] = i
		c.conditions = append(c.conditions, cond)
	}
	return i
}

// Compile returns the program of what was added so far.
func (c *Compiler) Compile() *Program {
	e := emitter{
		program:  &Program{},
		segments: c.segments,
		paths:    make(map[string]int32),
		symbols:  make(map[string]uint32, len(c.conditions)),
		folded:   make(map[string]uint32),
	}
	p := e.program
	for _, cond := range c.conditions {
		p.starts = append(p.starts, e.emit(cond.root, element, accept, reject))
	}
	p.symbols = newTextIndex(listed(e.symbols), false)
	p.folded = newTextIndex(listed(e.folded), true)
	return p
}

// listed is the texts in the order of their numbers, which are from 1.
func listed(symbols map[string]uint32) []string {
	list := make([]string, len(symbols))
	for s, number := range symbols {
		list[number-1] = s
	}
	return list
}

// emitter writes instructions from the last to the first, so that each knows
// where to go on. Joining and negating conditions needs none: they are in where
// the others go.
type emitter struct {
	program  *Program
	segments map[string]*Members
	paths    map[string]int32 // path joined by dots to its index in program.paths

	symbols, folded map[string]uint32
}

// emit writes a test of the value at subject that goes on at yes or at no. It
// returns where the test begins.
func (e *emitter) emit(test node, subject, yes, no int32) int32 {
	switch test := test.(type) {
	case allOf:
		for _, t := range slices.Backward(test) {
			yes = e.emit(t, subject, yes, no)
		}
		return yes
	case anyOf:
		if len(test) == 0 {
			return yes
		}
		for _, t := range slices.Backward(test) {
			no = e.emit(t, subject, yes, no)
		}
		return no
	case noneOf:
		return e.emit(anyOf(test), subject, no, yes)
	case not:
		return e.emit(test.test, subject, no, yes)
	case field:
		return e.emit(test.test, e.path(test.path), yes, no)
	case each:
		for _, t := range slices.Backward(test) {
			yes = e.put(instruction{op: doHasSome, arg: e.sub(t)}, subject, yes, no)
		}
		return e.put(instruction{op: doIsKind, kind: list}, subject, yes, no)
	}
	in, negated := e.single(test)
	if negated {
		yes, no = no, yes
	}
	return e.put(in, subject, yes, no)
}

func (e *emitter) put(in instruction, subject, yes, no int32) int32 {
	in.subject, in.yes, in.no = subject, yes, no
	e.program.code = append(e.program.code, in)
	return int32(len(e.program.code) - 1)
}

// sub writes a test of an element of a list.
func (e *emitter) sub(test node) uint64 {
	return uint64(uint32(e.emit(test, element, accept, reject)))
}

// path returns the index of a path.
func (e *emitter) path(names []string) int32 {
	key := strings.Join(names, ".")
	at, ok := e.paths[key]
	if !ok {
		steps := make([]step, len(names))
		for i, name := range names {
			steps[i] = step{name, -1}
			if n, err := strconv.Atoi(name); err == nil && strconv.Itoa(n) == name {
				steps[i].index = n
			}
		}
		at = int32(keep(&e.program.paths, steps))
		e.paths[key] = at
	}
	return at
}

// single returns the instruction of a test that needs just one, and whether it
// passes when the test does not.
func (e *emitter) single(test node) (in instruction, negated bool) {
	switch test := test.(type) {
	case equals:
		return e.equals(test), false
	case compare:
		if test.op == opEq || test.op == opNe {
			return e.same(test.operand), test.op == opNe
		}
		return e.compare(test), false
	case version:
		in = instruction{op: doCompareVersion, kind: test.operand.kind, orders: ordersOf(test.op)}
		in.arg = keep(&e.program.versions, newVersionOperand(test.operand))
		return in, test.op == opVne
	case member:
		return instruction{op: doIn, arg: keep(&e.program.sets, e.set(test.values, test.fold))}, test.negate
	case inGroup:
		members := set{ids: &textIndex{}}
		if m, ok := e.segments[test.group]; ok {
			members = set{ids: &m.ids, numbers: m.numbers, who: m.has}
		}
		return instruction{op: doIn, arg: keep(&e.program.sets, members)}, test.negate
	case exists:
		return instruction{op: doIsKind, kind: null}, bool(test)
	case typeIs:
		return instruction{op: doIsKind, kind: kind(test)}, false
	case size:
		return instruction{op: doSize, arg: e.sub(test.test)}, false
	case elemMatch:
		return instruction{op: doHasSomeNotNull, arg: e.sub(test.test)}, false
	case pattern:
		return instruction{op: doMatches, arg: keep(&e.program.patterns, test.re)}, false
	case cidr:
		return instruction{op: doWithin, arg: keep(&e.program.networks, newNetworks(test))}, false
	}
	return never(), false
}

// keep appends an operand and returns its index.
func keep[T any](operands *[]T, operand T) uint64 {
	*operands = append(*operands, operand)
	return uint64(len(*operands) - 1)
}

// never is a test that nothing passes.
func never() instruction { return instruction{op: doNever} }

func (e *emitter) equals(test equals) instruction {
	switch {
	case test.operand.kind == list || test.operand.kind == object:
		return instruction{op: doEqualsDeep, arg: keep(&e.program.values, test.operand)}
	case test.operand.kind == text && test.fold:
		return instruction{op: doEqualsFolded, arg: uint64(e.foldedSymbol(test.operand.text))}
	}
	return e.same(test.operand)
}

// same compares as $eq does: no list or object is equal to another.
func (e *emitter) same(operand value) instruction {
	switch operand.kind {
	case null:
		return instruction{op: doIsKind, kind: null}
	case boolean:
		in := instruction{op: doEqualsBoolean}
		if operand.truth {
			in.arg = 1
		}
		return in
	case number:
		return instruction{op: doEqualsNumber, arg: math.Float64bits(operand.number)}
	case text:
		return instruction{op: doEqualsText, arg: uint64(e.symbol(operand.text))}
	}
	return never()
}

// compare is $lt, $lte, $gt and $gte.
func (e *emitter) compare(test compare) instruction {
	switch test.operand.kind {
	case number:
		return instruction{op: doCompareNumber, orders: ordersOf(test.op), arg: math.Float64bits(test.operand.number)}
	case text:
		return instruction{op: doCompareText, orders: ordersOf(test.op), arg: keep(&e.program.texts, test.operand.text)}
	}
	return never()
}

func (e *emitter) set(values []value, fold bool) set {
	s := set{fold: fold}
	for _, v := range values {
		switch v.kind {
		case null:
			s.null = true
		case boolean:
			s.yes, s.no = s.yes || v.truth, s.no || !v.truth
		case number:
			s.numbers = append(s.numbers, v.number)
		case text:
			symbol := e.symbol
			if fold {
				symbol = e.foldedSymbol
			}
			s.symbols = append(s.symbols, symbol(v.text))
		}
	}
	slices.Sort(s.numbers)
	slices.Sort(s.symbols)
	return s
}

func (e *emitter) symbol(s string) uint32 { return numbered(e.symbols, s) }

func (e *emitter) foldedSymbol(s string) uint32 {
	return numbered(e.folded, strings.Map(folded, s))
}

// numbered returns the number of s, from 1.
func numbered(symbols map[string]uint32, s string) uint32 {
	n, ok := symbols[s]
	if !ok {
		n = uint32(len(symbols) + 1)
		symbols[s] = n
	}
	return n
}
