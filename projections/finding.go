package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// The kinds of a Finding.
const (
	// FullVerification is Verify's.
	FullVerification = "full"
	// ChainVerification is an Auditor's.
	ChainVerification = "chain"
)

// maxProblem bounds what is kept of a problem, in bytes.
const maxProblem = 1_000

// Finding is what a verification of the ledger found.
type Finding struct {
	Kind string `json:"kind"`
	// At is when it ended, by the database's clock.
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	// The ledger was checked up to Position, where it had Hash.
	Position int64       `json:"position"`
	Hash     domain.Hash `json:"-"`
	// Reread is how far an Auditor has come in reading old records again.
	Reread int64 `json:"reread,omitzero"`
	OK     bool  `json:"ok"`
	// FirstBad is the first record that is not what was appended; 0 for none.
	FirstBad   int64   `json:"first_bad_position,omitzero"`
	Problem    string  `json:"problem,omitzero"`
	Mismatches int     `json:"mismatches"`
	Redacted   []int64 `json:"redacted"`
	By         string  `json:"by"`
}

// Finding is what is kept of a verification that took so long.
func (v Verification) Finding(took time.Duration, redacted []int64, by string) (Finding, error) {
	f := Finding{
		Kind: FullVerification, Seconds: took.Seconds(), OK: v.OK(), Problem: v.Problem,
		Mismatches: len(v.Mismatches), Redacted: redacted, By: by,
	}
	if v.Bad {
		f.FirstBad = v.FirstBad
	} else if len(v.Mismatches) > 0 {
		f.Problem = v.Mismatches[0]
	}
	var err error
	f.Position, f.Hash, err = domain.ParseCheckpoint(v.Checkpoint)
	return f, err
}

// execer writes to a connection or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Keep adds a finding to those that are kept.
func (f Finding) Keep(ctx context.Context, db execer) error {
	var firstBad *int64
	if f.FirstBad != 0 {
		firstBad = &f.FirstBad
	}
	if f.Redacted == nil {
		f.Redacted = []int64{}
	}
	_, err := db.Exec(ctx, `insert into verifications
			(kind, seconds, position, hash, reread, ok, first_bad, problem, mismatches, redacted, made_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		f.Kind, f.Seconds, f.Position, f.Hash[:], f.Reread, f.OK, firstBad, clip(f.Problem), f.Mismatches, f.Redacted, f.By)
	if err != nil {
		return fmt.Errorf("keep what was found: %w", err)
	}
	return nil
}

// clip shortens a text to what is kept, between characters.
func clip(s string) string {
	for i := range s {
		if i > maxProblem {
			return s[:i] + "…"
		}
	}
	return s
}

const selectFindings = `select kind, at, seconds, position, hash, reread, ok, coalesce(first_bad, 0), problem, mismatches, redacted, made_by
	from verifications `

// Findings reads the last findings, newest first.
func Findings(ctx context.Context, q eventstore.Querier, limit int) ([]Finding, error) {
	rows, err := q.Query(ctx, selectFindings+`order by id desc limit $1`, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanFinding)
}

// LastFindings reads the last finding of each kind.
func LastFindings(ctx context.Context, q eventstore.Querier) (map[string]Finding, error) {
	last := map[string]Finding{}
	for _, kind := range [...]string{FullVerification, ChainVerification} {
		rows, err := q.Query(ctx, selectFindings+`where kind = $1 order by id desc limit 1`, kind)
		if err != nil {
			return nil, err
		}
		found, err := pgx.CollectRows(rows, scanFinding)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			last[kind] = f
		}
	}
	return last, nil
}

func scanFinding(row pgx.CollectableRow) (f Finding, err error) {
	var hash []byte
	err = row.Scan(&f.Kind, &f.At, &f.Seconds, &f.Position, &hash, &f.Reread, &f.OK, &f.FirstBad, &f.Problem, &f.Mismatches, &f.Redacted, &f.By)
	copy(f.Hash[:], hash)
	f.At = f.At.UTC()
	return f, err
}
