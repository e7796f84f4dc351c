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

// NewStatement takes SQL that has unnest($1::type[]) for each column, in the select
// list: in FROM each column fills a store of 16 KB first, which costs more than the
// rows.
func NewStatement(sql string) Statement { return Statement{sql, plain.Replace(sql)} }

// bind returns the SQL for arguments of which those that are slices, but for
// bytes, are columns; and its own arguments.
func (s Statement) bind(args []any) (string, []any) {
	row := make([]any, len(args))
	for i, arg := range args {
		row[i] = arg
		if column := reflect.ValueOf(arg); column.Kind() == reflect.Slice && column.Type().Elem().Kind() != reflect.Uint8 {
			if column.Len() != 1 {
				return s.many, args
			}
			row[i] = column.Index(0).Interface()
		}
	}
	return s.one, row
}

// Sender sends statements to Postgres in the order in which they come.
type Sender interface {
	Send(s Statement, args ...any)
}

// Batch is a Sender that keeps what it is given, to be sent at once.
type Batch struct{ pgx.Batch }

var _ Sender = (*Batch)(nil)

func (b *Batch) Send(s Statement, args ...any) {
	sql, args := s.bind(args)
	b.Queue(sql, args...)
}
