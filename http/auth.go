package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/assaylabs/assay/domain"
)

// rootActor is who acts with the root token.
const rootActor = "root"

// hashToken makes tokens of one length, so that comparing them takes one time.
func hashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// admit lets the request through to an open route, or when its token's role
// allows the route; everything else is refused.
func (a *api) admit(r *route, x *exchange, req *http.Request) error {
	if r.open {
		return nil
	}
	role, err := a.identify(x, req)
	if err != nil {
		return a.refused(x, req, err)
	}
	if !role.Allows(r.role) {
		a.logRefusal(x, req, "role "+string(role)+" is not enough")
		return &fault{
			status: http.StatusForbidden,
			detail: fmt.Sprintf("this needs the role %s; the key has %s", r.role, role),
		}
	}
	if id := x.limited(); id != "" && !a.limits.key(id) {
		return a.limits.exceeded()
	}
	return nil
}

// noteUse notes that a key was used.
func (a *api) noteUse(x *exchange) {
	if id, err := uuid.Parse(x.keyID); err == nil {
		a.uses.Of(id).Note(time.Now())
	}
}

// identify finds out who is asking: by the token in the header, and only without
// that header by the console's cookie.
func (a *api) identify(x *exchange, req *http.Request) (domain.Role, error) {
	if len(req.Header["Authorization"]) == 0 {
		return a.identifySession(x, req)
	}
	header, err := single(req.Header, "Authorization")
	if err != nil {
		return "", err
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errNoToken
	}
	return a.identifyToken(x, req, token)
}

// identifyToken finds out whose token it is.
func (a *api) identifyToken(x *exchange, req *http.Request, token string) (domain.Role, error) {
	hash := hashToken(token)
	if a.hasRoot && subtle.ConstantTimeCompare(hash[:], a.rootToken[:]) == 1 {
		x.actor = rootActor
		return domain.Admin, nil
	}
	key, err := a.queries.Authenticate(req.Context(), token)
	if err != nil {
		return "", err
	}
	x.actor, x.keyID, x.keyExpires = key.Name, key.ID.String(), key.ExpiresAt
	return key.Role, nil
}

// identifySession finds out who is signed in.
func (a *api) identifySession(x *exchange, req *http.Request) (domain.Role, error) {
	who, err := a.sessions.of(req)
	if errors.Is(err, errNoSession) {
		return "", errNoToken
	}
	if err != nil {
		return "", err
	}
	role := who.Role
	if who.Token == "" {
		x.actor = who.Actor
	} else {
		role, err = a.identifyToken(x, req, who.Token)
		if unknown(err) {
			return "", errSessionEnded
		}
		if err != nil {
			return "", err
		}
	}
	x.session = who
	return role, a.sessions.renew(x, req, who)
}

var errNoToken = errors.New("no bearer token")

// unknown says that an error is about a token that is nobody's.
func unknown(err error) bool {
	var invalid *domain.InvalidError
	return errors.Is(err, domain.ErrNotFound) || errors.As(err, &invalid)
}

// refused answers a request whose token did not identify anybody.
func (a *api) refused(x *exchange, req *http.Request, err error) error {
	var own *fault
	switch {
	case errors.Is(err, errNoToken):
		err = &fault{status: http.StatusUnauthorized, field: "Authorization", detail: "must be Bearer and an API key's token"}
	case errors.Is(err, errSessionEnded):
		err = &fault{status: http.StatusUnauthorized, field: "Cookie", detail: "the session has ended: sign in again"}
	case unknown(err):
		err = &fault{status: http.StatusUnauthorized, field: "Authorization", detail: "must hold a token that is valid now"}
	case errors.As(err, &own) && own.status == http.StatusForbidden:
		a.logRefusal(x, req, own.field+" "+own.detail)
		return err
	default:
		return err
	}
	return a.stranger(x, req, err)
}

// stranger is the answer to who could not say who they are: err, or that they
// have tried too often.
func (a *api) stranger(x *exchange, req *http.Request, err error) error {
	a.logRefusal(x, req, err.Error())
	if !a.limits.stranger(host(req)) {
		return a.limits.exceeded()
	}
	x.Header().Set("WWW-Authenticate", `Bearer realm="assay"`)
	return err
}

// limited is what a caller's rate limit goes by; "" has none.
func (x *exchange) limited() string {
	if x.keyID == "" && x.session != nil && x.session.Token == "" {
		return x.actor
	}
	return x.keyID
}

// logRefusal notes who was refused what, never the token.
func (a *api) logRefusal(x *exchange, req *http.Request, why string) {
	a.log.LogAttrs(req.Context(), slog.LevelWarn, "refused",
		slog.String("why", why), slog.String("method", req.Method), slog.String("route", x.route),
		slog.String("actor", x.actor), slog.String("remote", host(req)), slog.String("request_id", x.requestID))
}

func host(req *http.Request) string {
	h, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return req.RemoteAddr
	}
	return h
}
