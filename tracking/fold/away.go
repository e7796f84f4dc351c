package fold

import (
	"errors"
	"io"
	"log/slog"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// levelOf is how loudly a failure is told: that Postgres is away is no fault of
// what is counted, and cures itself.
func levelOf(err error) slog.Level {
	if isAway(err) {
		return slog.LevelWarn
	}
	return slog.LevelError
}

// isAway says that the connection failed, or the server ended the session.
func isAway(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.SeverityUnlocalized != "ERROR"
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}
