package targeting

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// Versions are ordered as texts in which every numeric part is padded to five
// characters, "~" follows a third part that is the last, and the separators are
// equal. What stands here orders them without writing that text.

const padding = "     "

// paddedVersion writes the text by which a version is ordered.
func paddedVersion(v value) string {
	s := v.text
	if v.kind == number {
		s = string(appendNumber(nil, v.number))
	}
	s = stripVersion(s)
	release := isRelease(s)
	var b strings.Builder
	for {
		part, rest, more := cutPart(s)
		b.WriteString(padding[:missing(part)])
		b.WriteString(part)
		if !more {
			break
		}
		b.WriteByte('-')
		s = rest
	}
	if release {
		b.WriteString("-~")
	}
	return b.String()
}

// versionOperand is a version to compare with.
type versionOperand struct {
	packed uint64 // see packVersion
	padded string
}

func newVersionOperand(v value) versionOperand {
	return versionOperand{packVersion(v.text), paddedVersion(v)}
}

// compareVersion takes an operand of the same kind.
func (f *found) compareVersion(operand *versionOperand) int {
	if f.kind == number {
		var buffer [32]byte
		return comparePadded(string(appendNumber(buffer[:0], f.number)), operand.padded)
	}
	if f.made&madePacked == 0 {
		f.packed = packVersion(f.text)
		f.made |= madePacked
	}
	if f.packed == 0 || operand.packed == 0 {
		return comparePadded(f.text, operand.padded)
	}
	return cmp.Compare(f.packed, operand.packed)
}

// comparePadded compares the padded form of a version with another padded form.
func comparePadded(version, padded string) int {
	s := stripVersion(version)
	release := isRelease(s)
	for {
		part, rest, more := cutPart(s)
		order := cutPrefix(&padded, padding[:missing(part)])
		if order == 0 {
			order = cutPrefix(&padded, part)
		}
		if order == 0 && more {
			order = cutPrefix(&padded, "-")
		}
		if order != 0 {
			return order
		}
		if !more {
			break
		}
		s = rest
	}
	if release {
		if order := cutPrefix(&padded, "-~"); order != 0 {
			return order
		}
	}
	if padded != "" {
		return -1
	}
	return 0
}

// cutPrefix removes prefix from s, or says how prefix compares with s.
func cutPrefix(s *string, prefix string) int {
	if rest, ok := strings.CutPrefix(*s, prefix); ok {
		*s = rest
		return 0
	}
	// Where s is the beginning of prefix, prefix is the greater.
	return compareText(prefix, *s)
}

// stripVersion removes a leading v and the build, which ends the last line.
func stripVersion(s string) string {
	if s == "" {
		return "0"
	}
	s = strings.TrimPrefix(s, "v")
	if strings.IndexByte(s, '+') < 0 {
		return s
	}
	lastLine := strings.LastIndexAny(s, "\n\r\u2028\u2029") + 1
	if build := strings.IndexByte(s[lastLine:], '+'); build >= 0 {
		return s[:lastLine+build]
	}
	return s
}

// isRelease reports whether a stripped version has three parts.
func isRelease(s string) bool {
	return strings.Count(s, ".")+strings.Count(s, "-") == 2
}

// cutPart splits a stripped version after its first part.
func cutPart(s string) (part, rest string, more bool) {
	for i := range len(s) {
		if s[i] == '.' || s[i] == '-' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// missing is the number of characters by which a part is to be padded.
func missing(part string) int {
	if part == "" || len(part) >= len(padding) {
		return 0
	}
	for i := range len(part) {
		if part[i] < '0' || part[i] > '9' {
			return 0
		}
	}
	return len(padding) - len(part)
}

// packVersion returns a release such as 1.20.3, of numbers below 100,000 without
// leading zeros, as a number in whose order such releases are; 0 if it is none.
func packVersion(s string) uint64 {
	const bitsOfPart = 17
	rest := stripVersion(s)
	packed := uint64(1)
	for i := range 3 {
		part, after, more := cutPart(rest)
		if more != (i < 2) || part == "" || len(part) > len(padding) || part[0] == '0' && part != "0" {
			return 0
		}
		n := uint64(0)
		for j := range len(part) {
			if part[j] < '0' || part[j] > '9' {
				return 0
			}
			n = n*10 + uint64(part[j]-'0')
		}
		packed = packed<<bitsOfPart | n
		rest = after
	}
	return packed
}

// appendNumber writes a number as JavaScript does.
func appendNumber(b []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case f == 0:
		return append(b, '0') // -0 too
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case 1e-6 <= abs && abs < 1e21 || f != f:
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-2] == '0' { // e-07 is e-7
		b = append(b[:n-2], b[n-1])
	}
	return b
}
