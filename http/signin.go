package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/oauth2"
)

//go:embed refusal.html
var refusalTemplate string

const refusalStyle = `body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;min-height:100vh;place-items:center}main{max-width:34rem;padding:2rem}h1{font-size:1.5rem;margin:0}.id{font-size:.8rem;opacity:.7}`

func oidcRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: oidcPath, id: "sign-in-oidc", tag: sessionTag, summary: "Sign in at the OpenID provider",
			doc:  "For browsers: leads to the provider, which leads back to the callback. 404 where none is configured.",
			open: true, faults: []int{http.StatusNotFound, http.StatusInternalServerError, http.StatusServiceUnavailable},
			query: []param{{name: "to", doc: "The page of the console to show then.", schema: text("", maxPage), example: "/console/experiments"}},
			ok:    success{status: http.StatusFound, located: true},
			raw:   (*api).startOIDC,
		},
		{
			method: http.MethodGet, path: callbackPath, id: "oidc-callback", tag: sessionTag, summary: "Come back from the OpenID provider",
			doc: "Begins a session with the role that the provider's claims give, for the actor oidc:<address>, for 12 hours. " +
				"Who accepts text/html is told in a page why there is none.",
			open: true, faults: []int{
				http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests,
				http.StatusInternalServerError, http.StatusServiceUnavailable,
			},
			query: []param{
				{name: "state", doc: "What the provider was sent with.", schema: &huma.Schema{Type: huma.TypeString}},
				{name: "code", doc: "What the provider is asked with.", schema: &huma.Schema{Type: huma.TypeString}},
				{name: "iss", doc: "The provider, where it says so.", schema: &huma.Schema{Type: huma.TypeString}},
				{name: "error", doc: "Why the provider signs nobody in.", schema: &huma.Schema{Type: huma.TypeString}},
				{name: "error_description", doc: "The same in words.", schema: &huma.Schema{Type: huma.TypeString}},
			},
			ok:  success{status: http.StatusSeeOther, located: true},
			raw: (*api).finishOIDC,
		},
	}
}

// maxPage bounds the path of a page, in bytes.
const maxPage = 1000

