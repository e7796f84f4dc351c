package openfeature

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/assaylabs/assay/sdk"
)

// settling is how long after Init the first event waits: OpenFeature notes the
// outcome of Init only then, over whatever it was told before.
const settling = 100 * time.Millisecond

// inbox holds what OpenFeature has not taken yet, as one change.
type inbox struct {
	wake chan struct{} // holds one

	mu      sync.Mutex
	waiting bool // guarded by mu, as change
	change  sdk.Change
}

func (b *inbox) put(c sdk.Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting {
		c.Experiments = both(b.change.Experiments, c.Experiments)
	}
	b.waiting, b.change = true, c
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *inbox) take() (c sdk.Change, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok = b.change, b.waiting
	b.waiting = false
	return c, ok
}

// both is the union of two sorted lists of keys; nil is every key.
func both(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// begin waits for the client, and then starts to tell OpenFeature of changes,
// unless that goes on already.
func (p *Provider) begin(ctx context.Context) error {
	box := &inbox{wake: make(chan struct{}, 1)}
	unsubscribe := p.client.OnChange(box.put)
	err := p.client.WaitReady(ctx)
	told := openfeature.ProviderError
	if err == nil {
		told = openfeature.ProviderReady
		box.take() // the first snapshot is no change
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		unsubscribe()
		return err
	}
	telling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	p.told.Go(func() {
		defer unsubscribe()
		p.tell(telling, box, told)
	})
	return err
}

// tell passes changes on until ctx ends. told is what OpenFeature holds the
// provider's state to be.
func (p *Provider) tell(ctx context.Context, box *inbox, told openfeature.EventType) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(settling):
	}
	for {
		change, changed := box.take()
		if state := p.state(); p.client.Ready() && state != told {
			told = state
			p.emit(ctx, state, openfeature.ProviderEventDetails{Message: "from " + p.client.Source()})
		}
		if changed && (change.Experiments == nil || len(change.Experiments) > 0) {
			p.emit(ctx, openfeature.ProviderConfigChange, openfeature.ProviderEventDetails{
				FlagChanges:   change.Experiments,
				EventMetadata: map[string]any{"position": change.Position},
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-box.wake:
		}
	}
}

func (p *Provider) state() openfeature.EventType {
	if p.client.Stale() {
		return openfeature.ProviderStale
	}
	return openfeature.ProviderReady
}

func (p *Provider) emit(ctx context.Context, kind openfeature.EventType, details openfeature.ProviderEventDetails) {
	select {
	case <-ctx.Done():
	case p.events <- openfeature.Event{ProviderName: p.Metadata().Name, EventType: kind, ProviderEventDetails: details}:
	}
}
