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
	if x.keyID != "" && !a.limits.key(x.keyID) {
		return a.limits.exceeded()
	}
	return nil
}

// identify finds out who is asking.
func (a *api) identify(x *exchange, req *http.Request) (domain.Role, error) {
	header, err := single(req.Header, "Authorization")
	if err != nil {
		return "", err
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errNoToken
	}
	hash := hashToken(token)
	if a.hasRoot && subtle.ConstantTimeCompare(hash[:], a.rootToken[:]) == 1 {
		x.actor = rootActor
		return domain.Admin, nil
	}
	key, err := a.queries.Authenticate(req.Context(), token)
	if err != nil {
		return "", err
	}
	x.actor, x.keyID = key.Name, key.ID.String()
	return key.Role, nil
}

var errNoToken = errors.New("no bearer token")

// refused answers a request whose token did not identify anybody.
func (a *api) refused(x *exchange, req *http.Request, err error) error {
	var invalid *domain.InvalidError
	switch {
	case errors.Is(err, errNoToken):
		err = &fault{status: http.StatusUnauthorized, field: "Authorization", detail: "must be Bearer and an API key's token"}
	case errors.Is(err, domain.ErrNotFound), errors.As(err, &invalid):
		err = &fault{status: http.StatusUnauthorized, field: "Authorization", detail: "must hold a token that is valid now"}
	default:
		return err
	}
	a.logRefusal(x, req, err.Error())
	if !a.limits.stranger(host(req)) {
		return a.limits.exceeded()
	}
	exchangeOf(req.Context()).Header().Set("WWW-Authenticate", `Bearer realm="assay"`)
	return err
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
