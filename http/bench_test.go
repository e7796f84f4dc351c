package httpapi

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assaylabs/assay/commands"
)

// BenchmarkStatusHandler is what PATCH /experiments/{id}/status costs besides
// its command: routing, admission, reading, logging, metrics and writing. The
// command refuses the status before it would ask the ledger.
func BenchmarkStatusHandler(b *testing.B) {
	a := bareAPI(b, Config{
		Commands: commands.New(nil), RootToken: "secret",
		Log: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	const body = `{"status":"neither","reason":"bench"}`
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPatch, "/experiments/checkout-button/status", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("Idempotency-Key", "5f0c2a52-9f43-4d9c-8e6c-0d8f1f0a6f11")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != http.StatusUnprocessableEntity {
			b.Fatal(w.Code, w.Body)
		}
	}
}
