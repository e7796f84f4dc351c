package queries

import (
	"testing"

	"github.com/assaylabs/assay/projections"
)

func TestVerifications(t *testing.T) {
	s := newStack(t)
	s.create(t, `{"name":"one"}`)
	s.settle(t)
	v, err := s.Verifications(t.Context(), 0)
	if err != nil || v.Full != nil || v.Chain != nil || len(v.Items) != 0 || v.Following.Position != 1 || v.Following.State != Up {
		t.Errorf("%+v, %v", v, err)
	}
	pool := s.ledger.Pool(t)
	if _, err := projections.NewAuditor(pool, "replica", nil).Audit(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for _, found := range []projections.Finding{
		{Kind: projections.FullVerification, Position: 1, OK: true, By: "first"},
		{Kind: projections.FullVerification, Position: 0, FirstBad: 1, Problem: "gone", By: "second"},
	} {
		if err := found.Keep(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
	}
	v, err = s.Verifications(t.Context(), 2)
	if err != nil || v.Full == nil || v.Full.By != "second" || v.Full.OK || v.Full.FirstBad != 1 || v.Full.At.IsZero() ||
		v.Chain == nil || v.Chain.Position != 1 || !v.Chain.OK || len(v.Items) != 2 || v.Items[1].By != "first" {
		t.Errorf("%+v, %v", v, err)
	}
}
