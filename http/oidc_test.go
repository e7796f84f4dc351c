package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/assaylabs/assay/domain"
)

const (
	clientID, clientSecret = "assay", "a secret of the client"
)

// login is an OpenID provider in this process, at which everybody is its second user.
type login struct {
	*storage.Storage
	url string
	// claims are told of them besides their address.
	claims map[string]any
	// tamper changes the claims of an ID token before they are signed again, by
	// the provider's key or another.
	tamper  func(claims map[string]any)
	foreign bool
}

// SetUserinfoFromToken is what the provider's userinfo says.
func (l *login) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	if err := l.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin); err != nil {
		return err
	}
	for name, value := range l.claims {
		info.AppendClaims(name, value)
	}
	return nil
}

func newLogin(t *testing.T, redirect string) *login {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	client := storage.WebClient(clientID, clientSecret, redirect)
	l := &login{
		Storage: storage.NewStorageWithClients(storage.NewUserStore(server.URL), map[string]*storage.Client{clientID: client}),
		url:     server.URL,
	}
	provider, err := op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CryptoKeyId: "k", CodeMethodS256: true, AuthMethodPost: true}, l,
		op.StaticIssuer(server.URL), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", l.tampered(t, provider))
	mux.Handle("/login/username", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("authRequestID")
		if err := l.CheckUsernamePassword("test-user2", "verysecure", id); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(r.Context(), id), http.StatusFound)
	}))
	handler = mux
	return l
}

// tampered changes the ID tokens that the provider answers with.
func (l *login) tampered(t *testing.T, provider http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.tamper == nil || r.URL.Path != "/oauth/token" {
			provider.ServeHTTP(w, r)
			return
		}
		recorded := httptest.NewRecorder()
		provider.ServeHTTP(recorded, r)
		var answer map[string]any
		if err := json.Unmarshal(recorded.Body.Bytes(), &answer); err != nil {
			t.Error(err)
			return
		}
		answer["id_token"] = l.sign(t, answer["id_token"].(string))
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	})
}

func (l *login) sign(t *testing.T, token string) string {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Error(err)
		return ""
	}
	claims := map[string]any{}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		t.Error(err)
	}
	l.tamper(claims)
	key, err := l.SigningKey(t.Context())
	if err != nil {
		t.Error(err)
		return ""
	}
	signing := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.Key(), KeyID: key.ID()}}
	if l.foreign {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret)
		signing = jose.SigningKey{Algorithm: jose.HS256, Key: secret}
	}
	signer, err := jose.NewSigner(signing, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Error(err)
		return ""
	}
	signed, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return signed
}

// person is somebody with a browser.
type person struct {
	*stack
	client *http.Client
}

// newPerson has a browser that stops where it is led to the callback or to a
// page of the console.
func (s *stack) newPerson(t *testing.T) person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return person{s, &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), s.url) {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

func (p person) get(t *testing.T, at string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	got, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got, string(body)
}

// arrive begins to sign in and returns the callback that the provider leads to.
func (p person) arrive(t *testing.T, to string) string {
	t.Helper()
	got, body := p.get(t, p.url+"/session/oidc?to="+url.QueryEscape(to))
	callback := got.Header.Get("Location")
	if got.StatusCode != http.StatusFound || !strings.HasPrefix(callback, p.url+"/session/oidc/callback?") {
		t.Fatalf("the provider leads to %d %s %s", got.StatusCode, callback, body)
	}
	return callback
}

// withLogin has people sign in at a provider.
func withLogin(t *testing.T) (*stack, *login) {
	t.Helper()
	s := newStack(t, RateLimit{})
	l := newLogin(t, s.url+"/session/oidc/callback")
	s.useProvider(t, l.url)
	return s, l
}

func (s *stack) useProvider(t *testing.T, issuer string) {
	t.Helper()
	roles, err := ParseRoles("groups:exp-admins=admin,exp-editors=editor,exp-viewers=viewer")
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := NewSessions(SessionConfig{
		Secret: strings.Repeat("s", 32), PublicURL: s.url,
		OIDC: OIDCConfig{Issuer: issuer, ClientID: clientID, ClientSecret: clientSecret, Roles: roles},
	})
	if err != nil {
		t.Fatal(err)
	}
	*s.sessions = *sessions
}

func TestSigningInAtAProvider(t *testing.T) {
	s, l := withLogin(t)
	l.claims = map[string]any{"groups": []string{"everyone", "exp-editors"}}
	p := s.newPerson(t)
	if _, body := p.get(t, s.url+"/session"); !strings.Contains(body, `"actor":null`) || !strings.Contains(body, `"oidc":true`) {
		t.Errorf("before: %s", body)
	}
	got, body := p.get(t, p.arrive(t, "/console/experiments?q=a%2Fb"))
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/console/experiments?q=a%2Fb" {
		t.Fatalf("%d %s %s", got.StatusCode, got.Header.Get("Location"), body)
	}
	for _, c := range got.Cookies() {
		switch {
		case c.Name == "assay_session" && c.HttpOnly && c.SameSite == http.SameSiteStrictMode && c.MaxAge > 0:
		case c.Name == "assay_sign_in" && c.MaxAge < 0:
		default:
			t.Errorf("cookie %v", c)
		}
	}
	if _, body := p.get(t, s.url+"/session"); !strings.Contains(body, `"actor":"oidc:test-user2@zitadel.ch","role":"editor","method":"oidc","expires_at":"20`) {
		t.Errorf("after: %s", body)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "POST", s.url+"/experiments", strings.NewReader(`{"name":"X"}`))
	req.Header.Set("Content-Type", jsonType)
	made, err := p.client.Do(req)
	if err != nil || made.StatusCode != http.StatusCreated {
		t.Fatal(made, err)
	}
	made.Body.Close()
	if rec := s.lastRecord(t); rec.Actor != "oidc:test-user2@zitadel.ch" || rec.KeyID != "" {
		t.Errorf("recorded actor %q, key %q", rec.Actor, rec.KeyID)
	}
	if got, _ := p.get(t, s.url+"/keys"); got.StatusCode != http.StatusForbidden {
		t.Errorf("an editor at the keys: %d", got.StatusCode)
	}
	// The code is used up, and so is the attempt.
	if strings.Contains(s.log.String(), "code=") || !strings.Contains(s.log.String(), `msg="signed in" actor=oidc:test-user2@zitadel.ch role=editor method=oidc`) {
		t.Errorf("log: %s", s.log)
	}
}

