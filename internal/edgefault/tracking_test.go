package edgefault

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/ledgertest"
	"github.com/assaylabs/assay/internal/localpg"
	"github.com/assaylabs/assay/internal/natstest"
	"github.com/assaylabs/assay/internal/pgtest"
	"github.com/assaylabs/assay/internal/programs"
	"github.com/assaylabs/assay/internal/redistest"
)

// With NATS, what an edge acknowledges while Postgres and the control plane are
// down is in Postgres when they are back, once, also what was sent twice.
func TestTrackingOutlivesPostgres(t *testing.T) {
	t.Parallel()
	postgres, redis, cluster := pgtest.Dedicated(t, nil), redistest.Real(t), natstest.Start(t, 1)
	ledger := ledgertest.Migrate(t, postgres.URL(localpg.Superuser, "postgres"))
	common := []string{"REDIS_URL=" + redis.URL(), "NATS_URL=" + cluster.URL()}
	control := newProcess(t, "assay", []string{"serve"}, append(common, "DATABASE_URL="+ledger.App, "MIGRATE_DATABASE_URL="+ledger.Owner)...)
	edge := newProcess(t, "assay-edge", nil, append(common, "SNAPSHOT_DIR="+t.TempDir())...)
	control.launch(t)
	if res := control.Send(http.MethodPost, "/experiments", `{"name":"x"}`); res.Status != http.StatusCreated {
		t.Fatal(res)
	}
	edge.launch(t)

	var ids []uuid.UUID
	track := func(p *process) {
		id := uuid.New()
		ids = append(ids, id)
		body := fmt.Sprintf(`{"events":[{"id":%q,"type":"event","name":"purchase","at":%q,"unit":"u1"}]}`, id, time.Now().UTC().Format(time.RFC3339))
		for range 2 {
			programs.Eventually(t, func() error {
				if res := p.Send(http.MethodPost, "/track", body); res.Status != http.StatusAccepted {
					return fmt.Errorf("track: %s", res)
				}
				return nil
			})
		}
	}
	track(control)
	track(edge)
	postgres.Kill()
	track(control)
	control.Kill()
	track(edge)
	if err := postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	control.launch(t)
	conn, err := pgx.Connect(t.Context(), ledger.Owner)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	programs.Eventually(t, func() error {
		var rows, distinct int
		err := conn.QueryRow(t.Context(), "select count(*), count(distinct id) from tracked where id = any($1)", ids).Scan(&rows, &distinct)
		if err == nil && (rows != len(ids) || distinct != len(ids)) {
			err = fmt.Errorf("%d rows of %d events, want %d", rows, distinct, len(ids))
		}
		return err
	})
}
