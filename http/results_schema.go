package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/assaylabs/assay/domain"
)

func resultsSchemas() fields {
	maybe := func(doc string) *huma.Schema { return orNull(number(doc)) }
	variation := func(doc string) *huma.Schema { return text(doc, 128) }
	role, goal := oneOf("", "primary", "secondary", "guardrail"), oneOf("", "increase", "decrease")
	interval := orNull(list("Lower and upper end at the level alpha; null is open.", orNull(number(""))))
	comparison := fields{
		"variation": variation(""), "units": count("", 0),
		"mean": maybe("By unit, or the ratio of totals, or the quantile."), "std_error": maybe("Of the mean."),
		"effect": maybe("The difference from the control's mean. Null on the control, as all that follows."), "effect_ci": interval,
		"effect_error": maybe("The effect's standard error; with CUPED it is that of the adjusted effect."),
		"lift":         maybe("The same over the control's mean."), "lift_ci": interval,
		"p_value": maybe("Of the effect, two-sided."), "log10_p": maybe("Its logarithm, which tells where it is 0."),
		"p_adjusted":     maybe("Corrected for the other comparisons of the metric's role; null where there is no correction to make."),
		"level":          maybe("Of the intervals, which exclude 0 when p_adjusted is below alpha."),
		"chance_to_win":  maybe("Probability that it is better than the control."),
		"expected_loss":  maybe("What is lost on average, in the metric's unit, if it is chosen and is worse."),
		"significant":    boolean("Whether the interval excludes no effect."),
		"status":         text("ok, or why numbers are null.", 40),
		"flags":          list("What to know before trusting the numbers.", text("", 40)),
		"cuped_variance": maybe("The share of variance that CUPED took away; absent without CUPED."),
	}
	return join(resultsParts(interval), fields{
		"Results": complete("What a phase of an experiment has shown. Numbers that there are not are null.", fields{
			"as_of":      pattern("The ledger's position and the tracking position: asked for by it, the results are the same for ever.", `^[0-9]+\.[0-9]+$`),
			"hash":       pattern("SHA-256 of this document with this member empty.", `^[0-9a-f]{64}$`),
			"algorithm":  text("The version of the formulas.", 40),
			"experiment": ref("ResultsExperiment"), "phase": count("", 1), "plan": ref("ResultsPlan"),
			"method": oneOf("", "sequential", "fixed", "bayesian"), "test": ref("ResultsTest"), "alpha": number(""),
			"correction": oneOf("", "none", "holm", "benjamini-hochberg"),
			"since":      orNull(format("The first day (UTC) on which something counted.", "date")),
			"through":    orNull(format("The last one.", "date")),
			"days":       count("How many that are.", 0),
			"verdict":    ref("Verdict"), "metrics": list("", ref("MetricResult")),
			"srm": ref("SRM"), "quality": ref("Quality"), "breakdown": ref("Breakdown"),
		}, "breakdown"),
		"MetricResult": complete("The variations by one metric.", fields{
			"metric": pattern("", keyRegexp), "name": text("", domain.MaxName),
			"kind": text("", 20), "goal": goal, "role": role,
			"added":      boolean("Present on a metric that came after the rule was fixed: the verdict does not look at it."),
			"variations": list("The control first.", ref("VariationResult")),
			"power":      orNull(ref("PowerResult")),
			"series":     list("Cumulative: each day holds all up to its end.", ref("SeriesDay")),
		}, "added", "series"),
		"VariationResult": complete("One variation, compared with the control.", comparison, "cuped_variance"),
	})
}

