package edge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/assaylabs/assay/tracking"
)

const (
	// forwardTimeout bounds one request that is passed on.
	forwardTimeout = 4 * time.Second
	// maxAnswer bounds what comes back, in bytes: a rejection for each event.
	maxAnswer = 4 << 20
)

// forwarder passes POST /track on to a control plane, or to another edge.
type forwarder struct {
	url  string
	http *http.Client
}

// newForwarder returns nil where there is no control plane.
func newForwarder(control string) *forwarder {
	if control == "" {
		return nil
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		transport = &http.Transport{}
	}
	transport = transport.Clone()
	transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = 64, 256
	return &forwarder{
		url: strings.TrimSuffix(control, "/") + "/track",
		http: &http.Client{
			Transport: transport, Timeout: forwardTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// send passes a body on, as whoever came with it.
func (f *forwarder) send(x *exchange, body []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(x.r.Context(), http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	token, _ := credential(x)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", jsonType)
	// Ids count once: what a connection lost on its way may be sent again. The
	// header itself is not sent.
	request.Header["Idempotency-Key"] = []string{}
	response, err := f.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response, answer, err
}

// pass answers POST /track, of n events, with what the control plane answers.
func (e *Edge) pass(x *exchange, body []byte, n int) int {
	count := func(outcome, reason string, n int) {
		e.tracks.meter.events.WithLabelValues(outcome, reason).Add(float64(n))
	}
	if e.tracks.forward == nil {
		count("down", "", n)
		return e.fail(x, unavailable("this edge has nowhere to track to: it needs a control plane", nowhere))
	}
	response, answer, err := e.tracks.forward.send(x, body)
	var receipt tracking.Receipt
	switch {
	case err != nil:
	case response.StatusCode == http.StatusAccepted:
		err = json.Unmarshal(answer, &receipt)
		if err == nil && receipt.Accepted+len(receipt.Rejected) != n {
			err = fmt.Errorf("a receipt for %d events, not %d", receipt.Accepted+len(receipt.Rejected), n)
		}
	case response.StatusCode < 400 || response.StatusCode >= 500:
		err = fmt.Errorf("answered %s", response.Status)
	}
	if err != nil {
		e.log.WarnContext(x.r.Context(), "tracked events cannot be passed on", "error", err)
		count("down", "", n)
		return e.fail(x, trackFault(tracking.ErrDown))
	}
	switch response.StatusCode {
	case http.StatusAccepted:
		count("forwarded", "", receipt.Accepted)
		count("rejected", "upstream", len(receipt.Rejected))
		return e.answer(x, http.StatusAccepted, answer)
	case http.StatusTooManyRequests:
		count("full", "", n)
		return e.fail(x, trackFault(tracking.ErrFull))
	}
	count("denied", "", n)
	return e.fail(x, &fault{status: response.StatusCode, detail: "the control plane refuses it: " + detailOf(answer)})
}

// detailOf is what a problem says.
func detailOf(answer []byte) string {
	var p problem
	if json.Unmarshal(answer, &p) != nil || p.Detail == "" {
		return "it does not say why"
	}
	return p.Detail
}
