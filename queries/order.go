package queries

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

// sortedRunes is how much of a name decides its place; names that share it are
// in the order of their ids. It keeps cursors below 1 KiB.
const sortedRunes = 180

// order is an order of experiments by one field, then by id: the same in Go and
// in Postgres, byte by byte, whatever the database's locale.
type order struct {
	name       string
	descending bool
	// column is the field in SQL.
	column string
	// value is the field as a text whose bytes sort as the field does.
	value func(*domain.Experiment) string
	// argument is such a text as a parameter to compare the column with.
	argument func(value string) (any, error)
}

// orderOf reads a sort field, descending after a minus; the default is key.
func orderOf(sort string) (order, error) {
	name, descending := strings.CutPrefix(sort, "-")
	o := order{name: name, descending: descending, argument: textArgument}
	switch name {
	case "", "key":
		o.name, o.column = "key", `key collate "C"`
		o.value = func(e *domain.Experiment) string { return e.Key }
	case "name":
		o.column = `left(name, ` + strconv.Itoa(sortedRunes) + `) collate "C"`
		o.value = func(e *domain.Experiment) string { return leading(e.Name, sortedRunes) }
	case "status":
		o.column = `status collate "C"`
		o.value = func(e *domain.Experiment) string { return string(e.Status) }
	case "created_at":
		o.column, o.argument = "created_at", momentArgument
		o.value = func(e *domain.Experiment) string { return momentValue(e.CreatedAt) }
	case "updated_at":
		o.column, o.argument = "updated_at", momentArgument
		o.value = func(e *domain.Experiment) string { return momentValue(e.UpdatedAt) }
	default:
		return order{}, domain.Invalid("sort", "must be key, name, created_at, updated_at or status, with a minus before it for descending")
	}
	if sort == "-" {
		return order{}, domain.Invalid("sort", "must name a field after the minus")
	}
	return o, nil
}

// leading returns the first n characters of s.
func leading(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// momentValue writes microseconds with a fixed number of digits.
func momentValue(t time.Time) string { return fmt.Sprintf("%020d", t.UnixMicro()) }

// momentArgument reads what momentValue wrote.
func momentArgument(value string) (any, error) {
	micros, err := strconv.ParseInt(value, 10, 64)
	t := time.UnixMicro(micros)
	if err == nil && (momentValue(t) != value || t.Year() < 1 || t.Year() > 9999) {
		err = strconv.ErrRange
	}
	return t, err
}

// textArgument refuses what Postgres cannot take for a text.
func textArgument(value string) (any, error) { return value, checkSearch("cursor", value) }

// direction is the SQL of the order's direction, and of what comes after.
func (o order) direction() (asc, after string) {
	if o.descending {
		return "desc", "<"
	}
	return "asc", ">"
}

// placed is an item with its place.
type placed struct {
	item  *entry
	value string
}

func (o order) compare(aValue string, a uuid.UUID, bValue string, b uuid.UUID) int {
	c := cmp.Or(cmp.Compare(aValue, bValue), slices.Compare(a[:], b[:]))
	if o.descending {
		return -c
	}
	return c
}

// sort puts items in order, those after the cursor alone.
func (o order) sort(items []*entry, after *cursor) []placed {
	all := make([]placed, 0, len(items))
	for _, item := range items {
		p := placed{item, o.value(item.experiment)}
		if after == nil || o.compare(p.value, item.experiment.ID, after.value, after.id) > 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return o.compare(a.value, a.item.experiment.ID, b.value, b.item.experiment.ID)
	})
	return all
}
