package control

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// A server that starts while Postgres restarts waits for it, and ends at what
// waiting does not cure.
func TestUnreachable(t *testing.T) {
	for _, err := range []error{
		io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, driver.ErrBadConn, sql.ErrConnDone, context.DeadlineExceeded,
		&net.OpError{Op: "read", Err: syscall.ECONNRESET}, &pgconn.ConnectError{},
		&pgconn.PgError{Code: "57P03"}, &pgconn.PgError{Code: "53300"},
	} {
		if !unreachable(fmt.Errorf("migrate: %w", err)) {
			t.Errorf("%v is taken for a fault", err)
		}
	}
	for _, err := range []error{
		&pgconn.PgError{Code: "42501"}, &pgconn.PgError{Code: "28P01"}, &ConfigError{}, errors.New("missing migration"), context.Canceled,
	} {
		if unreachable(fmt.Errorf("migrate: %w", err)) {
			t.Errorf("%v is taken for an outage", err)
		}
	}
}
