package queries

import (
	"context"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/assaylabs/assay/domain"
)

// strays bounds how often tokens of unknown keys make this process read the
// ledger: anyone can make up such tokens.
type strays struct{ limit *rate.Limiter }

const (
	straysEvery = 100 * time.Millisecond
	straysBurst = 10
	// strayTime bounds one such read.
	strayTime = time.Second
)

func newStrays() strays {
	return strays{limit: rate.NewLimiter(rate.Every(straysEvery), straysBurst)}
}

// Authenticate returns the key that a token belongs to: domain.ErrNotFound
// where there is none, or it has expired; domain.ErrUnavailable where that
// cannot be told now. A key that another process has just made is found too.
func (s *Service) Authenticate(ctx context.Context, token string) (domain.Key, error) {
	role, id, secret, err := domain.ParseToken(token)
	if err != nil {
		return domain.Key{}, domain.ErrNotFound
	}
	key, ok := s.key(id)
	if !ok {
		if err := s.catchUp(ctx); err != nil {
			return domain.Key{}, err
		}
		if key, ok = s.key(id); !ok {
			return domain.Key{}, domain.ErrNotFound
		}
	}
	same := subtle.ConstantTimeCompare([]byte(key.SecretHash), []byte(secret)) == 1
	expired := !key.ExpiresAt.IsZero() && !time.Now().Before(key.ExpiresAt)
	if !same || expired || key.Deleted || key.Role != role {
		return domain.Key{}, domain.ErrNotFound
	}
	return *key, nil
}

// key finds a key, deleted or not: one that was revoked is no stray.
func (s *Service) key(id uuid.UUID) (key *domain.Key, ok bool) {
	s.follower.WithCatalog(func(c *domain.Catalog) { key, ok = c.Keys.ByID(id) })
	return key, ok
}

// catchUp brings memory to the ledger's end, unless that was done too often of
// late.
func (s *Service) catchUp(ctx context.Context) error {
	if s.follower.View().Loaded && !s.strays.limit.Allow() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, strayTime)
	defer cancel()
	if err := s.follower.CatchUp(ctx); err != nil {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	return nil
}
