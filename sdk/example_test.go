package sdk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"slices"

	"github.com/assaylabs/assay/sdk"
)

// offline is a client of a snapshot that was shipped with the program, so that
// the examples need no server.
func offline() *sdk.Client {
	client, err := sdk.New(context.Background(), sdk.Config{File: "testdata/snapshot.json", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func ExampleNew() {
	ctx := context.Background()
	client, err := sdk.New(ctx, sdk.Config{
		URL:      "https://assay.example.com", // of assay serve, or of an assay-edge
		Token:    os.Getenv("ASSAY_TOKEN"),    // a key with the role server
		CacheDir: "/var/cache/shop/assay",     // for a start while the server is away
	})
	if err != nil {
		log.Fatal(err) // the configuration is wrong
	}
	defer client.Close()

	if client.Bool("checkout-button", sdk.Unit{ID: "u1"}, false) {
		fmt.Println("the new button")
	}
}

func ExampleClient_Bool() {
	client := offline()
	defer client.Close()
	for _, unit := range []sdk.Unit{
		{ID: "u1", Attributes: map[string]any{"country": "US"}},
		{ID: "u2", Attributes: map[string]any{"country": "US"}},
		{ID: "u2", Attributes: map[string]any{"country": "FR"}},
	} {
		fmt.Println(client.Bool("checkout-button", unit, false))
	}
	// Output:
	// true
	// false
	// false
}

func ExampleClient_BoolDetail() {
	client := offline()
	defer client.Close()
	d := client.BoolDetail("checkout-button", sdk.Unit{ID: "tester"}, false)
	fmt.Println(d.Value, d.Variation, d.Reason, d.Version, d.Position)
	d = client.BoolDetail("chekcout-button", sdk.Unit{ID: "tester"}, false)
	fmt.Println(d.Value, d.Reason, d.Err)
	// Output:
	// true treatment OVERRIDE 3 42
	// false ERROR no such experiment
}

func ExampleJSON() {
	type prices struct {
		Monthly  int
		Currency string
	}
	client := offline()
	defer client.Close()
	fmt.Println(sdk.JSON(client, "price-list", sdk.Unit{ID: "u1"}, prices{Monthly: 10, Currency: "EUR"}))
	// Output: {10 EUR}
}

// A server-rendered page hands a browser what it needs, and counts an exposure
// only for what it shows itself.
func ExampleClient_EvaluateAll() {
	client := offline()
	defer client.Close()
	values := map[string]json.RawMessage{}
	for key, d := range client.EvaluateAll(sdk.Unit{ID: "u1"}) {
		values[key] = d.Value
	}
	page, err := json.Marshal(values)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(page))
	// Output: {"checkout-button":false,"price-list":{"monthly":10,"currency":"EUR"}}
}

func ExampleClient_Explain() {
	client := offline()
	defer client.Close()
	explanation, err := client.Explain("checkout-button", sdk.Unit{ID: "u1", Attributes: map[string]any{"country": "FR"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range explanation.Steps {
		fmt.Println(step.Check, step.Decided)
	}
	fmt.Println(explanation.Variation, explanation.Reason)
	// Output:
	// status false
	// unit false
	// override false
	// audience true
	// control AUDIENCE
}

func ExampleClient_Track() {
	client := offline()
	defer client.Close()
	err := client.Track(sdk.Event{Name: "purchase", Unit: "u1", Value: new(49.9)})
	fmt.Println(err)
	err = client.Track(sdk.Event{Name: "purchase"})
	fmt.Println(err)
	// Output:
	// <nil>
	// unit: must be 1 to 1024 bytes, has 0
}

// After a command of one's own, the position in its answer tells when this
// process has it too.
func ExampleClient_WaitPosition() {
	client := offline()
	defer client.Close()
	fmt.Println(client.WaitPosition(context.Background(), 42))
	// Output: <nil>
}

func ExampleClient_OnChange() {
	client := offline()
	defer client.Close()
	cancel := client.OnChange(func(c sdk.Change) {
		if c.Experiments == nil || slices.Contains(c.Experiments, "price-list") {
			fmt.Println("prices may differ from position", c.Position)
		}
	})
	defer cancel()
	// Output:
}
