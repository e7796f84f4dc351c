// Package warehouse counts an experiment where its events already are: in any
// database that speaks Postgres's protocol and SQL. What comes out are the same
// cells, to the last bit, that tracking/tally counts of the same facts. Begin
// with Parse and Count. docs/warehouse.md says what a warehouse must have.
package warehouse

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/domain"
)

// Source says where exposures and events are, and what their columns are called.
type Source struct {
	Exposures Exposures `json:"exposures"`
	// Events are by the names that metrics have them by.
	Events map[string]Events `json:"events"`
}

// Rows are those of a table, or of a query. Either way all of them count, each
// once.
type Rows struct {
	// Table is a name, after that of a schema and a dot if need be.
	Table string `json:"table,omitempty"`
	SQL   string `json:"sql,omitempty"`
	// Units are the columns that name units, by unit type. Rows without count for
	// no unit of that type.
	Units map[string]string `json:"units"`
	// At is a column of a timestamp; one without time zone is UTC.
	At string `json:"at"`
}

// Exposures are rows that say which unit was shown which variation.
type Exposures struct {
	Rows       `json:",embed"`
	Experiment string `json:"experiment"` // column of a key
	Variation  string `json:"variation"`  // column of a key
	// ID is a column that decides which of two exposures at the same time was
	// first; without, that is their variation's key.
	ID string `json:"id,omitempty"`
	// Dimensions are columns by the names that analyses have them by.
	Dimensions map[string]string `json:"dimensions,omitempty"`
}

// Events are rows that say what units did.
type Events struct {
	Rows `json:",embed"`
	// Value is a numeric column; without, no event has a value.
	Value string `json:"value,omitempty"`
}

// Parse reads the JSON of a source.
func Parse(data []byte) (Source, error) {
	var s Source
	if err := domain.Decode(data, &s); err != nil {
		return s, err
	}
	x := &s.Exposures
	if err := x.check("exposures"); err != nil {
		return s, err
	}
	if x.Experiment == "" || x.Variation == "" {
		return s, domain.Invalid("exposures", "must name the columns experiment and variation")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Events)) {
		rows := s.Events[name].Rows
		if err := rows.check("events." + name); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (r *Rows) check(field string) error {
	switch {
	case (r.Table == "") == (r.SQL == ""):
		return domain.Invalid(field, "must have either a table or sql")
	case r.At == "":
		return domain.Invalid(field+".at", "must name a column")
	case len(r.Units) == 0:
		return domain.Invalid(field+".units", "must name a column for a unit type")
	}
	return nil
}

// from is the rows as an item of a from clause.
func (r *Rows) from() string {
	if r.SQL == "" {
		return pgx.Identifier(strings.Split(r.Table, ".")).Sanitize() + " as source"
	}
	// On lines of its own: the query may end in a comment.
	return "(\n" + strings.TrimRight(r.SQL, "; \n\t") + "\n) as source"
}

// unit is the column of a unit type.
func (r *Rows) unit(field, unitType string) (string, error) {
	if column, ok := r.Units[unitType]; ok {
		return quote(column), nil
	}
	return "", domain.Invalid(field+".units", "must name the column of %s", unitType)
}

func quote(column string) string { return pgx.Identifier{column}.Sanitize() }

// text is a column as text; micros one of a time as microseconds since 1970.
func text(column string) string { return fmt.Sprintf("cast(%s as text)", column) }

func micros(column string) string {
	return fmt.Sprintf("cast(round(extract(epoch from %s) * 1000000) as bigint)", quote(column))
}
