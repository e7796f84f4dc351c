package targeting

import (
	"net/netip"
	"regexp"
)

// node is one test of the tree. The same types serve conditions, which test the
// unit's attributes (or, within $elemMatch, an element), and value tests, which
// test what field found at its path. A missing value is null.
type node interface{ node() }

type (
	// allOf passes when every test passes: objects of several keys, and $and.
	allOf []node
	// anyOf is $or. Empty, it passes.
	anyOf []node
	// noneOf is $nor: it passes when anyOf would not.
	noneOf []node
	// not is $not, around a condition or around a value test.
	not struct{ test node }
	// field tests the value at a path of object keys and list indexes.
	field struct {
		path []string
		test node
	}

	// equals compares deeply, without coercion: a plain value at a path.
	equals struct {
		operand value
		fold    bool // text in any case: a plain value within $alli
	}
	// compare is $eq and $ne, by which lists and objects never equal anything,
	// and $lt, $lte, $gt and $gte, which order numbers or texts alone.
	compare struct {
		op      operator
		operand value
	}
	// version is $veq, $vne, $vgt, $vgte, $vlt and $vlte. The operand is a text
	// or a number, and differs from every value of another kind.
	version struct {
		op      operator
		operand value
	}
	// member is $in, $nin, $ini and $nini: the value, or when it is a list one
	// of its elements, is one of values.
	member struct {
		values []value
		fold   bool
		negate bool
	}
	// each is $all and $alli: a list in which every test has its element.
	each []node
	// elemMatch passes for a list with an element other than null that passes.
	elemMatch struct{ test node }
	// size tests the length of a list.
	size struct{ test node }
	// exists passes when the value is there and not null, or, if false, when not.
	exists bool
	// typeIs tests the kind of the value.
	typeIs kind
	// pattern is $regex and $regexi, which pass for texts alone.
	pattern struct{ re *regexp.Regexp }
	// inGroup is $inGroup and $notInGroup.
	inGroup struct {
		group  string
		negate bool
	}
	// cidr passes for an address within one of the prefixes, which are masked
	// and never of IPv4 mapped into IPv6.
	cidr []netip.Prefix
)

func (allOf) node()     {}
func (anyOf) node()     {}
func (noneOf) node()    {}
func (not) node()       {}
func (field) node()     {}
func (equals) node()    {}
func (compare) node()   {}
func (version) node()   {}
func (member) node()    {}
func (each) node()      {}
func (elemMatch) node() {}
func (size) node()      {}
func (exists) node()    {}
func (typeIs) node()    {}
func (pattern) node()   {}
func (inGroup) node()   {}
func (cidr) node()      {}

// all is allOf without the wrapping that a single test does not need.
func all(tests []node) node {
	if len(tests) == 1 {
		return tests[0]
	}
	return allOf(tests)
}
