package queries

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// KeyUse says when a key was used. It is kept beside the ledger, and comes to it a
// second or two late.
type KeyUse struct {
	KeyID uuid.UUID `json:"key_id"`
	First time.Time `json:"first_seen_at"`
	Last  time.Time `json:"last_seen_at"`
	// SeenBy is the program that saw the last use: control or edge.
	SeenBy string `json:"seen_by"`
}

// KeyUses lists the keys that were ever used, the newest keys first.
func (s *Service) KeyUses(ctx context.Context, limit int, from string) (Page[KeyUse], error) {
	limit, err := bound(limit)
	if err != nil {
		return Page[KeyUse]{}, err
	}
	const list = "key uses"
	at, err := parseCursor(list, from)
	if err != nil {
		return Page[KeyUse]{}, err
	}
	var before *uuid.UUID
	if at != nil {
		before = &at.id
	}
	page := Page[KeyUse]{Items: []KeyUse{}}
	err = s.postgres.read(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, `select key_id, first_seen_at, last_seen_at, seen_by from key_uses
			where $1::uuid is null or key_id < $1 order by key_id desc limit $2`, before, limit+1)
		if err != nil {
			return err
		}
		page.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (u KeyUse, err error) {
			err = row.Scan(&u.KeyID, &u.First, &u.Last, &u.SeenBy)
			u.First, u.Last = u.First.UTC(), u.Last.UTC()
			return u, err
		})
		return err
	})
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.NextCursor = cursor{id: page.Items[limit-1].KeyID}.encode(list)
	}
	return page, err
}
