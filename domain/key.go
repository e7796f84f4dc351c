package domain

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Role is what a key may do; each includes what stands before it.
type Role string

const (
	Client Role = "client" // evaluate, track
	Server Role = "server" // snapshot, stream
	Viewer Role = "viewer" // staff queries
	Editor Role = "editor" // commands on all but keys
	Admin  Role = "admin"  // everything
)

// Allows says whether a key of role r may do what needs the other role.
func (r Role) Allows(need Role) bool { return r.rank() >= need.rank() && r.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case Client:
		return 1
	case Server:
		return 2
	case Viewer:
		return 3
	case Editor:
		return 4
	case Admin:
		return 5
	}
	return 0
}

const maxOrigins = 50

// Key is an API key without its secret. Its name is the actor of what is done
// with it.
type Key struct {
	Header
	Name string `json:"name"`
	Role Role   `json:"role"`
	// Origins are the web origins that a client key may be used from; none means
	// any.
	Origins   []string  `json:"origins"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// SecretHash is SHA-256 of the secret, in hexadecimal.
	SecretHash string `json:"secret_sha256,omitzero"`
}

func (k *Key) title() string   { return k.Name }
func (k *Key) fixed() []string { return []string{"role", "secret_sha256"} }
func (k *Key) defaults()       { k.Origins = []string{} }

func (k *Key) check(c *Catalog, _ *Key) error {
	switch k.Role {
	case Client, Server, Viewer, Editor, Admin:
	default:
		return Invalid("role", "must be one of %q", []Role{Client, Server, Viewer, Editor, Admin})
	}
	if k.Name == "root" || k.Name == "assay" || k.Name == Scheduler {
		return Invalid("name", "must not be that of the root token, of the program or of its scheduler: they are actors too")
	}
	for other := range c.Keys.All() {
		if other.Name == k.Name && other.ID != k.ID {
			return &ConflictError{Problem: "name is already used by another key: " + k.Name}
		}
	}
	if len(k.Origins) > maxOrigins {
		return Invalid("origins", "must be at most %d", maxOrigins)
	}
	for i, o := range k.Origins {
		if !isOrigin(o) {
			return Invalid(fmt.Sprintf("origins[%d]", i), "must be a web origin as browsers send it, such as https://shop.example")
		}
	}
	if !k.ExpiresAt.IsZero() {
		k.ExpiresAt = k.ExpiresAt.UTC()
	}
	return nil
}

// originHost is a name or an address in brackets, and perhaps a port.
var originHost = regexp.MustCompile(`^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$`)

// isOrigin accepts what a browser may send: lower case, no default port.
func isOrigin(o string) bool {
	if host, ok := strings.CutPrefix(o, "https://"); ok {
		return originHost.MatchString(host) && !strings.HasSuffix(host, ":443")
	}
	host, ok := strings.CutPrefix(o, "http://")
	return ok && originHost.MatchString(host) && !strings.HasSuffix(host, ":80")
}

// CreateKey decides to create a key with the hash of its secret.
func (c *Catalog) CreateKey(id uuid.UUID, body []byte, secretHash string) ([]Change, error) {
	if err := refuse(body, []string{"secret_sha256"}); err != nil {
		return nil, err
	}
	k, err := create(c.Keys, id, body)
	if err != nil {
		return nil, err
	}
	k.SecretHash = secretHash
	return created(k, nil)
}

// EditKey decides a merge patch of a key's name, origins and expiry.
func (c *Catalog) EditKey(k *Key, patch []byte) ([]Change, error) {
	return changed(edit(c, k, patch))
}

// DeleteKey decides to revoke a key.
func (c *Catalog) DeleteKey(k *Key) ([]Change, error) { return deleted(k), nil }
