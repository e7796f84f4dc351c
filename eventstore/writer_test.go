package eventstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Only what surely was not committed may run again without being asked.
func TestWhatRunsAgain(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"a value is refused", &pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: "ERROR", Code: "22021"}, true},
		{"wrapped", fmt.Errorf("batch: %w", &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "23505"}), true},
		{"the session was ended, maybe after its commit", &pgconn.PgError{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P01"}, false},
		{"the server crashed", &pgconn.PgError{SeverityUnlocalized: "PANIC", Code: "XX000"}, false},
		{"the connection broke", errors.New("unexpected EOF"), false},
	} {
		if got := refused(tt.err); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
