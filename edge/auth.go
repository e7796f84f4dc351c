package edge

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/zeebo/xxh3"
	"golang.org/x/time/rate"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/presence"
)

// caller is who may come: a key, the root token or that of edges.
type caller struct {
	key  domain.Key
	role domain.Role
	// hash is SHA-256 of the secret, in hexadecimal.
	hash string
	// ticket lets whoever has it listen, as this caller, and do nothing else: it
	// may stand in a URL, where the token must not.
	ticket string
	// bulkEnd is the end of bulk answers, which says where to listen.
	bulkEnd []byte
	// seed tells callers apart in ETags.
	seed   uint64
	bucket *rate.Limiter  // nil for no limit
	mark   *presence.Mark // of the key's use
}

const (
	ticketPrefix = "stream_"
	// keyPrefix is what tokens of keys begin with, and configured ones hardly.
	keyPrefix = "assay_"
)

func newCaller(key domain.Key, hash string, bucket *rate.Limiter) *caller {
	mac := hmac.New(sha256.New, []byte(hash))
	mac.Write([]byte("GET /stream"))
	c := &caller{key: key, role: key.Role, hash: hash, bucket: bucket}
	c.ticket = ticketPrefix + hex.EncodeToString(key.ID[:]) + "_" + hex.EncodeToString(mac.Sum(nil)[:16])
	c.bulkEnd = []byte(`],"eventStreams":[{"type":"sse","endpoint":{"requestUri":"/stream?token=` + c.ticket + `"},"inactivityDelaySec":120}]}`)
	c.seed = xxh3.HashString(c.ticket)
	return c
}

