// Package openfeature is Assay's provider for OpenFeature's Go SDK:
//
//	client, err := sdk.New(ctx, sdk.Config{URL: "https://assay.example.com", Token: token})
//	…
//	err = openfeature.SetProviderAndWait(assay.NewProvider(client))
//
// The targeting key is the unit (user_id); all else of the context are its
// attributes. Evaluations of units that take part are exposures.
package openfeature

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/assaylabs/assay/sdk"
)

// initWait bounds Init where the caller's context does not.
const initWait = 10 * time.Second

// Provider answers from a client. Make it with NewProvider; it may serve several
// domains.
type Provider struct {
	client *sdk.Client
	events chan openfeature.Event

	mu     sync.Mutex
	cancel context.CancelFunc // guarded by mu; nil while nothing is told
	told   sync.WaitGroup
}

var (
	_ openfeature.FeatureProvider          = (*Provider)(nil)
	_ openfeature.ContextAwareStateHandler = (*Provider)(nil)
	_ openfeature.EventHandler             = (*Provider)(nil)
	_ openfeature.Tracker                  = (*Provider)(nil)
)

// NewProvider returns a provider of what the client knows. Who made the client
// closes it, after OpenFeature's Shutdown.
func NewProvider(client *sdk.Client) *Provider {
	return &Provider{client: client, events: make(chan openfeature.Event)}
}

// Metadata implements openfeature.FeatureProvider.
func (p *Provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: "Assay"} }

// Hooks implements openfeature.FeatureProvider.
func (p *Provider) Hooks() []openfeature.Hook { return nil }

// EventChannel implements openfeature.EventHandler.
func (p *Provider) EventChannel() <-chan openfeature.Event { return p.events }

// Init implements openfeature.StateHandler.
func (p *Provider) Init(evaluation openfeature.EvaluationContext) error {
	return p.InitWithContext(context.Background(), evaluation)
}

// InitWithContext waits for the client's first snapshot, for 10 s at most. If
// that comes later, the provider becomes ready then.
func (p *Provider) InitWithContext(ctx context.Context, _ openfeature.EvaluationContext) error {
	ctx, cancel := context.WithTimeout(ctx, initWait)
	defer cancel()
	if err := p.begin(ctx); err != nil {
		return &openfeature.ProviderInitError{ErrorCode: openfeature.ProviderNotReadyCode, Message: err.Error()}
	}
	return nil
}

// Shutdown implements openfeature.StateHandler.
func (p *Provider) Shutdown() {
	_ = p.ShutdownWithContext(context.Background()) // there is nobody to tell
}

// ShutdownWithContext ends the provider's events and sends what is left of
// exposures: see sdk.Client's Flush.
func (p *Provider) ShutdownWithContext(ctx context.Context) error {
	p.mu.Lock()
	cancel := p.cancel
	p.cancel = nil
	p.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	p.told.Wait()
	return p.client.Flush(ctx)
}

// BooleanEvaluation implements openfeature.FeatureProvider.
func (p *Provider) BooleanEvaluation(_ context.Context, flag string, def bool, flat openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	return resolve(p, flag, def, flat, p.client.BoolDetail)
}

// StringEvaluation implements openfeature.FeatureProvider.
func (p *Provider) StringEvaluation(_ context.Context, flag, def string, flat openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	return resolve(p, flag, def, flat, p.client.StringDetail)
}

// FloatEvaluation implements openfeature.FeatureProvider.
func (p *Provider) FloatEvaluation(_ context.Context, flag string, def float64, flat openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	return resolve(p, flag, def, flat, p.client.FloatDetail)
}

// IntEvaluation implements openfeature.FeatureProvider.
func (p *Provider) IntEvaluation(_ context.Context, flag string, def int64, flat openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	return resolve(p, flag, def, flat, p.client.IntDetail)
}

// ObjectEvaluation returns the value as Go's encoding/json decodes it.
func (p *Provider) ObjectEvaluation(_ context.Context, flag string, def any, flat openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	return resolve(p, flag, def, flat, func(key string, unit sdk.Unit, def any) sdk.Detail[any] {
		return sdk.JSONDetail(p.client, key, unit, def)
	})
}

// Track implements openfeature.Tracker: an event of the targeting key's unit.
func (p *Provider) Track(_ context.Context, name string, evaluation openfeature.EvaluationContext, details openfeature.TrackingEventDetails) {
	// A drop is counted in the client's Stats; OpenFeature has no place for it.
	_ = p.client.Track(sdk.Event{
		Name: name, Unit: evaluation.TargetingKey(), Value: new(details.Value()), Attributes: details.Attributes(),
	})
}

func resolve[T any](p *Provider, flag string, def T, flat openfeature.FlattenedContext, detail func(string, sdk.Unit, T) sdk.Detail[T]) openfeature.GenericResolutionDetail[T] {
	id, ok := flat[openfeature.TargetingKey].(string)
	if !ok && flat[openfeature.TargetingKey] != nil {
		return openfeature.GenericResolutionDetail[T]{Value: def, ProviderResolutionDetail: openfeature.ProviderResolutionDetail{
			Reason:          openfeature.ErrorReason,
			ResolutionError: openfeature.NewInvalidContextResolutionError("the targeting key must be a string"),
		}}
	}
	d := detail(flag, sdk.Unit{ID: id, Attributes: flat}, def)
	return openfeature.GenericResolutionDetail[T]{Value: d.Value, ProviderResolutionDetail: resolution(d)}
}

// resolution says of a detail what OpenFeature wants to know. Only who was given
// a variation has a variant: with the edge's answers it is the same.
func resolution[T any](d sdk.Detail[T]) openfeature.ProviderResolutionDetail {
	r := openfeature.ProviderResolutionDetail{FlagMetadata: openfeature.FlagMetadata{
		"assayReason": string(d.Reason), "version": int64(d.Version), "position": d.Position, "stale": d.Stale,
	}}
	switch {
	case errors.Is(d.Err, sdk.ErrNotFound):
		r.ResolutionError = openfeature.NewFlagNotFoundResolutionError(d.Err.Error() + ": " + d.Experiment)
	case errors.Is(d.Err, sdk.ErrType):
		r.ResolutionError = openfeature.NewTypeMismatchResolutionError(d.Err.Error())
	case errors.Is(d.Err, sdk.ErrNotReady):
		r.ResolutionError = openfeature.NewProviderNotReadyResolutionError(d.Err.Error())
	case d.Err != nil:
		r.ResolutionError = openfeature.NewGeneralResolutionError(d.Err.Error(), d.Err)
	}
	switch {
	case d.Err != nil:
		r.Reason = openfeature.ErrorReason
	case d.Reason == sdk.ReasonSplit:
		r.Reason, r.Variant = openfeature.SplitReason, d.Variation
	case d.Reason == sdk.ReasonOverride:
		r.Reason, r.Variant = openfeature.TargetingMatchReason, d.Variation
	default:
		r.Reason = openfeature.DisabledReason
	}
	return r
}
