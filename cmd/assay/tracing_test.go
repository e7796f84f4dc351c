package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver takes spans over OTLP.
type receiver struct {
	mu    sync.Mutex
	spans []*tracepb.Span // guarded by mu
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var export collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &export)
	}
	if err != nil || req.URL.Path != "/v1/traces" {
		http.Error(w, "spans are expected", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range export.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

// of returns the spans of a trace.
func (r *receiver) of(trace string) (spans []*tracepb.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if hex.EncodeToString(s.TraceId) == trace {
			spans = append(spans, s)
		}
	}
	return spans
}

// A command's trace holds its request, under the caller's span, and what Postgres
// did for it, under the request.
func TestTracing(t *testing.T) {
	spans := &receiver{}
	server := httptest.NewServer(spans)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	cfg := settings(t)
	cfg.Tracing = true
	s := startWith(t, cfg, false)
	const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, call := range []struct {
		name, method, path, body string
		header                   []string
	}{
		{"under the lock", "POST", "/experiments", `{"name":"traced"}`, []string{"Idempotency-Key", "k"}},
		{"after it", "PATCH", "/experiments/traced/status", `{"status":"active"}`, nil},
		{"ahead of it", "PATCH", "/experiments/traced/status", `{"status":"inactive"}`, nil},
	} {
		if status, _, answer := s.ask(t, call.method, call.path, call.body,
			append(call.header, "traceparent", "00-"+trace+"-"+caller+"-01")...); status/100 != 2 {
			t.Fatal(call.name, status, answer)
		}
	}
	var requests, inserts int
	for range 100 {
		requests, inserts = 0, 0
		byID := map[string]*tracepb.Span{}
		for _, span := range spans.of(trace) {
			byID[string(span.SpanId)] = span
		}
		for _, span := range byID {
			switch {
			case span.Kind == tracepb.Span_SPAN_KIND_SERVER && hex.EncodeToString(span.ParentSpanId) == caller:
				requests++
			case strings.Contains(text(span), "insert into events") && beneath(byID, span, tracepb.Span_SPAN_KIND_SERVER):
				inserts++
			}
		}
		if requests == 3 && inserts == 3 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, span := range spans.of(trace) {
		t.Logf("%s %x under %x: %.150s", span.Kind, span.SpanId, span.ParentSpanId, text(span))
	}
	t.Errorf("%d requests under the caller's span, %d inserts of records under a request: want 3 and 3", requests, inserts)
}

// text is a span's name and attributes.
func text(span *tracepb.Span) string {
	var b strings.Builder
	b.WriteString(span.Name)
	for _, a := range span.Attributes {
		b.WriteString(" " + a.Value.GetStringValue())
	}
	return b.String()
}

// beneath says whether a span of the kind is among the span's ancestors.
func beneath(byID map[string]*tracepb.Span, span *tracepb.Span, kind tracepb.Span_SpanKind) bool {
	for span != nil && span.Kind != kind {
		span = byID[string(span.ParentSpanId)]
	}
	return span != nil
}
