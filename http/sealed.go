package httpapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// sealer makes texts that nobody else can read, make or change. Every process
// with the same secret opens what one of them has sealed.
type sealer struct{ aead cipher.AEAD }

// newSealer takes a purpose, so that what is sealed for one thing is not taken
// for another.
func newSealer(secret []byte, purpose string) (sealer, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "assay "+purpose, 32)
	if err != nil {
		return sealer{}, fmt.Errorf("sealing key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

var errNotSealed = errors.New("is not sealed by this server")

func (s sealer) seal(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, data, nil)), nil
}

func (s sealer) open(text string, v any) error {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errNotSealed
	}
	data, err := s.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return errNotSealed
	}
	return json.Unmarshal(data, v)
}
