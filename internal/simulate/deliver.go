package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assaylabs/assay/tracking"
)

const (
	// The pause after every URL has refused doubles from minPause to maxPause,
	// unless the server asks for another.
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
	// maxAnswer bounds what is read of an answer: a rejection for each event.
	maxAnswer = 4 << 20
)

// outcome is what is known of an event.
type outcome byte

const (
	unknown outcome = iota
	acknowledged
	rejected
)

// delivery sends batches. Methods may be called concurrently.
type delivery struct {
	cfg *Config

	mu sync.Mutex
	// mu guards what follows.
	record  recorder
	turn    int // whose URL is next
	begun   int64
	summary Summary // of what deliveries know
}

func newDelivery(cfg *Config) *delivery {
	return &delivery{cfg: cfg, record: recorder{to: cfg.Record}}
}

// begin notes an event that is going to be sent.
func (d *delivery) begin(p *parcel) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun++
	return d.record.event(p)
}

func (d *delivery) duplicate() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.summary.Duplicates++
}

// deliver sends a batch until it is answered for good, with the same ids each
// time. The error, if any, says that nothing more should be sent.
func (d *delivery) deliver(ctx context.Context, batch []*parcel) error {
	body := encode(batch)
	limit := time.Now().Add(d.cfg.Patience)
	pause := minPause
	for attempts := 1; ; attempts++ {
		got, after, err := d.attempt(ctx, body, len(batch))
		if err != nil {
			return err
		}
		last := got == nil && (ctx.Err() != nil || time.Now().After(limit))
		if got != nil || last {
			return d.settle(batch, got, attempts)
		}
		if attempts%len(d.cfg.URLs) != 0 {
			continue // another may take it at once
		}
		if after == 0 {
			after, pause = pause, min(2*pause, maxPause)
		}
		select {
		case <-ctx.Done():
		case <-time.After(after):
		}
	}
}

func encode(batch []*parcel) []byte {
	body := append(make([]byte, 0, 300*len(batch)), `{"events":[`...)
	for i, p := range batch {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, p.encoded...)
	}
	return append(body, "]}"...)
}

// attempt sends a batch once. Without a receipt the outcome is unknown and it
// should be sent again, after the time that the server asks for.
func (d *delivery) attempt(ctx context.Context, body []byte, count int) (*tracking.Receipt, time.Duration, error) {
	url := d.url()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+d.cfg.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := d.cfg.Client.Do(req)
	if err != nil {
		return nil, 0, nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, 0, nil
	}
	switch {
	case res.StatusCode == http.StatusAccepted:
		receipt := &tracking.Receipt{}
		if err := json.Unmarshal(answer, receipt); err != nil || receipt.Accepted+len(receipt.Rejected) != count {
			return nil, 0, fmt.Errorf("%s answers %d events with %.200s", url, count, answer)
		}
		return receipt, 0, nil
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return nil, min(time.Duration(seconds)*time.Second, d.cfg.Patience), nil
	}
	return nil, 0, fmt.Errorf("%s answers %d: %.300s", url, res.StatusCode, answer)
}

// url takes turns.
func (d *delivery) url() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	url := d.cfg.URLs[d.turn%len(d.cfg.URLs)]
	d.turn++
	d.summary.Requests++
	return strings.TrimSuffix(url, "/") + "/track"
}

// settle notes what came of a batch.
func (d *delivery) settle(batch []*parcel, got *tracking.Receipt, attempts int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.summary.Retries += int64(attempts - 1)
	outcomes := make([]outcome, len(batch))
	if got != nil {
		for i := range outcomes {
			outcomes[i] = acknowledged
		}
		for _, r := range got.Rejected {
			if r.Index < 0 || r.Index >= len(batch) {
				return fmt.Errorf("event %d of %d is rejected", r.Index, len(batch))
			}
			outcomes[r.Index] = rejected
		}
	}
	for i, p := range batch {
		if p.outcome != unknown {
			continue
		}
		switch p.outcome = outcomes[i]; p.outcome {
		case acknowledged:
			d.summary.Acknowledged++
		case rejected:
			d.summary.Rejected++
		}
	}
	return d.record.delivery(batch, outcomes, got, attempts)
}

// fill adds to a summary what deliveries know.
func (d *delivery) fill(s *Summary) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Acknowledged, s.Rejected = d.summary.Acknowledged, d.summary.Rejected
	s.Unknown = d.begun - s.Acknowledged - s.Rejected
	s.Duplicates, s.Requests, s.Retries = d.summary.Duplicates, d.summary.Requests, d.summary.Retries
}
