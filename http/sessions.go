package httpapi

import (
	"crypto/rand"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/assaylabs/assay/domain"
)

const (
	// sessionLife is how long a session lasts that nobody uses.
	sessionLife = 12 * time.Hour
	// renewAfter is the age at which a session that is used begins anew, until
	// sessionMost after the token was last shown.
	renewAfter  = time.Hour
	sessionMost = 7 * 24 * time.Hour

	sessionCookie = "assay_session"
	// hostPrefix keeps browsers from taking the cookie from other hosts or
	// without TLS.
	hostPrefix = "__Host-"

	// strongSecret is the length, in bytes, from which a root token may seal
	// sessions: who has a cookie can guess at the secret without asking.
	strongSecret = 32
)

// SessionConfig says how people are kept signed in.
type SessionConfig struct {
	// Secret seals cookies; the same on all replicas. Where it is empty, a long
	// RootToken takes its place, else a secret of this process alone.
	Secret, RootToken string
	// PublicURL is the origin that browsers have this server under; where it is
	// empty, their Host says it.
	PublicURL string
	// OIDC needs PublicURL.
	OIDC OIDCConfig
}

// Sessions keep people signed in by a cookie that holds who they are, sealed:
// servers remember nothing. They may be used by many goroutines.
type Sessions struct {
	sealer  sealer
	ofOne   bool // the secret is this process's alone
	origins *http.CrossOriginProtection
	oidc    *provider // nil without
	now     func() time.Time
}

// NewSessions returns an error when a setting cannot be.
func NewSessions(cfg SessionConfig) (*Sessions, error) {
	secret := cfg.Secret
	if secret == "" && len(cfg.RootToken) >= strongSecret {
		secret = cfg.RootToken
	}
	ofOne := secret == ""
	if ofOne {
		secret = rand.Text() + rand.Text()
	}
	sealer, err := newSealer([]byte(secret), "session")
	if err != nil {
		return nil, err
	}
	s := &Sessions{sealer: sealer, ofOne: ofOne, origins: http.NewCrossOriginProtection(), now: time.Now}
	if cfg.OIDC.Issuer != "" {
		s.oidc, err = newProvider(cfg.OIDC, cfg.PublicURL, []byte(secret))
		if err != nil {
			return nil, err
		}
	}
	if cfg.PublicURL != "" {
		if err := s.origins.AddTrustedOrigin(cfg.PublicURL); err != nil {
			return nil, fmt.Errorf("public URL: %w", err)
		}
	}
	return s, nil
}

// session is who is signed in, as the cookie holds it.
type session struct {
	// Token is that of an API key, or the root token. It is looked up at each
	// request, so that the session ends with the key.
	Token string `json:"token,omitempty"`
	// Actor and Role are of who has no token: somebody whom an OpenID provider
	// named.
	Actor string      `json:"actor,omitempty"`
	Role  domain.Role `json:"role,omitempty"`
	// Began and Ends are seconds since 1970.
	Began int64 `json:"began"`
	Ends  int64 `json:"ends"`
}

func (s *session) good(now time.Time) bool {
	return now.Unix() < s.Ends && (s.Token != "" || s.Actor != "" && s.Role.Allows(domain.Viewer))
}

func (s *session) method() string {
	if s.Token == "" {
		return "oidc"
	}
	return "key"
}

var (
	errNoSession    = errors.New("no session")
	errSessionEnded = errors.New("the session has ended")
)

// of returns the session that a request comes with: errNoSession where there is
// no cookie, errSessionEnded where none of them is good, and a fault where a page
// of another origin may have sent it.
func (s *Sessions) of(r *http.Request) (*session, error) {
	cookies := r.CookiesNamed(cookieName(r, sessionCookie))
	if len(cookies) == 0 {
		return nil, errNoSession
	}
	var found *session
	for _, cookie := range cookies {
		var got session
		if s.sealer.open(cookie.Value, &got) != nil || !got.good(s.now()) {
			continue
		}
		if found != nil {
			return nil, errSessionEnded // somebody has put one beside the other
		}
		found = &got
	}
	if found == nil {
		return nil, errSessionEnded
	}
	return found, s.checkOrigin(r)
}

// checkOrigin refuses what could have been sent by a page of another origin,
// which has the browser add the cookie.
func (s *Sessions) checkOrigin(r *http.Request) error {
	if err := s.checkSite(r); err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	case http.MethodDelete:
		if r.ContentLength == 0 {
			return nil
		}
	}
	// Forms cannot send JSON.
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != jsonType && media != mergePatchType {
		return &fault{
			status: http.StatusForbidden, field: "Content-Type",
			detail: "what comes with the console's cookie and without a token must be JSON",
		}
	}
	return nil
}

func (s *Sessions) checkSite(r *http.Request) error {
	if s.origins.Check(r) == nil {
		return nil
	}
	field := "Origin"
	if r.Header.Get("Sec-Fetch-Site") != "" {
		field = "Sec-Fetch-Site"
	}
	return &fault{
		status: http.StatusForbidden, field: field,
		detail: "a page of another origin asks: only this server's own pages may sign in or use the console's cookie",
	}
}

// begin signs somebody in.
func (s *Sessions) begin(w http.ResponseWriter, r *http.Request, who session) (*session, error) {
	now := s.now()
	who.Began, who.Ends = now.Unix(), now.Add(sessionLife).Unix()
	return &who, s.set(w, r, &who)
}

// renew lets the session of who holds a token go on. Others have to ask their
// provider again: nobody tells this server what has become of them.
func (s *Sessions) renew(w http.ResponseWriter, r *http.Request, who *session) error {
	now := s.now()
	most := time.Unix(who.Began, 0).Add(sessionMost)
	ends := now.Add(sessionLife)
	if ends.After(most) {
		ends = most
	}
	if who.Token == "" || ends.Sub(time.Unix(who.Ends, 0)) < renewAfter {
		return nil
	}
	who.Ends = ends.Unix()
	return s.set(w, r, who)
}

func (s *Sessions) set(w http.ResponseWriter, r *http.Request, who *session) error {
	value, err := s.sealer.seal(who)
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie(r, sessionCookie, value, int(who.Ends-s.now().Unix())))
	return nil
}

// end has the browser forget the cookie.
func (s *Sessions) end(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, cookie(r, sessionCookie, "", -1))
}

func cookie(r *http.Request, name, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName(r, name), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: overTLS(r), SameSite: http.SameSiteStrictMode,
	}
}

func cookieName(r *http.Request, name string) string {
	if overTLS(r) {
		return hostPrefix + name
	}
	return name
}

// overTLS says whether the browser speaks TLS, to this server or to a proxy.
func overTLS(r *http.Request) bool {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return r.TLS != nil || strings.EqualFold(strings.TrimSpace(proto), "https")
}

// Visitor is who comes with the console's cookie: the holder of a token, or
// somebody without one who has a role until then. The zero value is nobody.
type Visitor struct {
	Token   string
	Name    string
	Role    domain.Role
	Expires time.Time
}

// Visitor returns who is signed in. The error says why the cookie must not be
// used for this request.
func (s *Sessions) Visitor(r *http.Request) (Visitor, error) {
	got, err := s.of(r)
	switch {
	case errors.Is(err, errNoSession), errors.Is(err, errSessionEnded):
		return Visitor{}, nil
	case err != nil:
		return Visitor{}, err
	}
	return Visitor{Token: got.Token, Name: got.Actor, Role: got.Role, Expires: time.Unix(got.Ends, 0)}, nil
}
