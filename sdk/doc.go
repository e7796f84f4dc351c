// Package sdk evaluates Assay's experiments inside a Go program: from a snapshot
// in memory that a stream keeps fresh, in well under a microsecond, whether or
// not the server can be reached. Begin with [New]:
//
//	client, err := sdk.New(ctx, sdk.Config{URL: "https://assay.example.com", Token: token})
//	if err != nil {
//		return err // the configuration is wrong
//	}
//	defer client.Close()
//
//	if client.Bool("checkout-button", sdk.Unit{ID: userID}, false) {
//		…
//	}
//
// Asking for a variation is what counts a unit as exposed to it: ask when it is
// shown, with [Client.Peek] otherwise. Exposures, and what units then did
// ([Client.Track]), go to the server in batches, each exactly once.
//
// Package sdktest has clients for tests, package openfeature a provider for
// OpenFeature.
package sdk