func TestWhoTheProviderDoesNotVouchFor(t *testing.T) {
	s, l := withLogin(t)
	editors := map[string]any{"groups": []string{"exp-editors"}}
	for _, tt := range []struct {
		name    string
		claims  map[string]any
		tamper  func(map[string]any)
		foreign bool
		status  int
		says    string
	}{
		{"nothing wrong", editors, func(map[string]any) {}, false, 303, ""},
		{"claims in the ID token", nil, func(c map[string]any) {
			c["groups"], c["email"], c["email_verified"] = "exp-admins", "a@example.com", true
		}, false, 303, ""},
		{"wrong nonce", editors, func(c map[string]any) { c["nonce"] = "another" }, false, 403, "of another sign-in"},
		{"no nonce", editors, func(c map[string]any) { delete(c, "nonce") }, false, 403, "of another sign-in"},
		{"wrong audience", editors, func(c map[string]any) { c["aud"] = "another" }, false, 403, "audience"},
		{"wrong issuer", editors, func(c map[string]any) { c["iss"] = "https://evil.example" }, false, 403, "issued by a different provider"},
		{"expired", editors, func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, false, 403, "expired"},
		{"another key", editors, func(map[string]any) {}, true, 403, "not good"},
		{"no group", nil, nil, false, 403, "test-user2@zitadel.ch"},
		{"another group", map[string]any{"groups": []string{"everyone"}}, nil, false, 403, "everyone"},
		{"address not verified", nil, func(c map[string]any) {
			c["groups"], c["email"], c["email_verified"] = "exp-admins", "a@example.com", false
		}, false, 403, "has not verified"},
		{"no address", nil, func(c map[string]any) { c["email"], c["groups"] = "", "exp-admins" }, false, 403, "email address"},
		{"somebody else's userinfo", editors, func(c map[string]any) { c["sub"] = "id1" }, false, 403, "somebody else"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l.claims, l.tamper, l.foreign = tt.claims, tt.tamper, tt.foreign
			p := s.newPerson(t)
			got, body := p.get(t, p.arrive(t, "/console"), "Accept", "text/html,*/*")
			if got.StatusCode != tt.status || !strings.Contains(body, tt.says) {
				t.Fatalf("%d %s", got.StatusCode, body)
			}
			_, now := p.get(t, s.url+"/session")
			if strings.Contains(now, `"actor":null`) != (tt.status != 303) {
				t.Errorf("then: %s", now)
			}
			if tt.status == 303 {
				return
			}
			if h := got.Header; !strings.HasPrefix(h.Get("Content-Type"), htmlType) || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("WWW-Authenticate") != "" {
				t.Errorf("%v", h)
			}
		})
	}
}

