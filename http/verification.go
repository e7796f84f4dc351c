package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

const (
	followingExample = `{"from_position":40,"position":42,"state":"up","read_at":"2026-01-06T12:00:00.5Z"}`

	fullExample  = `{"kind":"full","at":"2026-01-06T03:00:01.2Z","seconds":1.2,"position":40,"ok":true,"mismatches":0,"redacted":[],"by":"assay verify host-1b2c3d4e"}`
	chainExample = `{"kind":"chain","at":"2026-01-06T11:59:30.1Z","seconds":0.02,"position":42,"reread":42,"ok":true,"mismatches":0,"redacted":[],"by":"host-5a6b7c8d"}`
)

func verificationRoute() route {
	return route{
		method: http.MethodGet, path: "/ledger/verification", id: "read-verification", tag: "Ledger",
		summary: "Read what verifications of the ledger found",
		doc: "full is assay verify, which derives everything again. chain is what servers do by themselves once a minute: " +
			"they check what is new, and old records again in turn. following is what the server that answers has checked as it read.",
		role: domain.Viewer, waits: true, query: limitParams()[:1],
		ok: success{
			status: http.StatusOK, schema: "Verifications",
			example: `{"following":` + followingExample + `,"full":` + fullExample + `,"chain":` + chainExample + `,"items":[` + chainExample + `,` + fullExample + `]}`,
		},
		handle: (*api).readVerification,
	}
}

func verificationSchemas() fields {
	return fields{
		"Verifications": complete("", fields{
			"following": ref("Following"), "full": orNull(ref("Finding")), "chain": orNull(ref("Finding")),
			"items": list("The last of both kinds, newest first.", ref("Finding")),
		}),
		"Following": complete("What one server has checked as it read.", fields{
			"from_position": count("Records after this one were checked.", 0),
			"position":      count("Up to this one.", 0),
			"state":         oneOf("", queries.Up, queries.Loading, queries.Stopped),
			"read_at":       format("When the ledger was last read to its end.", "date-time"),
		}),
		"Finding": complete("What one verification found.", fields{
			"kind":               oneOf("", "full", "chain"),
			"at":                 format("When it ended.", "date-time"),
			"seconds":            number("How long it took."),
			"position":           count("The ledger was checked up to here, from the first record on.", 0),
			"reread":             count("Of chain: up to here old records have been read again in this turn.", 0),
			"ok":                 boolean("Whether all was as it was appended."),
			"first_bad_position": count("The first record that is not, if any.", 0),
			"problem":            text("What is wrong.", 2_000),
			"mismatches":         count("Rows of read models that differ from the ledger.", 0),
			"redacted":           list("Records whose data was known to have been redacted.", count("", 0)),
			"by":                 text("Who verified.", 200),
		}, "reread", "first_bad_position", "problem"),
	}
}

func (a *api) readVerification(ctx context.Context, in *input) (answer, error) {
	limit, err := in.whole("limit", 1, maxLimit, defaultLimit)
	if err != nil {
		return answer{}, err
	}
	got, err := a.queries.Verifications(ctx, int(limit))
	if err != nil {
		return answer{}, err
	}
	return encoded(got)
}
