package ledgertest

import (
	"fmt"
	"testing"

	"github.com/assaylabs/assay/projections"
)

// Backup copies the ledger and its read models, and returns what puts the copy
// in their place at one moment, as a restore or a fail-over does.
func (l Ledger) Backup(t testing.TB) (restore func()) {
	t.Helper()
	conn := l.Superuser(t)
	do := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	tables := append(projections.Tables(), "events", "event_head")
	for _, table := range tables {
		do(fmt.Sprintf("create table saved_%[1]s as table %[1]s", table))
	}
	return func() {
		t.Helper()
		do("begin; alter table events disable trigger append_only")
		for _, table := range tables {
			do(fmt.Sprintf("delete from %[1]s; insert into %[1]s select * from saved_%[1]s", table))
		}
		do("alter table events enable always trigger append_only; commit")
	}
}
