package domain

import (
	"cmp"

	"github.com/go-json-experiment/json/jsontext"
)

// Status says whether an experiment is evaluated.
type Status string

const (
	Active   Status = "active"
	Inactive Status = "inactive"
)

// HashKind is how units are hashed; it never changes.
type HashKind string

const (
	// XXH3 is Assay's own assignment hash.
	XXH3 HashKind = "xxh3"
	// GB2 is GrowthBook's hashVersion 2.
	GB2 HashKind = "gb2"
)

// Experiment is a question with variations, a split, an audience and a status:
// the document that events, tables, Redis and SDKs all share.
type Experiment struct {
	Header
	Status Status `json:"status"`
	// Phase counts analysis periods from 1.
	Phase int `json:"phase"`
	// EverActive experiments must say which phase a change belongs to.
	EverActive bool     `json:"ever_active,omitzero"`
	Hash       HashKind `json:"hash"`
	// Pending is what of the schedule is still to come: neither carried out nor
	// overtaken by a change of status after its time.
	Pending *Schedule `json:"pending,omitempty"`
	Settings
	Split []SplitRange `json:"split"`
}

// Settings are what an administrator sets and may change.
type Settings struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Hypothesis  string   `json:"hypothesis"`
	Owner       string   `json:"owner"`
	Tags        []string `json:"tags"`
	UnitType    string   `json:"unit_type"`
	Salt        string   `json:"salt"`
	// Variations, the control first.
	Variations []Variation `json:"variations"`
	// TrafficPPM is the share of units that take part, in parts per million.
	TrafficPPM    int               `json:"traffic_ppm"`
	Layer         *LayerShare       `json:"layer,omitempty"`
	Audience      jsontext.Value    `json:"audience"`
	Overrides     map[string]string `json:"overrides"`
	Prerequisites []Prerequisite    `json:"prerequisites"`
	Metrics       []MetricUse       `json:"metrics"`
	Analysis      Analysis          `json:"analysis"`
	Schedule      *Schedule         `json:"schedule,omitempty"`
}

// Variation is one arm. Weight is relative to the others'.
type Variation struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	// Value is any JSON, null too.
	Value  jsontext.Value `json:"value"`
	Weight int            `json:"weight"`
}

// LayerShare is an experiment's part of a layer. Ordered layers have no slots.
type LayerShare struct {
	Key   string  `json:"key"`
	Slots []Range `json:"slots,omitempty"`
	// SharePPM asks for that many slots, wherever they are free; it is never
	// stored.
	SharePPM *int `json:"share_ppm,omitempty"`
}

// Prerequisite admits only units that another experiment gave one of the
// variations.
type Prerequisite struct {
	Experiment string   `json:"experiment"`
	Variations []string `json:"variations"`
}

// MetricUse is a metric's part in an experiment's decision.
type MetricUse struct {
	Metric string `json:"metric"`
	Role   string `json:"role"`
}

// defaultSettings is what an experiment has where its creator said nothing.
func defaultSettings(h Header) Settings {
	return Settings{
		Tags:     []string{},
		UnitType: "user_id",
		Salt:     h.ID.String(),
		Variations: []Variation{
			{Key: "control", Name: "Control", Value: jsontext.Value("false"), Weight: 1},
			{Key: "treatment", Name: "Treatment", Value: jsontext.Value("true"), Weight: 1},
		},
		TrafficPPM:    Slots,
		Audience:      jsontext.Value("{}"),
		Overrides:     map[string]string{},
		Prerequisites: []Prerequisite{},
		Metrics:       []MetricUse{},
		Analysis:      Analysis{Method: "sequential", Alpha: 0.05, Correction: "holm"},
	}
}

// normalize gives absent members their one form, so that equal settings have
// equal bytes. A variation that was there before keeps its name and value where
// nothing is said of them.
func (s *Settings) normalize(before *Settings) {
	if s.Tags == nil {
		s.Tags = []string{}
	}
	for i := range s.Variations {
		v := &s.Variations[i]
		if j := before.variation(v.Key); j >= 0 {
			v.Name = cmp.Or(v.Name, before.Variations[j].Name)
			if len(v.Value) == 0 {
				v.Value = before.Variations[j].Value.Clone()
			}
		}
		if v.Name == "" {
			v.Name = v.Key
		}
		if len(v.Value) == 0 {
			v.Value, _ = jsontext.AppendQuote(nil, v.Key)
		}
		_ = v.Value.Format() // it was read as JSON: it cannot be malformed
	}
	if len(s.Audience) == 0 {
		s.Audience = jsontext.Value("{}")
	}
	if s.Overrides == nil {
		s.Overrides = map[string]string{}
	}
	if s.Prerequisites == nil {
		s.Prerequisites = []Prerequisite{}
	}
	if s.Metrics == nil {
		s.Metrics = []MetricUse{}
	}
	s.Analysis.normalize()
	s.Schedule = s.Schedule.normalize()
}

// variation returns the index of the variation with that key, or -1.
func (s *Settings) variation(key string) int {
	for i := range s.Variations {
		if s.Variations[i].Key == key {
			return i
		}
	}
	return -1
}
