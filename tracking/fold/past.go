package fold

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/tracking"
	"github.com/assaylabs/assay/tracking/derive"
	"github.com/assaylabs/assay/tracking/tally"
)

// Deriver says what the ledger says of exposures, in their order. derive.Deriver
// is one.
type Deriver interface {
	Derive(ctx context.Context, exposures []derive.Exposure) ([]tracking.Verdict, error)
}

// Past tells how phases stood at earlier positions. It may be used by many
// goroutines.
type Past struct {
	Pool    *pgxpool.Pool
	Store   *eventstore.Store
	Deriver Deriver
}

// Plan is how a phase is counted as the ledger stood at a position: by the
// experiment as its last record in that phase left it, and by the definitions of
// metrics and the members of segments at the position. It is domain.ErrNotFound
// where there was no such experiment or phase yet. The same position gives the
// same plan for ever.
func (p *Past) Plan(ctx context.Context, position int64, experiment uuid.UUID, phase int) (tally.Plan, error) {
	return tally.Plan{}, errors.ErrUnsupported
}

// Recount counts by a plan what was tracked up to a batch, from the events as
// they came: what Read returns with that plan at that batch, to the last bit. It
// takes as long as it takes to sort all events; ctx bounds it. Beyond the last
// batch it is domain.ErrNotFound.
func (p *Past) Recount(ctx context.Context, plan tally.Plan, batch int64) (map[tally.CellKey]tally.Cell, error) {
	return nil, errors.ErrUnsupported
}
