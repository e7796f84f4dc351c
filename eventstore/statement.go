package eventstore

import (
	"reflect"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Statement writes rows that come as one array a column. Postgres takes as long
// to take arrays of one apart as to write the row: one row comes as it is.
type Statement struct{ many, one string }

// plain is a statement without arrays.
var plain = strings.NewReplacer("unnest(", "(", "[])", ")")

// NewStatement takes SQL that has unnest($1::type[]) for each column.
func NewStatement(sql string) Statement { return Statement{sql, plain.Replace(sql)} }

// Queue queues the statement for arguments of which those that are slices, but for
// bytes, are columns.
func (s Statement) Queue(b *pgx.Batch, args ...any) *pgx.QueuedQuery {
	row := make([]any, len(args))
	for i, arg := range args {
		row[i] = arg
		if column := reflect.ValueOf(arg); column.Kind() == reflect.Slice && column.Type().Elem().Kind() != reflect.Uint8 {
			if column.Len() != 1 {
				return b.Queue(s.many, args...)
			}
			row[i] = column.Index(0).Interface()
		}
	}
	return b.Queue(s.one, row...)
}
