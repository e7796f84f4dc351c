package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"math/big"
	"strings"

	"github.com/google/uuid"
)

const (
	tokenPrefix = "assay_"
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// secretChars hold 256 bits in base 62, checksumChars 32 bits.
	secretChars   = 43
	checksumChars = 6
	// idChars are the hexadecimal digits of a UUID.
	idChars = 32
)

// NewToken makes an API key's token out of 32 random bytes:
// assay_<role>_<id>_<secret><checksum>. The ledger keeps secretHash (SHA-256 of
// the secret's characters, in hexadecimal) and never the token. The checksum
// lets secret scanners and ParseToken tell a token from a typing error without
// asking anybody.
func NewToken(role Role, id uuid.UUID, random [32]byte) (token, secretHash string) {
	secret := secretDigits(random)
	body := tokenPrefix + string(role) + "_" + hex.EncodeToString(id[:]) + "_" + secret
	return body + tokenChecksum(body), hashSecret(secret)
}

// ParseToken reads what NewToken made. It says that the token is well formed,
// not that the key exists. The error never repeats the token.
func ParseToken(token string) (role Role, id uuid.UUID, secretHash string, err error) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return "", uuid.Nil, "", notToken()
	}
	name, rest, ok := strings.Cut(rest, "_")
	if !ok || Role(name).rank() == 0 || len(rest) != idChars+1+secretChars+checksumChars || rest[idChars] != '_' {
		return "", uuid.Nil, "", notToken()
	}
	if _, err := hex.Decode(id[:], []byte(rest[:idChars])); err != nil || strings.ToLower(rest[:idChars]) != rest[:idChars] {
		return "", uuid.Nil, "", notToken()
	}
	secret := rest[idChars+1 : idChars+1+secretChars]
	body := token[:len(token)-checksumChars]
	if strings.Trim(secret, base62) != "" || tokenChecksum(body) != token[len(body):] {
		return "", uuid.Nil, "", notToken()
	}
	return Role(name), id, hashSecret(secret), nil
}

func notToken() error { return Invalid("token", "is not an API key's token") }

func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func tokenChecksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var digits [checksumChars]byte
	for i := range digits {
		digits[checksumChars-1-i] = base62[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

// secretDigits writes 256 bits in base 62, filled with zeros.
func secretDigits(random [32]byte) string {
	rest, digit, base := new(big.Int).SetBytes(random[:]), new(big.Int), big.NewInt(62)
	var digits [secretChars]byte
	for i := range digits {
		rest.DivMod(rest, base, digit)
		digits[secretChars-1-i] = base62[digit.Int64()]
	}
	return string(digits[:])
}
