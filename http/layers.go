package httpapi

import "github.com/assaylabs/assay/domain"

func layers() resource {
	return resource{
		kind: domain.KindLayer, path: "/layers", tag: "Layers", noun: "layer", plural: "layers",
		schema: "Layer", reader: domain.Viewer, editor: domain.Editor, bodyLimit: maxBody,
		doc:    "A mutually exclusive group of experiments: random gives each slots of its own, ordered gives a unit to the first that takes it.",
		create: `{"name":"Checkout","mode":"random"}`,
		patch:  `{"description":"Everything on the checkout page"}`,
		example: `{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b20","key":"checkout","version":1,"position":7,"created_at":"2026-01-05T09:00:00.000001Z","updated_at":"2026-01-05T09:00:00.000001Z",
"name":"Checkout","description":"","mode":"random","unit_type":"user_id","salt":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b20","order":[],
"occupancy":[{"experiment":"checkout-button","from":0,"to":250000}],"free_ppm":750000}`,
	}
}

func layerSchemas() fields {
	editable := fields{
		"name": name(), "description": description(),
		"order": list("The keys of an ordered layer's experiments, first come first.", pattern("", keyRegexp)),
	}
	fixed := fields{
		"mode":      oneOf("", domain.RandomLayer, domain.OrderedLayer),
		"unit_type": unitType(),
		"salt":      text("What the layer's slots are hashed with; default the id.", 128),
	}
	return fields{
		"Layer": complete("A mutually exclusive group of experiments.", join(stamps(), editable, fixed, fields{
			"occupancy": list("What experiments hold of it, in order of slots. Not in answers of commands.", ref("Occupied")),
			"free_ppm":  ppm("What nobody holds. Not in answers of commands."),
		}), "occupancy", "free_ppm"),
		"Occupied": complete("", fields{
			"experiment": pattern("", keyRegexp), "from": slot("The first slot."), "to": slot("One after the last slot."),
		}),
		"LayerCreate": object("", join(naming(), editable, fixed, reasonFields()), "name"),
		"LayerPatch":  patch("", editable),
		"LayerList":   page("Layer", nil),
	}
}
