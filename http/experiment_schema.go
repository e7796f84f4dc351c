package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/domain"
)

// experimentSettings are the members that an administrator sets.
func experimentSettings(variation, layer, analysis, schedule *huma.Schema) fields {
	return fields{
		"name":          name(),
		"description":   description(),
		"hypothesis":    text("", domain.MaxText),
		"owner":         text("", domain.MaxName),
		"tags":          list("Up to 50.", text("", 64)),
		"unit_type":     unitType(),
		"salt":          text("What assignment hashes with the unit; default the id. Another salt deals all units anew.", 128),
		"variations":    list("2 to 64, the control first.", variation),
		"traffic_ppm":   ppm("The share of units that take part."),
		"layer":         layer,
		"audience":      open("A condition in the form of GrowthBook's SDKs; {} is everybody.", true),
		"overrides":     open("Variation keys by unit id; these units are not analysed.", &huma.Schema{Type: huma.TypeString}),
		"prerequisites": list("Experiments whose variation a unit must have.", ref("Prerequisite")),
		"metrics":       list("What decides, and what must not get worse.", ref("MetricUse")),
		"analysis":      analysis,
		"schedule":      schedule,
	}
}

func experimentSchemas() fields {
	settings := experimentSettings(ref("Variation"), ref("LayerShare"), ref("Analysis"), ref("Schedule"))
	input := experimentSettings(ref("VariationInput"), ref("LayerRequest"), ref("AnalysisInput"), ref("ScheduleInput"))
	identity := fields{"hash": oneOf("How units are hashed: xxh3, or gb2 to let GrowthBook's SDKs evaluate. Never changes.", "xxh3", "gb2")}
	status := oneOf("Whether the experiment is evaluated.", "active", "inactive")
	return join(experimentParts(), fields{
		"Experiment": complete("An experiment's whole configuration.", join(stamps(), identity, settings, fields{
			"status":      status,
			"phase":       count("Counts analysis periods from 1.", 1),
			"ever_active": boolean("Present once the experiment has been active: changes must then say which phase they belong to."),
			"split":       list("Which slots belong to which variation; derived from the weights.", ref("SplitRange")),
			"pending":     ref("Pending"),
			"deleted":     boolean("Present on a past version of an experiment that was deleted."),
		}), "ever_active", "layer", "schedule", "pending", "deleted"),
		"ExperimentCreate": object("A new experiment; the name alone is enough.",
			join(naming(), identity, input, reasonFields()), "name"),
		"ExperimentPatch": patch("A JSON merge patch (RFC 7396): members replace, null resets to the default, arrays are replaced whole.",
			join(input, fields{"phase": oneOf("Needed when weights, audience, salt or unit of an experiment change that has been active: new starts analysis afresh, same does not.", "new", "same")})),
		"StatusChange": object("", join(fields{"status": status}, reasonFields()), "status"),
		"Revert": object("", join(fields{
			"version": count("The version whose settings come back.", 1),
			"phase":   oneOf("As in a patch.", "new", "same"),
		}, reasonFields()), "version"),
		"Preview": complete("What a patch would do.", fields{
			"events":      list("What would be appended.", ref("PreviewEvent")),
			"moves":       list("The slots that would change hands.", ref("Move")),
			"slots_moved": count("Their sum.", 0),
			"experiment":  ref("Experiment"),
		}),
		"PreviewEvent": complete("", fields{
			"stream": text("", 200), "type": text("", 100), "data": open("The event.", true),
		}),
		"Move": complete("", fields{
			"from": text("The variation that gives; empty for a first split.", 128), "to": text("The variation that takes.", 128),
			"slots": count("", 0),
		}),
		"ExperimentList": page("Experiment", fields{
			"source":   oneOf("What answered.", "redis", "postgres", "memory", "ledger"),
			"position": count("The ledger's position that the list shows.", 0),
		}),
	})
}