// pageOf returns the page of the console that a text names, or the first one: a
// link to sign in must not lead anywhere else.
func pageOf(to string) string {
	u, err := url.Parse(to)
	if err != nil || len(to) > maxPage || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		strings.ContainsFunc(to, notVisible) || strings.Contains(to, `\`) ||
		u.Path != "/console" && !strings.HasPrefix(u.Path, "/console/") || strings.Contains(u.Path, "/..") {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}

var errNoProvider = &fault{status: http.StatusNotFound, detail: "no OpenID provider is configured: sign in with a key"}

func (a *api) startOIDC(w http.ResponseWriter, req *http.Request) {
	p := a.sessions.oidc
	if p == nil {
		a.notSignedIn(w, req, errNoProvider)
		return
	}
	found, err := p.discover(req.Context())
	if err != nil {
		a.notSignedIn(w, req, a.providerDown(req, err))
		return
	}
	f := newFlow(pageOf(req.URL.Query().Get("to")))
	value, err := p.sealer.seal(f)
	if err != nil {
		a.fail(w, req, err)
		return
	}
	setFlow(w, req, value, int(flowLife/time.Second))
	http.Redirect(w, req, found.oauth.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), http.StatusFound)
}

// setFlow sets the cookie that is sent when the provider leads back, unlike that
// of the session.
func setFlow(w http.ResponseWriter, r *http.Request, value string, seconds int) {
	c := cookie(r, flowCookie, value, seconds)
	c.SameSite = http.SameSiteLaxMode
	http.SetCookie(w, c)
}

func (a *api) finishOIDC(w http.ResponseWriter, req *http.Request) {
	if a.sessions.oidc == nil {
		a.notSignedIn(w, req, errNoProvider)
		return
	}
	to, err := a.signInOIDC(w, req)
	if err != nil {
		a.notSignedIn(w, req, err)
		return
	}
	http.Redirect(w, req, to, http.StatusSeeOther)
}

// signInOIDC begins a session for whom the provider sends back, and returns the
// page to show.
func (a *api) signInOIDC(w http.ResponseWriter, req *http.Request) (to string, err error) {
	p, x := a.sessions.oidc, exchangeOf(req.Context())
	f, err := p.resume(req)
	if err != nil {
		return "", a.strangerAt(x, req, &fault{status: http.StatusBadRequest, detail: err.Error()})
	}
	setFlow(w, req, "", -1)
	forbidden := func(detail string) error {
		return a.strangerAt(x, req, &fault{status: http.StatusForbidden, detail: detail})
	}
	query := req.URL.Query()
	if iss := query.Get("iss"); iss != "" && iss != p.cfg.Issuer {
		return "", forbidden("the answer is of another OpenID provider")
	}
	if code := query.Get("error"); code != "" {
		return "", forbidden("the OpenID provider did not sign you in: " + strconv.Quote(code+" "+query.Get("error_description")))
	}
	claims, err := p.claims(req.Context(), query.Get("code"), f)
	if errors.Is(err, errProvider) {
		return "", a.providerDown(req, err)
	}
	if err != nil {
		return "", forbidden(err.Error())
	}
	email, err := address(claims)
	if err != nil {
		return "", forbidden(err.Error())
	}
	x.actor = "oidc:" + email
	role := p.cfg.Roles.of(claims)
	if role == "" {
		return "", forbidden(fmt.Sprintf("you are %s, whom nothing gives a role here: none of your %s %q is one that ASSAY_OIDC_ROLES names; ask whoever runs this server",
			email, p.cfg.Roles.claim, texts(claims[p.cfg.Roles.claim])))
	}
	x.session, err = a.sessions.begin(w, req, session{Actor: x.actor, Role: role})
	if err != nil {
		return "", err
	}
	a.logSession(x, req, "signed in", role)
	return f.To, nil
}

// strangerAt is stranger without what asks for a token.
func (a *api) strangerAt(x *exchange, req *http.Request, err error) error {
	err = a.stranger(x, req, err)
	x.Header().Del("WWW-Authenticate")
	return err
}

// providerDown notes why the provider cannot be asked, which is the operator's
// business, and says what works.
func (a *api) providerDown(req *http.Request, err error) error {
	a.log.LogAttrs(req.Context(), slog.LevelWarn, "the OpenID provider cannot be asked",
		slog.Any("error", err), slog.String("request_id", exchangeOf(req.Context()).requestID))
	return &fault{
		status: http.StatusServiceUnavailable, retryAfter: int(providerPause / time.Second),
		detail: "the OpenID provider cannot be reached: try again in a while, or sign in with a key",
	}
}

// notSignedIn answers a browser that shows what it is answered with a page,
// others with a problem.
func (a *api) notSignedIn(w http.ResponseWriter, req *http.Request, err error) {
	if !strings.Contains(req.Header.Get("Accept"), htmlType) {
		a.fail(w, req, err)
		return
	}
	p := explain(err)
	body, failed := refusalPage(p.Detail, exchangeOf(req.Context()).requestID)
	if failed != nil {
		a.fail(w, req, failed)
		return
	}
	sum := sha256.Sum256([]byte(refusalStyle))
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	var own *fault
	if errors.As(err, &own) && own.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(own.retryAfter))
	}
	answer{status: p.Status, media: mime.FormatMediaType(htmlType, map[string]string{"charset": "utf-8"}), body: body}.write(w)
}

func refusalPage(detail, requestID string) ([]byte, error) {
	t, err := template.New("refusal").Parse(refusalTemplate)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Style": template.CSS(refusalStyle), "Detail": strings.ToUpper(detail[:1]) + detail[1:] + ".", "RequestID": requestID,
	})
	return b.Bytes(), err
}
