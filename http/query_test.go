package httpapi

import (
	"strings"
	"testing"

	"github.com/assaylabs/assay/domain"
)

func TestNegotiate(t *testing.T) {
	both := []string{jsonType, csvType}
	for _, tt := range []struct{ accept, want string }{
		{"", jsonType},
		{"*/*", jsonType},
		{"text/csv", csvType},
		{"text/csv, application/json", jsonType},
		{"application/json;q=0.5, text/csv", csvType},
		{"text/*", csvType},
		{"text/csv;q=0, */*", jsonType},
		{"TEXT/CSV", csvType},
		{"text/html,application/xhtml+xml,*/*;q=0.8", jsonType},
		{"text/html", ""},
		{"application/json;q=0", ""},
		{"application/json;q=nonsense", ""},
	} {
		var accept []string
		if tt.accept != "" {
			accept = []string{tt.accept}
		}
		got, err := negotiate(accept, both)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("Accept %q: got %q, %v; want %q", tt.accept, got, err, tt.want)
		}
	}
}

func TestWellFormedRef(t *testing.T) {
	for ref, want := range map[string]bool{
		"checkout-button":                       true,
		"0a._-":                                 true,
		"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10":  true,
		"01930D5E-7C1A-7CC3-9F6E-3F1D5D1A7B10":  true,
		strings.Repeat("a", 128):                true,
		strings.Repeat("a", 129):                false,
		"":                                      false,
		"..":                                    false,
		".hidden":                               false,
		"a/b":                                   false,
		"a\x00":                                 false,
		"Upper":                                 false,
		"naïve":                                 false,
		"'; drop table events; --":              false,
		"{01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b1}": false,
	} {
		if got := wellFormedRef(ref); got != want {
			t.Errorf("%q: got %v", ref, got)
		}
	}
}

func TestPagesOfDays(t *testing.T) {
	day := func(s string) domain.Date {
		d, err := domain.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	today := day("2026-03-10")
	for _, tt := range []struct{ query, from, to, next string }{
		{"", "2026-02-09", "2026-03-10", ""},
		{"from=2026-03-01", "2026-03-01", "2026-03-10", ""},
		{"from=2026-03-01&to=2026-03-03", "2026-03-01", "2026-03-03", ""},
		{"from=2026-03-01&to=2026-03-03&limit=2", "2026-03-01", "2026-03-02", "2026-03-03"},
		{"from=2026-03-01&to=2026-03-03&limit=2&cursor=2026-03-03", "2026-03-03", "2026-03-03", ""},
		{"from=2026-03-01&to=2026-03-03&limit=3", "2026-03-01", "2026-03-03", ""},
	} {
		query, err := readQuery(tt.query, append(dayParams(), limitParams()...))
		if err != nil {
			t.Fatal(err)
		}
		in := &input{query: query}
		from, to, next, err := in.days(today)
		got := ""
		if next != nil {
			got = *next
		}
		if err != nil || from != day(tt.from) || to != day(tt.to) || got != tt.next {
			t.Errorf("%q: got %v to %v, next %q, %v", tt.query, from, to, got, err)
		}
	}
	for _, bad := range []string{
		"from=2026-03-04&to=2026-03-03", "from=yesterday", "to=2026-02-30", "cursor=x",
		"from=2026-03-01&to=2026-03-03&cursor=2026-03-04", "limit=0", "limit=1001", "limit=%2B5",
	} {
		query, err := readQuery(bad, append(dayParams(), limitParams()...))
		if err == nil {
			_, _, _, err = (&input{query: query}).days(today)
		}
		if err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