// experimentParts are the objects that experiments are made of.
func experimentParts() fields {
	analysis := fields{
		"method":     oneOf("", "sequential", "fixed", "bayesian"),
		"alpha":      number("The level of tests, two-sided: 0.0001 to 0.5."),
		"correction": oneOf("For several metrics.", "none", "holm", "benjamini-hochberg"),
		"min_days":   whole("Days that pass before anything but harm is decided; absent is none.", 0, 366),
		"max_days":   whole("The planned length in days, when it is decided at the latest; a fixed test decides then only, a sequential one is looked at daily until then. Absent is none.", 0, 366),
		"mde":        number("The relative effect that is worth having: 0.0001 to 10, default 0.05."),
		"power":      number("The chance to find such an effect that is wanted: 0.5 to 0.9999, default 0.8."),

		"guardrail_margin": number("The relative harm to a guardrail that is put up with: 0.0001 to 1, default 0.05."),
		"srm_alpha":        number("The level of the check whether units came to the variations as the split says: 1e-9 to 0.1, default 0.001."),
		"prior":            orNull(ref("Prior")),
		"dimensions":       list("Up to 10 attributes of exposures by which results are broken down.", text("", 64)),
		"exclude":          list("Up to 16 segments whose members are left out, by key.", pattern("", keyRegexp)),
	}
	optional := []string{"min_days", "max_days", "mde", "power", "guardrail_margin", "srm_alpha", "prior", "dimensions", "exclude"}
	variation := fields{
		"key":    pattern("", `^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`),
		"name":   text("Default the key.", domain.MaxName),
		"value":  anything("Any JSON; default the key."),
		"weight": whole("Relative to the others'.", 0, 1_000_000),
	}
	schedule := fields{
		"start_at": format("When it is switched on by itself. UTC.", "date-time"),
		"stop_at":  format("When it is switched off by itself, after start_at. UTC.", "date-time"),
	}
	slots := fields{"from": slot("The first slot."), "to": slot("One after the last slot.")}
	share := fields{
		"key":   pattern("The layer's key.", keyRegexp),
		"slots": list("The slots of the layer that the experiment holds; none in an ordered layer.", ref("Range")),
	}
	return fields{
		"Prior": complete("What is thought of each lift before there is data, for method bayesian alone: a normal distribution. Absent is flat.", fields{
			"mean": number("A lift from -1 to 10; 0 expects no effect."), "sd": number("How far lifts spread around it: 0.0001 to 10, such as 0.3."),
		}),
		"Variation":      complete("One arm.", variation),
		"VariationInput": object("One arm.", variation, "key", "weight"),
		"Analysis":       complete("How results are judged.", analysis, optional...),
		"AnalysisInput":  object("How results are judged; what is absent stays as it is.", analysis),
		"Schedule":       object("When the experiment changes its status by itself, as actor scheduler.", schedule),
		"ScheduleInput":  patch("Either time may be absent; null removes one in a patch. A change of schedule needs no phase.", schedule),
		"Pending":        object("The times of the schedule still to come: neither carried out nor overtaken by a change of status after them.", schedule),
		"Range":          complete("", slots),
		"SplitRange":     complete("", join(fields{"variation": text("", 128)}, slots)),
		"LayerShare":     complete("The experiment's part of a layer.", share, "slots"),
		"LayerRequest": object("The part of a layer that an experiment asks for.", join(share, fields{
			"share_ppm": ppm("That many slots wherever they are free, instead of slots."),
		})),
		"Prerequisite": complete("", fields{
			"experiment": pattern("The other experiment's key.", keyRegexp),
			"variations": list("One of these is needed.", text("", 128)),
		}),
		"MetricUse": complete("", fields{
			"metric": pattern("The metric definition's key.", keyRegexp),
			"role":   oneOf("", "primary", "secondary", "guardrail"),
		}),
	}
}

const experimentExample = `{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","key":"checkout-button","version":3,"position":42,
"created_at":"2026-01-05T09:00:00.000001Z","updated_at":"2026-01-06T10:30:00.000002Z",
"status":"active","phase":1,"ever_active":true,"hash":"xxh3","name":"Checkout button","description":"","hypothesis":"A green button sells more.",
"owner":"growth","tags":["checkout"],"unit_type":"user_id","salt":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10",
"variations":[{"key":"control","name":"Control","value":false,"weight":1},{"key":"treatment","name":"Treatment","value":true,"weight":1}],
"traffic_ppm":1000000,"layer":{"key":"checkout","slots":[{"from":0,"to":250000}]},
"audience":{"country":{"$in":["US","CA"]}},"overrides":{"u1":"treatment"},
"prerequisites":[{"experiment":"new-checkout","variations":["treatment"]}],"metrics":[{"metric":"purchase-rate","role":"primary"}],
"analysis":{"method":"sequential","alpha":0.05,"correction":"holm"},"schedule":{"start_at":"2026-01-06T10:30:00Z","stop_at":"2026-02-03T10:30:00Z"},
"pending":{"stop_at":"2026-02-03T10:30:00Z"},
"split":[{"variation":"control","from":0,"to":500000},{"variation":"treatment","from":500000,"to":1000000}]}`
