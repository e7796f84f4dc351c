package httpapi

import (
	"context"
	"net/http"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

const usageExample = `{"key_id":"01930d5e-7c1a-7cc3-9f6e-3f1d5d1a7b60","first_seen_at":"2026-01-05T09:00:00.1Z","last_seen_at":"2026-01-06T12:00:00.2Z","seen_by":"edge"}`

func systemRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/system", id: "read-system", tag: operationsTag,
			summary: "Read how the whole installation is",
			doc: "Servers and edges announce themselves every five seconds, and are forgotten after five minutes of silence; the server that answers is as of now. " +
				"It answers within a second whatever is down: source is then memory, and read_at says when all others were heard of last.",
			role:   domain.Viewer,
			ok:     success{status: http.StatusOK, schema: "System", example: systemExample},
			handle: (*api).readSystem,
		},
		{
			method: http.MethodGet, path: "/keys/usage", id: "list-key-usage", tag: "API keys",
			summary: "Read when keys were used first and last",
			doc:     "Of the keys that were ever used, the newest first. It is kept beside the ledger: a first use shows after two seconds or three, a last one after some more, and none is proof.",
			role:    domain.Admin, waits: true, query: limitParams(),
			ok:     success{status: http.StatusOK, schema: "KeyUsageList", example: `{"items":[` + usageExample + `],"next_cursor":null}`},
			handle: (*api).listKeyUsage,
		},
	}
}

const systemExample = `{"server_time":"2026-01-06T12:00:01Z","status":"ready","source":"postgres","read_at":"2026-01-06T12:00:00.5Z","head":{"position":42,"at":"2026-01-06T11:58:00Z"},
"replica":"host-5a6b7c8d","replicas":[{"id":"host-5a6b7c8d","version":"1.0.0","started_at":"2026-01-05T08:00:00Z","seen_at":"2026-01-06T12:00:01Z","position":42,"lag":0,"lag_seconds":0,
"redis":{"state":"up","position":42,"lag":0,"lag_seconds":0},"listeners":3,"rejected":{"unit":2}}],
"edges":[{"id":"edge-1b2c3d4e","version":"1.0.0","started_at":"2026-01-05T08:00:00Z","seen_at":"2026-01-06T11:59:58Z","position":42,"lag":0,"source":"redis","stale":false,"listeners":120,"rejected":{}}],
"projections":[{"name":"read_models","state":"up","position":42,"lag":0,"lag_seconds":0},{"name":"memory","state":"up","position":42,"lag":0,"lag_seconds":0,"runner":"host-5a6b7c8d"},{"name":"redis","state":"up","position":42,"lag":0,"lag_seconds":0}],
"tracking":{"position":900,"head":901,"backlog":1,"rejected":{"unit":2}},
"verification":{"following":` + followingExample + `,"full":` + fullExample + `,"chain":` + chainExample + `},
"dependencies":{"memory":{"state":"up","position":42,"lag":0},"postgres":{"state":"up","position":42,"lag":0},"redis":{"state":"up","position":42,"lag":0}}}`

func systemSchemas() fields {
	state := oneOf("", queries.Up, queries.Down, queries.Loading, queries.Stopped)
	held := fields{
		"state": state, "position": count("The ledger's position that it holds.", 0),
		"lag": count("How many records it is behind.", 0), "lag_seconds": number("For how long."),
	}
	seen := fields{
		"id": text("Its own name for itself.", 100), "version": text("The program's.", 100),
		"started_at": format("", "date-time"), "seen_at": format("When it was heard of last.", "date-time"),
		"position":  count("The ledger's position that it serves.", 0),
		"lag":       count("How many records it was behind when it was heard of last.", 0),
		"listeners": count("Of GET /stream.", 0),
		"rejected":  open("Tracked events that will never be stored, by reason, since its start.", count("", 0)),
	}
	return fields{
		"System": complete("", fields{
			"server_time":  format("", "date-time"),
			"status":       oneOf("As in GET /readyz.", queries.Ready, queries.Degraded, queries.Starting),
			"source":       oneOf("", queries.FromPostgres, queries.FromMemory),
			"read_at":      orNull(format("When the other servers and edges were read of last; null while never.", "date-time")),
			"head":         complete("The newest record that is known.", fields{"position": count("", 0), "at": orNull(format("Its time.", "date-time"))}),
			"replica":      text("The server that answers.", 100),
			"replicas":     list("Servers, by id.", ref("Replica")),
			"edges":        list("By id.", ref("Edge")),
			"projections":  list("As the server that answers knows them.", ref("Projection")),
			"tracking":     ref("TrackingStatus"),
			"verification": complete("", fields{"following": ref("Following"), "full": orNull(ref("Finding")), "chain": orNull(ref("Finding"))}),
			"dependencies": open("By name.", ref("Dependency")),
		}),
		"Replica": complete("", join(seen, fields{
			"lag_seconds": number("For how long."), "redis": complete("As it sees it.", held),
		}), "redis"),
		"Edge": complete("", join(seen, fields{
			"source": text("Where its snapshot came from.", 40), "stale": boolean("Whether nothing has confirmed it of late."),
		})),
		"Projection": complete("", join(held, fields{
			"name": oneOf("", queries.InLedger, "memory", "redis"), "runner": text("The server that keeps it, where each keeps its own.", 100),
		}), "runner"),
		"TrackingStatus": complete("What became of what was tracked, as far as is known.", fields{
			"position": orNull(count("The last batch that is counted.", 0)),
			"head":     orNull(count("The last batch that is stored.", 0)),
			"backlog":  orNull(count("Batches between them.", 0)),
			"rejected": open("Events that will never be stored, by reason, since the start of each process that is listed.", count("", 0)),
		}),
		"KeyUsage": complete("", fields{
			"key_id": format("", "uuid"), "first_seen_at": format("", "date-time"), "last_seen_at": format("", "date-time"),
			"seen_by": oneOf("The program that saw it last: assay serve, or assay-edge.", "control", "edge"),
		}),
		"KeyUsageList": page("KeyUsage", nil),
	}
}

func (a *api) readSystem(ctx context.Context, _ *input) (answer, error) {
	return encoded(a.system.Installation(ctx))
}

func (a *api) listKeyUsage(ctx context.Context, in *input) (answer, error) {
	limit, cursor, err := in.page()
	if err != nil {
		return answer{}, err
	}
	got, err := a.queries.KeyUses(ctx, limit, cursor)
	if err != nil {
		return answer{}, err
	}
	return encoded(got)
}
