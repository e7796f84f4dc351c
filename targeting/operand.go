package targeting

import (
	"math"
	"net/netip"
	"strconv"
)

// operator parses one operator on a value.
func (p *parser) operator(at pointer, op operator, v value) (node, error) {
	switch op {
	case opEq, opNe, opLt, opLte, opGt, opGte:
		return compare{op, v}, plain(at, v)
	case opVeq, opVne, opVlt, opVlte, opVgt, opVgte:
		return parseVersion(at, op, v)
	case opIn, opNin, opIni, opNini:
		return parseMember(at, op, v)
	case opAll, opAlli:
		return p.each(at, v, op == opAlli)
	case opNot:
		test, err := p.test(at, v, false)
		return not{test}, err
	case opExists:
		return parseExists(at, v)
	case opType:
		return parseType(at, v)
	case opSize:
		return p.size(at, v)
	case opElemMatch:
		return p.elemMatch(at, v)
	case opRegex, opRegexi:
		return parsePattern(at, v, op == opRegexi)
	case opInGroup, opNotInGroup:
		return p.group(at, v, op == opNotInGroup)
	case opCIDR:
		return parseCIDR(at, v)
	case opAnd, opOr, opNor:
		return nil, fault(at, `must stand outside of the attribute, as in {"%s":[{"country":"US"}]}`, op)
	}
	return nil, fault(at, "must be one of %s", valueOperators)
}

func parseVersion(at pointer, op operator, v value) (node, error) {
	// A number is compared with numbers only, as the specification's test
	// vectors have it.
	if v.kind != text && v.kind != number {
		return nil, fault(at, `must be a version as text, as in "2.3.0"`)
	}
	return version{op, v}, nil
}

func parseMember(at pointer, op operator, v value) (node, error) {
	if v.kind != list {
		return nil, fault(at, "must be a list of values")
	}
	return member{
		values: v.items,
		fold:   op == opIni || op == opNini,
		negate: op == opNin || op == opNini,
	}, plain(at, v)
}

func (p *parser) each(at pointer, v value, fold bool) (node, error) {
	tests, err := p.every(at, v, "values", func(at pointer, v value) (node, error) {
		return p.test(at, v, fold)
	})
	return each(tests), err
}

func parseExists(at pointer, v value) (node, error) {
	if v.kind != boolean {
		return nil, fault(at, "must be true or false")
	}
	return exists(v.truth), nil
}

func parseType(at pointer, v value) (node, error) {
	switch v.text {
	case "null":
		return typeIs(null), nil
	case "boolean":
		return typeIs(boolean), nil
	case "number":
		return typeIs(number), nil
	case "string":
		return typeIs(text), nil
	case "array":
		return typeIs(list), nil
	case "object":
		return typeIs(object), nil
	}
	return nil, fault(at, `must be one of "string", "number", "boolean", "object", "array", "null"`)
}

func (p *parser) size(at pointer, v value) (node, error) {
	isCount := v.kind == number && v.number >= 0 && v.number == math.Trunc(v.number)
	isTest := v.kind == object && (len(v.entries) == 0 || isOperator(v.entries[0].name))
	if !isCount && !isTest {
		return nil, fault(at, `must be a whole number from 0, or operators on one, as in {"$gt":2}`)
	}
	test, err := p.test(at, v, false)
	return size{test}, err
}

// elemMatch parses operators that test each element itself, or a condition that
// tests each element's members. $not alone is an operator; beside an attribute
// or an operator that joins conditions, it belongs to the condition.
func (p *parser) elemMatch(at pointer, v value) (node, error) {
	if v.kind != object {
		return nil, fault(at, "must be an object of operators, or a condition")
	}
	parse := p.operators
	for _, e := range v.entries {
		if !isOperator(e.name) || operator(e.name).joins() {
			parse = p.condition
		}
	}
	test, err := parse(at, v)
	return elemMatch{test}, err
}

func (p *parser) group(at pointer, v value, negate bool) (node, error) {
	if v.kind != text {
		return nil, fault(at, "must be the key of a segment")
	}
	p.groups = append(p.groups, v.text)
	return inGroup{group: v.text, negate: negate}, nil
}

func parseCIDR(at pointer, v value) (node, error) {
	if v.kind != list {
		prefix, err := parsePrefix(at, v)
		return cidr{prefix}, err
	}
	prefixes := make(cidr, 0, len(v.items))
	for i, item := range v.items {
		prefix, err := parsePrefix(index(at, i), item)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

func parsePrefix(at pointer, v value) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(v.text)
	if err != nil {
		addr, addrErr := netip.ParseAddr(v.text)
		if addrErr != nil || addr.Zone() != "" {
			return netip.Prefix{}, fault(at, `must be an IP prefix or address as text, as in "10.0.0.0/8"`)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	// An IPv4 network written in IPv6 is that IPv4 network.
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// index points at an item of a list.
func index(list pointer, i int) pointer { return list.AppendToken(strconv.Itoa(i)) }
