package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/assaylabs/assay/domain"
)

const (
	sessionTag     = "Session"
	sessionPath    = "/session"
	sessionExample = `{"actor":"Ann","role":"editor","method":"key","expires_at":"2026-01-05T21:00:00Z","sign_in":{"oidc":false}}`
)

func sessionRoutes() []route {
	faults := func(more ...int) []int {
		return append(more, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable)
	}
	return []route{
		{
			method: http.MethodGet, path: sessionPath, id: "read-session", tag: sessionTag, summary: "Who is signed in?",
			doc:  "Answers 200 when nobody is, too: then actor is null, and sign_in says how one can. A session that has ended is nobody's.",
			open: true, faults: faults(http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotAcceptable, http.StatusUnprocessableEntity),
			ok:     success{status: http.StatusOK, schema: "Session", example: sessionExample},
			handle: (*api).readSession,
		},
		{
			method: http.MethodPost, path: sessionPath, id: "sign-in", tag: sessionTag, summary: "Sign in",
			doc: "Begins a session of the console for an API key with the role viewer, editor or admin, in a cookie that scripts cannot read. " +
				"It lasts 12 hours, goes on while it is used, up to seven days, and ends with the key. Only pages of this server may ask.",
			open: true, faults: faults(
				http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotAcceptable, http.StatusRequestTimeout,
				http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
			),
			body:   &body{limit: maxSignIn, schema: "SignIn", example: `{"token":"assay_editor_01930d5e7c1a7cc39f6e3f1d5d1a7b60_…"}`},
			ok:     success{status: http.StatusOK, schema: "Session", example: sessionExample},
			handle: (*api).signIn,
		},
		{
			method: http.MethodDelete, path: sessionPath, id: "sign-out", tag: sessionTag, summary: "Sign out",
			doc:  "Has the browser forget the cookie. Whoever copied it can use it until it ends: revoke the key.",
			open: true, faults: faults(http.StatusBadRequest, http.StatusNotAcceptable, http.StatusUnprocessableEntity),
			ok:     success{status: http.StatusNoContent},
			handle: (*api).signOut,
		},
	}
}

const (
	// maxSignIn bounds what holds a token, maxToken the token: browsers keep
	// cookies of 4 KiB. In bytes.
	maxSignIn = 8 << 10
	maxToken  = 1 << 10
)

func sessionSchemas() fields {
	return fields{
		"SignIn": complete("", fields{"token": text("An API key's, or the root token.", maxToken)}),
		"Session": complete("Who is signed in; null for nobody.", fields{
			"actor":      orNull(text("Who acts in the ledger: the key's name, or oidc: and the address.", 300)),
			"role":       orNull(oneOf("", string(domain.Viewer), string(domain.Editor), string(domain.Admin))),
			"method":     orNull(oneOf("How they signed in.", "key", "oidc")),
			"expires_at": orNull(format("When the session ends if it is not used; null without one, for who comes with a token.", "date-time")),
			"sign_in":    complete("How one can sign in besides with a key.", fields{"oidc": boolean("At GET /session/oidc.")}),
		}),
	}
}

// sessionDocument is what is answered about a session.
type sessionDocument struct {
	Actor     *string      `json:"actor"`
	Role      *domain.Role `json:"role"`
	Method    *string      `json:"method"`
	ExpiresAt *time.Time   `json:"expires_at"`
	SignIn    signInWays   `json:"sign_in"`
}

type signInWays struct {
	OIDC bool `json:"oidc"`
}

func (a *api) signInWays() signInWays { return signInWays{OIDC: a.sessions.oidc != nil} }

// sessionOf describes who x was identified as.
func (a *api) sessionOf(x *exchange, role domain.Role) sessionDocument {
	method := "key"
	doc := sessionDocument{Actor: &x.actor, Role: &role, Method: &method, SignIn: a.signInWays()}
	if x.session == nil {
		return doc
	}
	method = x.session.method()
	ends := time.Unix(x.session.Ends, 0).UTC()
	if !x.keyExpires.IsZero() && x.keyExpires.Before(ends) {
		ends = x.keyExpires.UTC()
	}
	doc.ExpiresAt = &ends
	return doc
}

func (a *api) readSession(ctx context.Context, in *input) (answer, error) {
	x := exchangeOf(ctx)
	role, err := a.identify(x, in.request)
	switch {
	case errors.Is(err, errSessionEnded):
		a.sessions.end(x, in.request)
		return encoded(sessionDocument{SignIn: a.signInWays()})
	case errors.Is(err, errNoToken) && len(in.request.Header["Authorization"]) == 0:
		return encoded(sessionDocument{SignIn: a.signInWays()})
	case err != nil:
		return answer{}, a.refused(x, in.request, err)
	}
	if err := a.mayUseConsole(x, in.request, role); err != nil {
		return answer{}, err
	}
	return encoded(a.sessionOf(x, role))
}

func (a *api) signIn(ctx context.Context, in *input) (answer, error) {
	x := exchangeOf(ctx)
	if err := a.sessions.checkSite(in.request); err != nil {
		return answer{}, a.refused(x, in.request, err)
	}
	var asked struct {
		Token string `json:"token"`
	}
	if err := domain.Decode(in.body, &asked); err != nil {
		return answer{}, err
	}
	if asked.Token == "" || len(asked.Token) > maxToken {
		return answer{}, domain.Invalid("token", "must be an API key's token")
	}
	role, err := a.identifyToken(x, in.request, asked.Token)
	if unknown(err) {
		return answer{}, a.stranger(x, in.request, &fault{
			status: http.StatusUnauthorized, field: "token", detail: "must be an API key's token that is valid now",
		})
	}
	if err != nil {
		return answer{}, err
	}
	if err := a.mayUseConsole(x, in.request, role); err != nil {
		return answer{}, err
	}
	x.session, err = a.sessions.begin(x, in.request, session{Token: asked.Token})
	if err != nil {
		return answer{}, err
	}
	a.logSession(x, in.request, "signed in", role)
	return encoded(a.sessionOf(x, role))
}

// mayUseConsole refuses the keys of programs.
func (a *api) mayUseConsole(x *exchange, req *http.Request, role domain.Role) error {
	if role.Allows(domain.Viewer) {
		return nil
	}
	a.logRefusal(x, req, "role "+string(role)+" cannot sign in")
	return &fault{
		status: http.StatusForbidden,
		detail: "a key with the role " + string(role) + " is for programs: sign in with a key that has the role viewer, editor or admin",
	}
}

func (a *api) signOut(ctx context.Context, in *input) (answer, error) {
	x := exchangeOf(ctx)
	// Who it was is for the log alone: one may leave whatever has become of the key.
	role, err := a.identifySession(x, in.request)
	var foreign *fault
	if errors.As(err, &foreign) {
		return answer{}, a.refused(x, in.request, err)
	}
	if err == nil {
		a.logSession(x, in.request, "signed out", role)
	}
	x.Header().Del("Set-Cookie") // of a session that would go on
	a.sessions.end(x, in.request)
	return answer{status: http.StatusNoContent}, nil
}

// logSession notes who came or went, never with what token.
func (a *api) logSession(x *exchange, req *http.Request, what string, role domain.Role) {
	a.log.LogAttrs(req.Context(), slog.LevelInfo, what,
		slog.String("actor", x.actor), slog.String("role", string(role)), slog.String("method", x.session.method()),
		slog.String("key_id", x.keyID), slog.String("remote", host(req)), slog.String("request_id", x.requestID))
}
