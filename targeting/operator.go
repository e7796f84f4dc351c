package targeting

import (
	"slices"
	"strings"
)

// operator is the name of an operator as it is written.
type operator string

const (
	opAnd operator = "$and"
	opOr  operator = "$or"
	opNor operator = "$nor"
	opNot operator = "$not"

	opEq  operator = "$eq"
	opNe  operator = "$ne"
	opLt  operator = "$lt"
	opLte operator = "$lte"
	opGt  operator = "$gt"
	opGte operator = "$gte"

	opVeq  operator = "$veq"
	opVne  operator = "$vne"
	opVlt  operator = "$vlt"
	opVlte operator = "$vlte"
	opVgt  operator = "$vgt"
	opVgte operator = "$vgte"

	opIn   operator = "$in"
	opNin  operator = "$nin"
	opIni  operator = "$ini"
	opNini operator = "$nini"
	opAll  operator = "$all"
	opAlli operator = "$alli"

	opExists     operator = "$exists"
	opType       operator = "$type"
	opSize       operator = "$size"
	opElemMatch  operator = "$elemMatch"
	opRegex      operator = "$regex"
	opRegexi     operator = "$regexi"
	opInGroup    operator = "$inGroup"
	opNotInGroup operator = "$notInGroup"
	opCIDR       operator = "$cidr"
)

// Named in faults.
const (
	conditionOperators = "$and, $or, $nor, $not"
	valueOperators     = "$eq, $ne, $lt, $lte, $gt, $gte, $in, $nin, $ini, $nini, $all, $alli, $not, $exists, $type, " +
		"$size, $elemMatch, $regex, $regexi, $veq, $vne, $vlt, $vlte, $vgt, $vgte, $inGroup, $notInGroup, $cidr"
)

// joins reports whether the operator joins whole conditions and so cannot test
// a value. ($not does both.)
func (op operator) joins() bool { return op == opAnd || op == opOr || op == opNor }

// testsValue reports whether the operator tests a value.
func (op operator) testsValue() bool {
	return slices.Contains(strings.Split(valueOperators, ", "), string(op))
}