// tokenCaller is who comes with a configured token; nil if there is none.
func tokenCaller(token string, role domain.Role) *caller {
	if token == "" {
		return nil
	}
	return newCaller(domain.Key{Role: role}, hashToken(token), nil)
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// live says whether the caller's key has not expired.
func (c *caller) live(now time.Time) bool {
	return c.key.ExpiresAt.IsZero() || now.Before(c.key.ExpiresAt)
}

// from says whether the caller may come from a web origin; "" is none.
func (c *caller) from(origin string) bool {
	return origin == "" || c.role != domain.Client || len(c.key.Origins) == 0 || slices.Contains(c.key.Origins, origin)
}

// callers are the keys of one state.
type callers struct {
	byID map[uuid.UUID]*caller
	// origins are those of all client keys; anyOrigin says that one of them may
	// be used from everywhere, or that there is none.
	origins   map[string]struct{}
	anyOrigin bool
}

// newCallers keeps what the keys of before have used of their limits.
func newCallers(keys []domain.Key, before *callers, bucket func() *rate.Limiter, uses *presence.Uses) *callers {
	all := &callers{byID: make(map[uuid.UUID]*caller, len(keys)), origins: map[string]struct{}{}}
	clients := 0
	for _, key := range keys {
		limit := bucket()
		if old := before.get(key.ID); old != nil {
			limit = old.bucket
		}
		caller := newCaller(key, key.SecretHash, limit)
		caller.mark = uses.Of(key.ID)
		all.byID[key.ID] = caller
		if key.Role != domain.Client {
			continue
		}
		clients++
		all.anyOrigin = all.anyOrigin || len(key.Origins) == 0
		for _, origin := range key.Origins {
			all.origins[origin] = struct{}{}
		}
	}
	all.anyOrigin = all.anyOrigin || clients == 0
	return all
}

func (c *callers) get(id uuid.UUID) *caller {
	if c == nil {
		return nil
	}
	return c.byID[id]
}

// expects says whether a browser at the origin may be told what went wrong
// before it is known whose key it has.
func (c *callers) expects(origin string) bool {
	if c.anyOrigin {
		return true
	}
	_, ok := c.origins[origin]
	return ok
}

// identify returns whose token it is; nil for nobody's.
func (e *Edge) identify(v *view, token string, now time.Time) *caller {
	if v != nil && strings.HasPrefix(token, keyPrefix) {
		_, id, hash, err := domain.ParseToken(token)
		if c := v.callers.get(id); err == nil && c != nil && equal(c.hash, hash) && c.live(now) {
			return c
		}
	}
	hash := hashToken(token)
	for _, c := range [...]*caller{e.root, e.edges} {
		if c != nil && equal(c.hash, hash) {
			return c
		}
	}
	return nil
}

// identifyTicket returns who may listen with a ticket; nil is nobody.
func (e *Edge) identifyTicket(v *view, ticket string, now time.Time) *caller {
	known := []*caller{e.root, e.edges}
	name, _, _ := strings.Cut(strings.TrimPrefix(ticket, ticketPrefix), "_")
	if id, err := uuid.Parse(name); err == nil && v != nil {
		known = append(known, v.callers.get(id))
	}
	for _, c := range known {
		if c != nil && equal(c.ticket, ticket) && c.live(now) {
			return c
		}
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// credential finds what a caller came with: a bearer token, OFREP's X-API-Key,
// or, on the route of streams, the parameter that browsers can send.
func credential(x *exchange) (token string, ok bool) {
	headers := x.r.Header["Authorization"]
	if len(headers) == 1 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		return token, token != "" && strings.EqualFold(scheme, "Bearer")
	}
	if keys := x.r.Header["X-Api-Key"]; len(headers) == 0 && len(keys) == 1 {
		return keys[0], keys[0] != ""
	}
	if x.route == routeStream && len(headers) == 0 {
		token = x.r.URL.Query().Get("token")
	}
	return token, token != ""
}

// visitor returns who came by a session without a token; nil is nobody.
func (e *Edge) visitor(v Visitor) *caller {
	if v.Role == "" {
		return nil
	}
	return newCaller(domain.Key{Name: v.Name, Role: v.Role, ExpiresAt: v.Expires}, hashToken(v.Name), e.visits)
}

// admit finds out who is asking and whether they may.
func (e *Edge) admit(x *exchange, now time.Time) (*caller, *fault) {
	token, ok := credential(x)
	var who *caller
	if !ok && e.cfg.Session != nil && len(x.r.Header["Authorization"]) == 0 {
		visitor, err := e.cfg.Session(x.r)
		if err != nil {
			e.refuse(x, nil, err.Error())
			return nil, &fault{status: http.StatusForbidden, field: "Cookie", detail: err.Error()}
		}
		who = e.visitor(visitor)
		token, ok = visitor.Token, visitor.Token != ""
		x.visit = ok || who != nil
	}
	switch {
	case !ok:
	case x.route == routeStream && strings.HasPrefix(token, ticketPrefix):
		who = e.identifyTicket(x.view, token, now)
	default:
		who = e.identify(x.view, token, now)
	}
	origin := x.r.Header.Get("Origin")
	if who == nil {
		if origin != "" && x.view != nil && x.view.callers.expects(origin) {
			share(x.w.Header(), origin)
		}
		return nil, e.stranger(x, ok)
	}
	if !who.from(origin) {
		e.refuse(x, who, "origin")
		return nil, &fault{status: http.StatusForbidden, field: "Origin", detail: "must be one of the key's"}
	}
	if origin != "" {
		share(x.w.Header(), origin)
	}
	if need := x.route.role(); !who.role.Allows(need) {
		e.refuse(x, who, "role")
		return nil, &fault{status: http.StatusForbidden, detail: "this needs the role " + string(need) + "; the key has " + string(who.role)}
	}
	if who.bucket != nil && !who.bucket.AllowN(now, 1) {
		return nil, e.limits.exceeded()
	}
	if x.view == nil {
		return nil, e.empty()
	}
	return who, nil
}

// empty is the answer while there is nothing to answer from.
func (e *Edge) empty() *fault { return unavailable("there is no snapshot yet, try again", 1) }

// stranger is the answer to who has no token, or a wrong one.
func (e *Edge) stranger(x *exchange, tried bool) *fault {
	unauthorized := &fault{status: http.StatusUnauthorized, field: "Authorization", detail: "must be Bearer and an API key's token"}
	if !tried {
		return unauthorized
	}
	if !e.limits.stranger(x.r) {
		return e.limits.exceeded()
	}
	if x.view == nil { // the token may be right
		return e.empty()
	}
	e.refuse(x, nil, "token")
	unauthorized.detail = "must hold a token that is valid now"
	return unauthorized
}

// refuse notes who was refused for what, never the token.
func (e *Edge) refuse(x *exchange, who *caller, why string) {
	actor := ""
	if who != nil {
		actor = who.key.Name
	}
	e.log.LogAttrs(x.r.Context(), slog.LevelWarn, "refused", slog.String("why", why),
		slog.String("route", x.route.template()), slog.String("actor", actor), slog.String("remote", remote(x.r)))
}
