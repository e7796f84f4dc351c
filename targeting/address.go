package targeting

import (
	"net/netip"
	"slices"
	"sort"
)

// networks are prefixes in the order of their addresses, none within another.
type networks []netip.Prefix

func newNetworks(prefixes []netip.Prefix) networks {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		if order := a.Addr().Compare(b.Addr()); order != 0 {
			return order
		}
		return a.Bits() - b.Bits()
	})
	outer := sorted[:0]
	for _, p := range sorted {
		if len(outer) == 0 || !outer[len(outer)-1].Contains(p.Addr()) {
			outer = append(outer, p)
		}
	}
	return outer
}

// contain reports whether s is an address in one of the networks. An IPv4
// address written in IPv6 is that IPv4 address; one with a zone is in none.
func (n networks) contain(s string) bool {
	addr, ok := parseAddress(s)
	if !ok {
		return false
	}
	after := sort.Search(len(n), func(i int) bool { return n[i].Addr().Compare(addr) > 0 })
	return after > 0 && n[after-1].Contains(addr)
}

// parseAddress is netip.ParseAddr, and Unmap, without the errors that would have
// to be allocated, and without zones.
func parseAddress(s string) (netip.Addr, bool) {
	var v4 [4]byte
	if parseIPv4(s, v4[:]) {
		return netip.AddrFrom4(v4), true
	}
	var v6 [16]byte
	if !parseIPv6(s, &v6) {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16(v6).Unmap(), true
}

func parseIPv4(s string, into []byte) bool {
	field, digits, value := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && digits > 0 && field < 3:
			into[field] = byte(value)
			field, digits, value = field+1, 0, 0
		case '0' <= c && c <= '9' && (digits == 0 || value > 0):
			value = value*10 + int(c-'0')
			digits++
			if value > 255 {
				return false
			}
		default:
			return false
		}
	}
	into[3] = byte(value)
	return field == 3 && digits > 0
}

func parseIPv6(s string, into *[16]byte) bool {
	gap, n := -1, 0 // where :: stands, and bytes so far
	if len(s) >= 2 && s[:2] == "::" {
		gap, s = 0, s[2:]
	}
	for s != "" {
		if n == 16 {
			return false
		}
		value, digits := parseHex(s)
		if digits == 0 {
			return false
		}
		if digits < len(s) && s[digits] == '.' {
			if n > 12 || !parseIPv4(s, into[n:n+4]) {
				return false
			}
			n += 4
			break
		}
		into[n], into[n+1] = byte(value>>8), byte(value)
		n, s = n+2, s[digits:]
		switch {
		case s == "":
		case s == "::" || len(s) > 2 && s[:2] == "::":
			if gap >= 0 {
				return false
			}
			gap, s = n, s[2:]
		case s[0] == ':' && len(s) > 1:
			s = s[1:]
		default:
			return false
		}
	}
	if gap < 0 || n == 16 {
		return gap < 0 && n == 16
	}
	copy(into[16-(n-gap):], into[gap:n])
	clear(into[gap : 16-(n-gap)])
	return true
}

// parseHex reads up to four hexadecimal digits.
func parseHex(s string) (value, digits int) {
	for digits < len(s) && digits < 4 {
		c := s[digits] | 0x20
		switch {
		case '0' <= s[digits] && s[digits] <= '9':
			value = value<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			value = value<<4 | int(c-'a'+10)
		default:
			return value, digits
		}
		digits++
	}
	return value, digits
}
