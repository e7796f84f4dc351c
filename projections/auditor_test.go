package projections_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/projections"
)

// audited is a ledger of some records, and an auditor of it.
type audited struct {
	*projections.Auditor
	ledger   ledgertest.Ledger
	pool     *pgxpool.Pool
	commands *commands.Service
}

func newAudited(t *testing.T, records int) audited {
	t.Helper()
	ledger := ledgertest.New(t)
	a := audited{ledger: ledger, pool: ledger.Pool(t), commands: ledger.Commands(t)}
	a.Auditor = projections.NewAuditor(a.pool, "replica", nil)
	for i := range records {
		a.create(t, i)
	}
	return a
}

func (a audited) create(t *testing.T, i int) {
	t.Helper()
	if _, err := a.commands.CreateExperiment(t.Context(), commands.Call{}, fmt.Appendf(nil, `{"name":"e%d"}`, i)); err != nil {
		t.Fatal(err)
	}
}

// audit audits as if the last time were long ago.
func (a audited) audit(t *testing.T) *projections.Finding {
	t.Helper()
	found, err := a.Audit(t.Context(), 0)
	if err != nil || found == nil {
		t.Fatalf("%+v, %v", found, err)
	}
	return found
}

func tamper(t *testing.T, a audited, sql string) {
	t.Helper()
	if _, err := a.ledger.Superuser(t).Exec(t.Context(), "alter table events disable trigger all; "+sql); err != nil {
		t.Fatal(err)
	}
}

func TestAuditGoesOnFromTheLast(t *testing.T) {
	a := newAudited(t, 5)
	if f := a.audit(t); !f.OK || f.Position != 5 || f.Kind != projections.ChainVerification || f.By != "replica" {
		t.Errorf("%+v", f)
	}
	a.create(t, 5)
	if f, err := a.Audit(t.Context(), time.Hour); f != nil || err != nil {
		t.Errorf("it audits again at once: %+v, %v", f, err)
	}
	if f := a.audit(t); !f.OK || f.Position != 6 || f.Reread != 5 {
		t.Errorf("%+v", f)
	}
	kept, err := projections.Findings(t.Context(), a.pool, 10)
	if err != nil || len(kept) != 2 || kept[0].Position != 6 || !kept[0].OK || kept[1].Position != 5 {
		t.Errorf("%+v, %v", kept, err)
	}
}

func TestAuditFindsWhatWasDone(t *testing.T) {
	for _, tt := range []struct {
		name, sql string
		position  int64
		problem   string
	}{
		{"an old record changed", `update events set actor = 'somebody else' where position = 2`, 2, "does not follow"},
		{"its data changed", `update events set data = '{}' where position = 3`, 3, "not what was hashed"},
		{"a record taken out", `delete from events where position = 4`, 4, "missing"},
		{"the end cut off", `delete from events where position > 3; update event_head set position = 3`, 4, "missing"},
		{"the last one's hash", `update events set hash = sha256('') where position = 5`, 5, "another hash than when"},
		{"the head's hash", `update event_head set hash = sha256('')`, 5, "head has another hash"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAudited(t, 5)
			a.audit(t)
			tamper(t, a, tt.sql)
			f := a.audit(t)
			if f.OK || f.FirstBad != tt.position || !strings.Contains(f.Problem, tt.problem) {
				t.Errorf("%+v, want %d %s", f, tt.position, tt.problem)
			}
			if again, err := a.Audit(t.Context(), 0); again != nil || err != nil {
				t.Errorf("it is written down again at once: %+v, %v", again, err)
			}
		})
	}
}

// A ledger that was put back on purpose is verified in full, and so is a redaction:
// audits go on from there.
func TestAuditBelievesAFullVerification(t *testing.T) {
	a := newAudited(t, 5)
	a.audit(t)
	tamper(t, a, `delete from events where position > 3; delete from experiments where position > 3;
		update event_head h set (position, hash, recorded_at) = (select position, hash, recorded_at from events where position = 3);
		update daily_state d set (to_position, hash, inactive) = (select position, hash, 3 from events where position = 3);
		update events set data = json_build_object('after', json_build_object('id', data->'after'->'id', 'name', 'redacted')) where position = 1`)
	if f := a.audit(t); f.OK || f.FirstBad != 4 {
		t.Errorf("%+v", f)
	}
	v := projections.Verification{Records: 3, Checkpoint: checkpointOf(t, a.ledger)}
	kept, err := v.Finding(time.Second, []int64{1}, "somebody")
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Keep(t.Context(), a.pool); err != nil {
		t.Fatal(err)
	}
	if f := a.audit(t); !f.OK || f.Position != 3 {
		t.Errorf("%+v", f)
	}
}

func checkpointOf(t *testing.T, ledger ledgertest.Ledger) (checkpoint string) {
	t.Helper()
	err := ledger.Superuser(t).QueryRow(t.Context(), `select position || ':' || encode(hash, 'hex') from event_head`).Scan(&checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint
}

func TestOneAuditorAtATime(t *testing.T) {
	a := newAudited(t, 1)
	conn := a.ledger.Superuser(t)
	if _, err := conn.Exec(t.Context(), `select pg_advisory_lock(hashtextextended(current_schema() || ' audit', 0))`); err != nil {
		t.Fatal(err)
	}
	if f, err := a.Audit(t.Context(), 0); f != nil || err != nil {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestFindingOfAVerification(t *testing.T) {
	zero := strings.Repeat("0", 64)
	a := newAudited(t, 0)
	for _, tt := range []struct {
		v    projections.Verification
		want projections.Finding
	}{
		{projections.Verification{Records: 3, Checkpoint: "3:" + zero}, projections.Finding{OK: true, Position: 3}},
		{
			projections.Verification{Records: 1, Checkpoint: "1:" + zero, Bad: true, FirstBad: 2, Problem: "gone"},
			projections.Finding{Position: 1, FirstBad: 2, Problem: "gone"},
		},
		{
			projections.Verification{Records: 2, Checkpoint: "2:" + zero, Mismatches: []string{strings.Repeat("ä", 1_000), "b"}},
			projections.Finding{Position: 2, Mismatches: 2, Problem: strings.Repeat("ä", 501) + "…"},
		},
	} {
		found, err := tt.v.Finding(2*time.Second, []int64{7}, "me")
		if err != nil {
			t.Fatal(err)
		}
		if err := found.Keep(t.Context(), a.pool); err != nil {
			t.Fatal(err)
		}
		last, err := projections.LastFindings(t.Context(), a.pool)
		got := last[projections.FullVerification]
		tt.want.Kind, tt.want.Seconds, tt.want.By, tt.want.Redacted, tt.want.At = projections.FullVerification, 2, "me", []int64{7}, got.At
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
			t.Errorf("%+v, %v, want %+v", got, err, tt.want)
		}
	}
}
