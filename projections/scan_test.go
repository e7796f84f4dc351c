package projections_test

import (
	"bytes"
	"testing"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// The memory of a chunk's data is used again once its events were applied.
func TestEventsKeepNothingOfTheirData(t *testing.T) {
	t.Parallel()
	_, w := chronicle(t)
	records, err := w.store.ReadAll(t.Context(), 0, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, r := range records {
		types[r.Type] = true
		data := bytes.Clone(r.Data)
		event, err := eventstore.Decode(r.Type, r.SchemaVersion, data)
		if err != nil {
			t.Fatal(err)
		}
		clear(data)
		if got, err := domain.Encode(event); err != nil || !bytes.Equal(got, r.Data) {
			t.Errorf("%s is now %s, %v", r.Type, got, err)
		}
	}
	for _, known := range eventstore.Types() {
		if !types[known] {
			t.Errorf("no %s was tried", known)
		}
	}
}
