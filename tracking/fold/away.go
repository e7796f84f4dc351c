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

// isStrained says that an error code's class is one of transactions rolled back,
// resources that ran out, or an operator's (or a time limit's) intervention.
func isStrained(code string) bool {
	switch code[:min(2, len(code))] {
	case "40", "53", "57":
		return true
	}
	return false
}

// isAway says that the connection failed, the server ended the session, or it
// could not go on with a statement for reasons of its own.
func isAway(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.SeverityUnlocalized != "ERROR" || isStrained(pg.Code)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}
