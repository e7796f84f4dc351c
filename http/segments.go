package httpapi

import "github.com/assaylabs/assay/domain"

const segmentExample = `{"id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b30","key":"beta","version":2,"position":12,"created_at":"2026-01-05T09:00:00.000001Z","updated_at":"2026-01-05T09:30:00.000002Z","name":"Beta","description":"","size":2}`

func segments() resource {
	return resource{
		kind: domain.KindSegment, path: "/segments", tag: "Segments", noun: "segment", plural: "segments",
		schema: "Segment", reader: domain.Viewer, editor: domain.Editor, bodyLimit: maxBigBody,
		doc:     "A named set of unit ids that audiences refer to with $inGroup. Up to 100,000 ids here, up to 1,000,000 with PATCH /segments/{id}/members.",
		create:  `{"name":"Beta","ids":["u1","u2"]}`,
		patch:   `{"description":"Asked to see everything first"}`,
		example: segmentExample,
	}
}

func segmentSchemas() fields {
	editable := fields{"name": name(), "description": description()}
	return fields{
		"Segment": complete("A named set of unit ids.", join(stamps(), editable, fields{"size": count("How many members.", 0)})),
		"SegmentCreate": object("", join(naming(), editable, reasonFields(), fields{
			"ids": list("The first members.", text("", 1024)),
		}), "name"),
		"SegmentPatch": patch("", editable),
		"SegmentList":  page("Segment", nil),
	}
}