func TestAnswersThatNobodyAskedFor(t *testing.T) {
	s, l := withLogin(t)
	l.claims = map[string]any{"groups": []string{"exp-admins"}}
	refused := func(name string, p person, at string, status int, says string) {
		t.Helper()
		got, body := p.get(t, at)
		if got.StatusCode != status || !strings.Contains(body, says) || got.Header.Get("Content-Type") != problemType {
			t.Errorf("%s: %d %s", name, got.StatusCode, body)
		}
		for _, c := range got.Cookies() {
			if c.Name == sessionCookie && c.MaxAge >= 0 {
				t.Errorf("%s: %v", name, c)
			}
		}
	}
	const stale = "did not begin"
	victim, attacker := s.newPerson(t), s.newPerson(t)
	theirs := attacker.arrive(t, "/console")
	refused("nothing begun", victim, theirs, 400, stale)
	mine := victim.arrive(t, "/console")
	refused("state of another", victim, theirs, 400, stale)
	other, err := url.Parse(mine)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(url.Values){
		"state mismatch": func(q url.Values) { q.Set("state", "x") }, "no state": func(q url.Values) { q.Del("state") },
	} {
		q := other.Query()
		change(q)
		refused(name, victim, s.url+"/session/oidc/callback?"+q.Encode(), 400, stale)
	}
	for name, tt := range map[string]struct {
		change func(url.Values)
		says   string
	}{
		"another issuer": {func(q url.Values) { q.Set("iss", "https://evil.example") }, "another OpenID provider"},
		"refused":        {func(q url.Values) { q.Set("error", "access_denied"); q.Set("error_description", "<b>no</b>") }, "access_denied"},
		"wrong code":     {func(q url.Values) { q.Set("code", "x") }, "does not take the code"},
		"no code":        {func(q url.Values) { q.Del("code") }, "does not take the code"},
	} {
		p := s.newPerson(t)
		at, err := url.Parse(p.arrive(t, "/console"))
		if err != nil {
			t.Fatal(err)
		}
		q := at.Query()
		tt.change(q)
		refused(name, p, s.url+"/session/oidc/callback?"+q.Encode(), 403, tt.says)
		refused(name+", again", p, at.String(), 400, stale)
	}
	p := s.newPerson(t)
	at := p.arrive(t, "/console")
	if got, body := p.get(t, at); got.StatusCode != http.StatusSeeOther {
		t.Errorf("%d %s", got.StatusCode, body)
	}
	refused("twice", p, at, 400, stale)
}

func TestProviderThatCannotBeReached(t *testing.T) {
	s := newStack(t, RateLimit{})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s.useProvider(t, gone.URL)
	p := s.newPerson(t)
	for _, accept := range []string{htmlType, jsonType} {
		got, body := p.get(t, s.url+"/session/oidc", "Accept", accept)
		if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || !strings.Contains(body, "sign in with a key") || strings.Contains(body, "127.0.0.1") {
			t.Errorf("%d %v %s", got.StatusCode, got.Header, body)
		}
	}
	s.signedIn(t, rootToken)
	if !strings.Contains(s.log.String(), "the OpenID provider cannot be asked") {
		t.Error("why is not logged")
	}
}

func TestPagesToComeBackTo(t *testing.T) {
	for to, want := range map[string]string{
		"/console": "/console", "/console/experiments/a?x=1": "/console/experiments/a?x=1", "/console/a%2Fb": "/console/a%2Fb",
		"": "/", "/": "/", "//evil.example": "/", "https://evil.example/console": "/", "/\\evil.example": "/", "/console\\..\\x": "/",
		"javascript:alert(1)": "/", "/console/../docs": "/", "/console/%2e%2e/docs": "/", "/consoles": "/", "console": "/", "/keys": "/",
		"/console\r\nSet-Cookie: x=y": "/", "//console/": "/", "///evil.example/console": "/", "/console/" + strings.Repeat("x", maxPage): "/",
		"/console/a#b": "/console/a",
	} {
		if got := pageOf(to); got != want {
			t.Errorf("%.40q: %q, want %q", to, got, want)
		}
	}
}

func TestRolesOfClaims(t *testing.T) {
	roles, err := ParseRoles("https://example.com/groups:exp-admins=admin, exp:editors = editor,a=b=viewer")
	if err != nil || roles.claim != "https://example.com/groups" {
		t.Fatal(roles, err)
	}
	for _, tt := range []struct {
		claim any
		want  domain.Role
	}{
		{"exp-admins", domain.Admin},
		{[]any{"x", "exp:editors", "a=b"}, domain.Editor},
		{[]any{"a=b", 7, nil}, domain.Viewer},
		{[]any{"exp-admin"}, ""},
		{"*", ""},
		{nil, ""},
		{7.0, ""},
		{map[string]any{"exp-admins": true}, ""},
	} {
		if got := roles.of(map[string]any{"https://example.com/groups": tt.claim}); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.claim, got, tt.want)
		}
	}
	all, err := ParseRoles("groups:*=viewer,exp-admins=admin")
	if err != nil || all.of(nil) != domain.Viewer || all.of(map[string]any{"groups": []any{"exp-admins"}}) != domain.Admin || all.of(map[string]any{"groups": "*"}) != domain.Viewer {
		t.Errorf("everybody: %v, %v", all, err)
	}
	for _, bad := range []string{"", "groups", "groups:", ":a=admin", "groups:a", "groups:=admin", "groups:a=root", "groups:a=client", "groups:a=admin,a=viewer", "groups:a=admin,", "a=admin"} {
		if _, err := ParseRoles(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