func resultsParts(interval *huma.Schema) fields {
	maybe := func(doc string) *huma.Schema { return orNull(number(doc)) }
	return fields{
		"ResultsExperiment": complete("", fields{
			"id": format("", "uuid"), "key": pattern("", keyRegexp), "name": text("", domain.MaxName),
			"variations": list("The control first.", text("", 128)),
		}),
		"ResultsPlan": complete("The rule that the verdict follows, and how units are counted.", fields{
			"fixed_at":      orNull(ref("FixedAt")),
			"changed_since": list("Pointers to what of analysis and metrics has changed since then.", text("", 300)),
			"min_days":      count("", 0), "max_days": count("", 0), "mde": number(""), "power": number(""),
			"guardrail_margin": number(""), "srm_alpha": number(""),
			"dimensions": list("", text("", 64)), "exclude": list("", text("", 128)),
		}),
		"ResultsTest": complete("How intervals and p-values are to be read.", fields{
			"label": text("The test in words: group sequential, look 3 of 14.", 100),
			"look":  orNull(ref("ResultsLook")), "prior": orNull(ref("Prior")),
		}),
		"ResultsLook": complete("The last look of a planned end: metrics and series are those of its day's end.", fields{
			"number": count("0 before the first: then nothing is claimed.", 0), "of": count("", 1),
			"through": orNull(format("The last day that is part of it.", "date")), "alpha_spent": number("The part of alpha that looks up to here may use."),
		}),
		"FixedAt": complete("The record that first made the phase active.", fields{
			"position": count("", 1), "version": count("", 1), "at": format("", "date-time"),
		}),
		"Verdict": complete("What to do.", fields{
			"code": text("The reason, for programs.", 40), "text": text("The same in words.", 500),
			"variation": text("The variation that decides.", 128), "metric": text("The metric that decides.", 128),
			"days_left": count("At the present rate.", 0),
		}, "variation", "metric", "days_left"),
		"PowerResult": complete("How far a metric is from finding the effect worth having, in its least certain comparison.", fields{
			"reached": maybe("The power by now."), "mde": maybe("The relative effect found with the power wanted by now."),
			"units": maybe("Still to come, in all variations."), "days_left": orNull(count("For them, at the present rate.", 0)),
		}),
		"SeriesDay": complete("", fields{"date": format("", "date"), "variations": list("The control first.", ref("SeriesVariation"))}),
		"SeriesVariation": complete("", fields{
			"units": count("", 0), "mean": maybe(""), "lift": maybe(""), "lift_ci": interval,
		}),
		"SRM": complete("Whether units came to the variations as the split says.", fields{
			"verdict": oneOf("mismatch: traffic is broken; leak: a variation without a share has units.", "ok", "mismatch", "leak", "no_data"),
			"p_value": maybe("Of the sequential test, which may be looked at every day."), "log10_p": maybe(""),
			"epochs": list("For each split of the phase.", ref("SRMEpoch")),
		}),
		"SRMEpoch": complete("", fields{
			"epoch": count("", 0), "variations": list("", ref("SRMVariation")),
			"chi_square": maybe("Pearson's test, right for one look."), "df": count("", 0), "p_value": maybe(""),
		}),
		"SRMVariation": complete("", fields{"variation": text("", 128), "observed": count("Units.", 0), "expected": number("")}),
		"Quality": complete("What was left out.", fields{
			"crossovers": count("Units that saw two variations.", 0), "excluded": count("Units of the segments left out.", 0),
			"bots":            count("Units with over 10,000 events.", 0),
			"disagreements":   count("Exposures to a variation that the ledger does not give.", 0),
			"overridden":      count("Exposures of units whose variation was set by hand.", 0),
			"wide_dimensions": list("Present when there are any: dimensions of over 1,000 values, by which nothing is counted any more. Their breakdown is empty.", text("", 64)),
		}, "wide_dimensions"),
		"Breakdown": complete("The metrics by the values of an attribute. It explores: nothing is corrected, and no verdict follows.", fields{
			"dimension": text("", 64), "values": list("The 100 with most units, then all others together as (other).", ref("BreakdownValue")), "more": count("How many values the others are.", 0),
		}),
		"BreakdownValue": complete("", fields{"value": text("", 200), "metrics": list("", ref("MetricResult"))}),
	}
}

const resultsExample = `{"as_of":"42.17","hash":"92b1031886254ae20dc9e6f1e332a022d5b1f9b0baa263c3b5f1d6b0b6000f31","algorithm":"assay-stats/2",
"experiment":{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b10","key":"checkout-button","name":"Checkout button","variations":["control","treatment"]},
"phase":1,"plan":{"fixed_at":{"position":41,"version":2,"at":"2026-02-28T10:30:00.000002Z"},"changed_since":[],"min_days":0,"max_days":0,"mde":0.05,
"power":0.8,"guardrail_margin":0.05,"srm_alpha":0.001,"dimensions":["country"],"exclude":[]},"method":"sequential",
"test":{"label":"always-valid confidence sequence","look":null,"prior":null},"alpha":0.05,"correction":"holm",
"since":"2026-03-01","through":"2026-03-02","days":2,"verdict":{"code":"ship_treatment","text":"ship treatment","variation":"treatment",
"metric":"purchase-rate"},"metrics":[{"metric":"purchase-rate","name":"Purchase rate","kind":"conversion","goal":"increase","role":"primary",
"variations":[{"variation":"control","units":8000,"mean":0.1,"std_error":0.00335410196625,"effect":null,"effect_error":null,"effect_ci":null,
"lift":null,"lift_ci":null,"p_value":null,"log10_p":null,"p_adjusted":null,"level":null,"chance_to_win":null,"expected_loss":null,"significant":false,
"status":"ok","flags":[]},{"variation":"treatment","units":8000,"mean":0.13,"std_error":0.0037599867021,"effect":0.03,"effect_error":0.00503860099631,
"effect_ci":[0.0143645156637,0.0456354843363],"lift":0.3,"lift_ci":[0.134031848205,0.494442845671],"p_value":2.01568368168e-7,"log10_p":-6.69557762008,
"p_adjusted":2.01568368168e-7,"level":0.05,"chance_to_win":0.999999998692,"expected_loss":1.05184561326e-12,"significant":true,"status":"ok",
"flags":[]}],"power":{"reached":0.017415772215,"mde":0.198760779223,"units":289301,"days_left":37},"series":[{"date":"2026-03-01",
"variations":[{"units":4000,"mean":0.1,"lift":null,"lift_ci":null},{"units":4000,"mean":0.13,"lift":0.3,"lift_ci":[0.0754452157966,0.580041185326]}]},
{"date":"2026-03-02","variations":[{"units":8000,"mean":0.1,"lift":null,"lift_ci":null},{"units":8000,"mean":0.13,"lift":0.3,
"lift_ci":[0.134031848205,0.494442845671]}]}]}],"srm":{"verdict":"ok","p_value":1,"log10_p":0,"epochs":[{"epoch":0,"variations":[{"variation":"control",
"observed":8000,"expected":8000},{"variation":"treatment","observed":8000,"expected":8000}],"chi_square":0,"df":1,"p_value":1}]},
"quality":{"crossovers":0,"excluded":0,"bots":0,"disagreements":0,"overridden":0}}`
