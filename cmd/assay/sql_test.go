package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// sql is a command for scripts: it runs statements as the superuser and prints
// the last one's first column.
func sql() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	values, err := query(ctx, os.Getenv("OWNER_URL"), os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, v := range values {
		fmt.Println(v)
	}
}

func query(ctx context.Context, databaseURL, statements string) ([]string, error) {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.PgConn().Exec(ctx, statements).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, err
	}
	var values []string
	for _, row := range results[len(results)-1].Rows {
		values = append(values, string(row[0]))
	}
	return values, nil
}

func execute(t *testing.T, databaseURL, statements string) {
	t.Helper()
	if _, err := query(context.WithoutCancel(t.Context()), databaseURL, statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}
