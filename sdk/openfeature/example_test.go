package openfeature_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/assaylabs/assay/sdk"
	assay "github.com/assaylabs/assay/sdk/openfeature"
)

func Example() {
	ctx := context.Background()
	client, err := sdk.New(ctx, sdk.Config{File: "../testdata/snapshot.json", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := openfeature.SetProviderAndWait(assay.NewProvider(client)); err != nil {
		log.Fatal(err)
	}
	defer openfeature.Shutdown()

	flags := openfeature.NewDefaultClient()
	user := openfeature.NewEvaluationContext("u1", map[string]any{"country": "US"})
	d, err := flags.BooleanValueDetails(ctx, "checkout-button", false, user)
	fmt.Println(d.Value, d.Variant, d.Reason, err)
	// Output: true treatment SPLIT <nil>
}
