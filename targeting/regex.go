package targeting

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// parsePattern compiles a regular expression that is also safe to hand to SDKs
// whose engines backtrack. Here matching takes linear time whatever the pattern.
func parsePattern(at pointer, v value, fold bool) (node, error) {
	if v.kind != text {
		return nil, fault(at, "must be a regular expression as text")
	}
	if utf8.RuneCountInString(v.text) > maxPattern {
		return nil, fault(at, "must be a regular expression of at most %d characters", maxPattern)
	}
	tree, err := syntax.Parse(v.text, syntax.Perl)
	if err != nil {
		return nil, regexFault(at, err)
	}
	if nestsUnbounded(tree, false) {
		return nil, fault(at, "must not repeat without bound what already repeats without bound, as (a+)+ does; engines that backtrack take exponential time")
	}
	source := v.text
	if fold {
		source = "(?i)" + source
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, regexFault(at, err)
	}
	return pattern{re}, nil
}

// regexFault names the part of the expression at fault.
func regexFault(at pointer, err error) error {
	var invalid *syntax.Error
	if errors.As(err, &invalid) {
		return fault(at, "must be a regular expression in RE2 syntax: %s in %q", invalid.Code, invalid.Expr)
	}
	return fault(at, "must be a regular expression in RE2 syntax: %v", err)
}

// nestsUnbounded reports whether a repetition without an upper bound contains
// another. The tree must be unsimplified: simplifying squashes (?:a*)* to a*.
func nestsUnbounded(re *syntax.Regexp, inside bool) bool {
	unbounded := re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Max < 0
	if unbounded && inside {
		return true
	}
	for _, sub := range re.Sub {
		if nestsUnbounded(sub, inside || unbounded) {
			return true
		}
	}
	return false
}
