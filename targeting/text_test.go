package targeting

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"
)

func TestCompareTextOrdersAsUTF16(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.OneOf(rapid.String(), someTexts(), rapid.StringOf(rapid.RuneFrom([]rune("aé\ud7ff\ue000\uffff\U00010000\U0010ffff"))))
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		if got := compareText(a, b); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

func TestFoldedHashAgreesWithEqualFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.OneOf(rapid.StringOfN(rapid.RuneFrom([]rune("sSſkK\u212aσςΣéÉǅǆǄ1")), 0, 2, -1), rapid.Just("\xff"), rapid.Just("\ufffd"))
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		if strings.EqualFold(a, b) != (foldedHash(a) == foldedHash(b)) {
			t.Fatalf("%x and %x", foldedHash(a), foldedHash(b))
		}
	})
}

func TestComparePaddedAgreesWithTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := toValue(rapid.OneOf(someTexts().AsAny(), someNumbers().AsAny(), rapid.Float64().AsAny()).Draw(t, "version"))
		other := toValue(someTexts().Draw(t, "other"))
		if got := paddedVersion(v); got != padded(v) {
			t.Fatalf("padded to %q, want %q", got, padded(v))
		}
		want := slices.Compare(utf16.Encode([]rune(padded(v))), utf16.Encode([]rune(padded(other))))
		operand := newVersionOperand(other)
		f := found{kind: v.kind, text: v.text, number: v.number}
		if got := f.compareVersion(&operand); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}

func TestNumbersAreWrittenAsInJavaScript(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1: "1", -1.5: "-1.5", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-6: "0.000001", 1e-7: "1e-7",
		5e-324: "5e-324", -1.25e-100: "-1.25e-100", 1.7e308: "1.7e+308", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
	} {
		if got := string(appendNumber(nil, f)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := string(appendNumber(nil, math.NaN())); got != "NaN" {
		t.Errorf("%s, want NaN", got)
	}
}

func TestMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.OneOf(rapid.StringMatching("[a-c]{0,3}"), rapid.String())
		ids := rapid.SliceOf(draw).Draw(t, "ids")
		m := NewMembers(ids)
		known := make(map[string]bool)
		for _, id := range ids {
			known[id] = true
			if !m.Has(id) {
				t.Fatalf("%q is lost", id)
			}
		}
		if m.Len() != len(known) {
			t.Fatalf("%d of %d ids", m.Len(), len(known))
		}
		if other := draw.Draw(t, "other"); m.Has(other) != known[other] {
			t.Fatalf("%q is %t", other, m.Has(other))
		}
	})
}

func TestMembersOfTheSameHashAreToldApart(t *testing.T) {
	m := NewMembers([]string{"a", "b"})
	if m.ids.number("a", xxh3.HashString("a")) != 1 {
		t.Error("an id is lost")
	}
	if m.ids.number("another", xxh3.HashString("a")) != 0 {
		t.Error("the hash alone makes a member")
	}
}

func TestMembersOfAMillion(t *testing.T) {
	ids := make([]string, 1_000_000)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	m := NewMembers(ids)
	if m.Len() != len(ids) || len(m.ids.entries)*8 > 12*len(ids)+8 {
		t.Errorf("%d ids in %d bytes, want at most 12 each", m.Len(), len(m.ids.entries)*8)
	}
	for i := 0; i < len(ids); i += 7 {
		if !m.Has(ids[i]) || m.Has(ids[i]+"x") {
			t.Fatalf("wrong about %s", ids[i])
		}
	}
}

func TestParseAddressAgreesWithNetip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkAddress(t, addresses().Draw(t, "address")) })
	for _, s := range []string{"", ":", "::", ":::", "1::", "::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8::", "::1::", "1:", ":1", "12345::", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4:5", "::256.1.1.1", "1.2.3.4.", ".1.2.3", "1..2.3", "00.0.0.0", "0.0.0.0", "255.255.255.256", "::G", "::ffff:1.2.3.4"} {
		checkAddress(t, s)
	}
}

func addresses() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[0-9]{0,3}(\.[0-9]{1,3}){2,4}`), rapid.StringMatching(`([0-9a-fA-F]{0,4}:){1,8}([0-9a-f]{0,4}|1\.2\.3\.4)`), rapid.StringOf(rapid.RuneFrom([]rune("1f:.%"))))
}

func FuzzParseAddress(f *testing.F) {
	f.Add("::ffff:1.2.3.4")
	f.Add("2001:db8::1")
	f.Fuzz(func(t *testing.T, s string) { checkAddress(t, s) })
}

type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkAddress(t tester, s string) {
	t.Helper()
	want, err := netip.ParseAddr(s)
	wanted := err == nil && want.Zone() == ""
	got, ok := parseAddress(s)
	if ok != wanted || ok && got != want.Unmap() {
		t.Fatalf("%q is %v, %t; want %v, %v", s, got, ok, want, err)
	}
}
