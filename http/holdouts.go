package httpapi

import "github.com/assaylabs/assay/domain"

func holdouts() resource {
	return resource{
		kind: domain.KindHoldout, path: "/holdouts", tag: "Holdouts", noun: "holdout", plural: "holdouts",
		schema: "Holdout", reader: domain.Viewer, editor: domain.Editor, bodyLimit: maxBody,
		doc:    "Keeps a share of units out of the experiments in its scope; without tags and experiments that is all of them.",
		create: `{"name":"Nobody 2026","share_ppm":10000}`,
		patch:  `{"tags":["checkout"]}`,
		example: `{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b40","key":"nobody-2026","version":1,"position":9,"created_at":"2026-01-05T09:00:00.000001Z","updated_at":"2026-01-05T09:00:00.000001Z",
"name":"Nobody 2026","description":"","unit_type":"user_id","salt":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b40","share_ppm":10000,"tags":[],"experiments":[]}`,
	}
}

func holdoutSchemas() fields {
	editable := fields{
		"name": name(), "description": description(),
		"share_ppm":   ppm("The share of units held out."),
		"tags":        list("Experiments with one of these tags are in scope.", text("", 64)),
		"experiments": list("Keys of experiments in scope.", pattern("", keyRegexp)),
	}
	fixed := fields{
		"unit_type": unitType(),
		"salt":      text("What units are hashed with; default the id.", 128),
	}
	return fields{
		"Holdout":       complete("A share of units that experiments leave alone.", join(stamps(), editable, fixed)),
		"HoldoutCreate": object("", join(naming(), editable, fixed, reasonFields()), "name"),
		"HoldoutPatch":  patch("", editable),
		"HoldoutList":   page("Holdout", nil),
	}
}
