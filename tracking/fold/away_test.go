package fold

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestLevelOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want slog.Level
	}{
		{"the connection was cut", fmt.Errorf("fold: %w", io.ErrUnexpectedEOF), slog.LevelWarn},
		{"the connection was refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, slog.LevelWarn},
		{"the server is starting up", &pgconn.PgError{SeverityUnlocalized: "FATAL", Code: "57P03"}, slog.LevelWarn},
		{"a statement took too long", fmt.Errorf("fold: %w", &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "57014"}), slog.LevelWarn},
		{"a statement was refused", fmt.Errorf("fold: %w", &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "22003"}), slog.LevelError},
		{"a row that cannot be counted", errors.New("history: malformed"), slog.LevelError},
	} {
		if got := levelOf(tt.err); got != tt.want {
			t.Errorf("%s is told as %v, want %v", tt.name, got, tt.want)
		}
	}
}
