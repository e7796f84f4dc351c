package commands

import (
	"context"
	"crypto/rand"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
)

// CreateKey creates an API key. The token is given this once and kept nowhere:
// a replayed call answers without it.
func (s *Service) CreateKey(ctx context.Context, call Call, body []byte) (answer Answer, token string, err error) {
	role, err := keyRole(body)
	if err != nil {
		return Answer{}, "", err
	}
	id, err := newID()
	if err != nil {
		return Answer{}, "", err
	}
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return Answer{}, "", err
	}
	token, secretHash := domain.NewToken(role, id, random)
	answer, err = s.run(ctx, call, func(tx *eventstore.Tx) (Answer, error) {
		changes, err := tx.Catalog.CreateKey(id, body, secretHash)
		if err != nil {
			return Answer{}, err
		}
		return appendTo(tx, changes, func() (*domain.Key, error) { return tx.Catalog.Keys.Find(id.String()) })
	})
	if err != nil || answer.Replayed {
		return answer, "", err
	}
	return answer, token, nil
}

// keyRole reads the role out of a creation's body; the domain checks it.
func keyRole(body []byte) (domain.Role, error) {
	var members map[string]jsontext.Value
	if err := domain.Decode(body, &members); err != nil {
		return "", err
	}
	if _, own := members["id"]; own {
		return "", domain.Invalid("id", "is set by the server")
	}
	var role domain.Role
	if value, ok := members["role"]; ok {
		if err := domain.Decode(value, &role); err != nil {
			return "", domain.Invalid("role", "must be a string")
		}
	}
	return role, nil
}
