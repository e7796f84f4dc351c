package queries

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assaylabs/assay/projections"
)

// Verifications says how far the ledger was proven to be what was appended.
type Verifications struct {
	Following Following `json:"following"`
	// Full and Chain are the last of each kind; nil where there is none.
	Full  *projections.Finding `json:"full"`
	Chain *projections.Finding `json:"chain"`
	// Items are the last of both, newest first.
	Items []projections.Finding `json:"items"`
}

// Following is what this process itself has checked as it read.
type Following struct {
	// Records after FromPosition, up to Position, were seen to follow from each
	// other.
	FromPosition int64  `json:"from_position"`
	Position     int64  `json:"position"`
	State        string `json:"state"`
	// ReadAt is when the ledger was last read to its end.
	ReadAt time.Time `json:"read_at"`
}

// Verifications reads the last findings.
func (s *Service) Verifications(ctx context.Context, limit int) (Verifications, error) {
	limit, err := bound(limit)
	if err != nil {
		return Verifications{}, err
	}
	v := Verifications{Following: s.following()}
	err = s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		if v.Items, err = projections.Findings(ctx, pool, limit); err != nil {
			return err
		}
		last, err := projections.LastFindings(ctx, pool)
		v.Full, v.Chain = findingOf(last, projections.FullVerification), findingOf(last, projections.ChainVerification)
		return err
	})
	return v, err
}

func findingOf(last map[string]projections.Finding, kind string) *projections.Finding {
	f, ok := last[kind]
	if !ok {
		return nil
	}
	return &f
}

func (s *Service) following() Following {
	from, to := s.follower.Checked()
	state := s.memoryHealth(s.known()).State
	return Following{FromPosition: from, Position: to, State: state, ReadAt: s.follower.ReadAt().UTC()}
}
