package ledgertest_test

import (
	"testing"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/projections"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestFillingIsALedgerThatVerifies(t *testing.T) {
	l := ledgertest.New(t)
	l.FillAndReplay(t, ledgertest.Filling{Records: 3_000, Experiments: 100})
	got, err := projections.Verify(t.Context(), l.Pool(t), projections.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !got.OK() || got.Records != 3_000 {
		t.Errorf("Verify = %+v", got)
	}
	var types, days int
	err = l.Superuser(t).QueryRow(t.Context(), `select count(distinct type), (select count(*) from daily_reports) from events`).Scan(&types, &days)
	if err != nil {
		t.Fatal(err)
	}
	if types < 9 || days != 31 {
		t.Errorf("%d types of events, %d days closed; want 9 and 31", types, days)
	}
}
