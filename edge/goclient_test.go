package edge

import (
	"testing"

	"github.com/open-feature/go-sdk-contrib/providers/ofrep"
	"github.com/open-feature/go-sdk/openfeature"

	"github.com/assaylabs/assay/domain"
)

// The OFREP provider for Go, as it comes: values, reasons, metadata and errors.
func TestGoProvider(t *testing.T) {
	s := newStack(t, Config{})
	provider := ofrep.NewProvider(s.url, ofrep.WithBearerToken(s.tokens[domain.Server]))
	if err := openfeature.SetNamedProviderAndWait(t.Name(), provider); err != nil {
		t.Fatal(err)
	}
	client := openfeature.NewClient(t.Name())
	in := openfeature.NewEvaluationContext("u1", map[string]any{"country": "US", "company_id": 42})
	out := openfeature.NewEvaluationContext("u1", map[string]any{"country": "DE"})

	on, err := client.BooleanValueDetails(t.Context(), "banner", false, in)
	if err != nil || !on.Value || on.Reason != "SPLIT" || on.Variant != "treatment" ||
		on.FlagMetadata["assayReason"] != "SPLIT" || on.FlagMetadata["version"] != 3.0 {
		t.Errorf("got %+v %v", on, err)
	}
	// Who is not in the experiment gets the code's default: this provider takes
	// DISABLED so, whatever value comes with it.
	off, err := client.BooleanValueDetails(t.Context(), "banner", false, out)
	if err != nil || off.Value || off.Reason != openfeature.DisabledReason || off.Variant != "" || off.FlagMetadata["assayReason"] != "AUDIENCE" {
		t.Errorf("got %+v %v", off, err)
	}
	vip, err := client.BooleanValueDetails(t.Context(), "button", false, openfeature.NewEvaluationContext("vip", nil))
	if err != nil || !vip.Value || vip.Reason != openfeature.TargetingMatchReason {
		t.Errorf("got %+v %v", vip, err)
	}
	text, err := client.StringValueDetails(t.Context(), "text", "c", in)
	if err != nil || text.Value != "b" {
		t.Errorf("got %+v %v", text, err)
	}
	list, err := client.ObjectValueDetails(t.Context(), "price", nil, in)
	if values, ok := list.Value.([]any); err != nil || !ok || len(values) != 2 || values[1] != "x" {
		t.Errorf("got %+v %v", list, err)
	}
	company, err := client.BooleanValueDetails(t.Context(), "company", false, in)
	if err != nil || !company.Value {
		t.Errorf("got %+v %v", company, err)
	}
	none, err := client.BooleanValueDetails(t.Context(), "button", false, openfeature.NewTargetlessEvaluationContext(nil))
	if err != nil || none.Value || none.FlagMetadata["assayReason"] != "NO_UNIT" {
		t.Errorf("got %+v %v", none, err)
	}
	if got, err := client.BooleanValueDetails(t.Context(), "nope", true, in); err == nil || !got.Value || got.ErrorCode != openfeature.FlagNotFoundCode {
		t.Errorf("got %+v %v", got, err)
	}
	if got, err := client.StringValueDetails(t.Context(), "banner", "d", in); err == nil || got.Value != "d" || got.ErrorCode != openfeature.TypeMismatchCode {
		t.Errorf("got %+v %v", got, err)
	}
	s.show(t, demo(2, experiment("banner-2", `"status":"inactive"`)))
	if got, err := client.BooleanValueDetails(t.Context(), "banner-2", false, in); err != nil || got.Value || got.FlagMetadata["assayReason"] != "INACTIVE" {
		t.Errorf("got %+v %v", got, err)
	}
	s.show(t, demo(3, experiment("banner-2")))
	if got, err := client.BooleanValueDetails(t.Context(), "banner-2", false, in); err != nil || !got.Value {
		t.Errorf("got %+v %v", got, err)
	}
}

func TestGoProviderIsToldWhatIsWrong(t *testing.T) {
	s := newStack(t, Config{RateLimit: RateLimit{PerSecond: 0.1, Burst: 1}})
	for name, tt := range map[string]struct {
		token string
		code  openfeature.ErrorCode
	}{
		"wrong token": {"wrong", openfeature.GeneralCode},
		"too many":    {s.tokens[domain.Client], openfeature.GeneralCode},
	} {
		provider := ofrep.NewProvider(s.url, ofrep.WithBearerToken(tt.token))
		if err := openfeature.SetNamedProviderAndWait(t.Name()+name, provider); err != nil {
			t.Fatal(err)
		}
		client := openfeature.NewClient(t.Name() + name)
		var got openfeature.BooleanEvaluationDetails
		for range 2 {
			got, _ = client.BooleanValueDetails(t.Context(), "button", false, openfeature.NewEvaluationContext("u1", nil))
		}
		if got.Value || got.ErrorCode != tt.code || got.ErrorMessage == "" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
