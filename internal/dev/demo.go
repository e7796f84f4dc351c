package dev

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// demoActor is who makes the demo data and who switches it on and off.
const demoActor = "demo"

// step is one command of the demo data.
type step struct {
	name string
	kind domain.Kind
	body string
	// status is set after the creation of an experiment.
	status domain.Status
	reason string
}

// steps make a shop's experiments. A step's name is its idempotency key: it runs
// once in the life of a ledger.
func steps() []step {
	return []step{
		{
			name: "purchases", kind: domain.KindMetric, reason: "what the shop lives on",
			body: `{"key":"purchase-rate","name":"Purchase rate","kind":"conversion","event":"purchase","window_hours":72}`,
		},
		{
			name: "revenue", kind: domain.KindMetric, reason: "guards what a purchase is worth",
			body: `{"key":"revenue-per-user","name":"Revenue per user","kind":"sum","event":"purchase","cap":500,"cuped":true,"lookback_days":14}`,
		},
		{
			name: "visits", kind: domain.KindMetric, reason: "do they come back?",
			body: `{"key":"visits-per-user","name":"Visits per user","kind":"count","event":"visit","window_hours":168}`,
		},
		{
			name: "load time", kind: domain.KindMetric, reason: "nobody waits for a shop",
			body: `{"key":"load-time","name":"Load time of pages","description":"In milliseconds, of nine in ten","kind":"quantile","quantile":0.9,"event":"page_load","goal":"decrease"}`,
		},
		{
			name: "staff", kind: domain.KindSegment, reason: "left out of every experiment",
			body: `{"key":"staff","name":"Staff","ids":["u-staff-1","u-staff-2","u-staff-3"]}`,
		},
		{
			name: "checkout layer", kind: domain.KindLayer, reason: "one checkout experiment for each customer",
			body: `{"key":"checkout","name":"Checkout","description":"At most one checkout experiment for each customer"}`,
		},
		{
			name: "checkout button", kind: domain.KindExperiment, status: domain.Active, reason: "Q1 goal",
			body: `{"key":"demo-checkout-button","name":"Checkout button","owner":"growth","tags":["checkout","demo"],
				"hypothesis":"A green button sells more","layer":{"key":"checkout","share_ppm":400000},
				"audience":{"user_id":{"$notInGroup":"staff"}},"analysis":{"dimensions":["country","device"],"mde":0.2},
				"metrics":[{"metric":"purchase-rate","role":"primary"},{"metric":"revenue-per-user","role":"secondary"}]}`,
		},
		{
			name: "express checkout", kind: domain.KindExperiment, status: domain.Active, reason: "shorter is better",
			body: `{"key":"demo-express-checkout","name":"Express checkout","owner":"growth","tags":["checkout","demo"],
				"layer":{"key":"checkout","share_ppm":500000},"audience":{"country":{"$in":["US","CA"]},"app_version":{"$vgte":"2.3.0"}},"analysis":{"mde":0.5},
				"metrics":[{"metric":"purchase-rate","role":"primary"},{"metric":"revenue-per-user","role":"secondary"}]}`,
		},
		{
			name: "search ranking", kind: domain.KindExperiment, status: domain.Active, reason: "three rankers compete",
			body: `{"key":"demo-search-ranking","name":"Search ranking","owner":"search","tags":["search","demo"],"traffic_ppm":900000,
				"variations":[{"key":"control","value":"bm25","weight":2},{"key":"vector","value":"vector","weight":1},{"key":"hybrid","value":"hybrid","weight":1}],
				"metrics":[{"metric":"revenue-per-user","role":"primary"},{"metric":"visits-per-user","role":"secondary"},{"metric":"load-time","role":"guardrail"}]}`,
		},
		{
			name: "dark", kind: domain.KindExperiment, reason: "waits for the designers",
			body: `{"key":"demo-dark-mode","name":"Dark mode","owner":"design","tags":["demo"]}`,
		},
		{
			name: "holdout", kind: domain.KindHoldout, reason: "what all checkout experiments do together",
			body: `{"key":"checkout-holdout","name":"Checkout holdout","share_ppm":50000,"tags":["checkout"]}`,
		},
	}
}

// Seed makes the demo data that this ledger has not had yet. What an older
// version of this program made stays as it is.
func Seed(ctx context.Context, c *commands.Service) error {
	for _, s := range steps() {
		var made *domain.ConflictError
		if err := s.run(ctx, c); err != nil && !errors.As(err, &made) {
			return fmt.Errorf("demo data: %s: %w", s.name, err)
		}
	}
	return nil
}

func (s step) run(ctx context.Context, c *commands.Service) error {
	if s.kind != domain.KindExperiment {
		_, err := c.CreateResource(ctx, s.call("create"), s.kind, []byte(s.body))
		return err
	}
	made, err := c.CreateExperiment(ctx, s.call("create"), []byte(s.body))
	if err != nil || s.status == "" || made.Replayed {
		return err
	}
	_, err = c.SetStatus(ctx, s.call("switch"), made.ID.String(), string(s.status))
	return err
}

func (s step) call(what string) commands.Call {
	return commands.Call{Meta: eventstore.Meta{
		Actor: demoActor, Reason: s.reason, IdempotencyKey: "demo " + s.name + " " + what,
	}}
}

// togglePause is about how long the live demo waits between two switches.
const togglePause = 30 * time.Second

// Toggle switches a demo experiment on and off now and then, so that history and
// today's report have something to show, until ctx ends.
func Toggle(ctx context.Context, c *commands.Service) {
	for status := domain.Active; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(togglePause/2 + rand.N(togglePause)):
		}
		call := commands.Call{Meta: eventstore.Meta{Actor: demoActor, Reason: "live demo"}}
		// It may have been deleted, or Postgres be away: the next one may succeed.
		_, _ = c.SetStatus(ctx, call, "demo-dark-mode", string(status))
		if status == domain.Active {
			status = domain.Inactive
		} else {
			status = domain.Active
		}
	}
}
