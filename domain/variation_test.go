package domain

import "testing"

// A merge patch replaces lists whole, so a patch of weights names every
// variation again; it need not repeat what else they are.
func TestAPatchOfWeightsKeepsNamesAndValues(t *testing.T) {
	for name, tt := range map[string]struct{ patch, want string }{
		"weights alone": {
			`{"variations":[{"key":"control","weight":9},{"key":"treatment","weight":1}]}`,
			`[{"key":"control","name":"Old","value":{"size":1},"weight":9},{"key":"treatment","name":"New","value":null,"weight":1}]`,
		},
		"another order": {
			`{"variations":[{"key":"treatment","weight":1},{"key":"control","weight":1}]}`,
			`[{"key":"treatment","name":"New","value":null,"weight":1},{"key":"control","name":"Old","value":{"size":1},"weight":1}]`,
		},
		"a value of its own": {
			`{"variations":[{"key":"control","weight":1,"value":false},{"key":"treatment","weight":1,"name":"Newer"}]}`,
			`[{"key":"control","name":"Old","value":false,"weight":1},{"key":"treatment","name":"Newer","value":null,"weight":1}]`,
		},
		"a new one": {
			`{"variations":[{"key":"control","weight":1},{"key":"third","weight":1}]}`,
			`[{"key":"control","name":"Old","value":{"size":1},"weight":1},{"key":"third","name":"third","value":"third","weight":1}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newLedger()
			e := c.create(t, `{"name":"E","variations":[{"key":"control","name":"Old","value":{"size":1},"weight":1},{"key":"treatment","name":"New","value":null,"weight":1}]}`)
			changes, err := c.EditExperiment(e, []byte(tt.patch))
			if err != nil || len(changes) > 1 {
				t.Fatal(changes, err)
			}
			got := e.Variations
			if len(changes) == 1 {
				got = changes[0].Event.(Changed[Experiment]).After.Variations
			}
			if doc, err := Encode(got); err != nil || string(doc) != tt.want {
				t.Errorf("got %s, want %s, %v", doc, tt.want, err)
			}
		})
	}
}
