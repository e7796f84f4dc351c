package httpapi

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/domain"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxCursor    = 1024
	maxText      = 200
)

// readQuery refuses parameters that the route does not have.
func readQuery(raw string, known []param) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, malformed("query", "must be name=value pairs, joined by & and percent-encoded")
	}
	for name, values := range query {
		i := slices.IndexFunc(known, func(p param) bool { return p.name == name })
		if i < 0 {
			return nil, domain.Invalid(strings.ToValidUTF8(name, "\uFFFD"), "is not a query parameter of this route")
		}
		if len(values) > 1 && !known[i].repeats {
			return nil, domain.Invalid(name, "must be given once")
		}
		for _, v := range values {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return nil, domain.Invalid(name, "must be UTF-8 without NUL")
			}
		}
	}
	return query, nil
}

// whole reads a whole number within bounds, or the default when absent.
func (in *input) whole(name string, low, high, absent int64) (int64, error) {
	if !in.query.Has(name) {
		return absent, nil
	}
	value := in.query.Get(name)
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || value[0] == '+' || n < low || n > high {
		return 0, domain.Invalid(name, "must be a whole number from %d to %d", low, high)
	}
	return n, nil
}

// page reads limit and cursor.
func (in *input) page() (limit int, cursor string, err error) {
	n, err := in.whole("limit", 1, maxLimit, defaultLimit)
	if err != nil {
		return 0, "", err
	}
	cursor, err = in.text("cursor", maxCursor)
	return int(n), cursor, err
}

// text reads a text of at most that many bytes.
func (in *input) text(name string, maximum int) (string, error) {
	value := in.query.Get(name)
	if len(value) > maximum {
		return "", domain.Invalid(name, "must be at most %d bytes", maximum)
	}
	return value, nil
}

// form reads a text of a form, "" when absent.
func (in *input) form(name string, form *regexp.Regexp, problem string) (string, error) {
	value := in.query.Get(name)
	if in.query.Has(name) && !form.MatchString(value) {
		return "", domain.Invalid(name, "%s", problem)
	}
	return value, nil
}

// choice reads one of the allowed texts, "" when absent.
func (in *input) choice(name string, allowed ...string) (string, error) {
	value := in.query.Get(name)
	if !in.query.Has(name) || slices.Contains(allowed, value) {
		return value, nil
	}
	return "", domain.Invalid(name, "must be one of %q", allowed)
}

// moment reads an RFC 3339 time.
func (in *input) moment(name string) (time.Time, error) {
	if !in.query.Has(name) {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, in.query.Get(name))
	if err != nil || at.Year() < 1970 || at.Year() > 9998 {
		return time.Time{}, domain.Invalid(name, "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z")
	}
	return at.UTC(), nil
}

// day reads a day, or the default when absent.
func (in *input) day(name string, absent domain.Date) (domain.Date, error) {
	if !in.query.Has(name) {
		return absent, nil
	}
	return parseDay(name, in.query.Get(name))
}

func parseDay(field, value string) (domain.Date, error) {
	d, err := domain.ParseDate(value)
	if err != nil || len(value) != len(time.DateOnly) || d.Start().Year() < 1970 || d.Start().Year() > 9998 {
		return 0, domain.Invalid(field, "must be a day as YYYY-MM-DD")
	}
	return d, nil
}

// negotiate returns the offer that Accept likes best, the first of equals.
func negotiate(accept []string, offers []string) (string, error) {
	if len(accept) == 0 || len(accept) == 1 && (accept[0] == "*/*" || accept[0] == offers[0]) {
		return offers[0], nil
	}
	best, bestQ := "", 0.0
	for _, offer := range offers {
		if q := quality(accept, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	if best == "" {
		return "", &fault{
			status: http.StatusNotAcceptable, field: "Accept",
			detail: "must allow " + strings.Join(offers, " or "),
		}
	}
	return best, nil
}

// quality is how much Accept likes a media type, 0 for not at all: that of the
// most specific range that covers it.
func quality(accept []string, offer string) float64 {
	main, _, _ := strings.Cut(offer, "/")
	bestRank, q := -1, 0.0
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			media, params, _ := strings.Cut(part, ";")
			rank := slices.Index([]string{"*/*", main + "/*", offer}, strings.ToLower(strings.TrimSpace(media)))
			if rank > bestRank {
				bestRank, q = rank, weight(params)
			}
		}
	}
	return q
}

func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}

func limitParams() []param {
	one, thousand := 1.0, float64(maxLimit)
	return []param{
		{
			name: "limit", doc: "How many items to answer at most.", example: 100,
			schema: &huma.Schema{Type: huma.TypeInteger, Minimum: &one, Maximum: &thousand, Default: defaultLimit},
		},
		{name: "cursor", doc: "Where the page begins: next_cursor of the page before.", schema: &huma.Schema{Type: huma.TypeString}},
	}
}
