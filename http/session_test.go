package httpapi

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assaylabs/assay/domain"
)

const (
	ours    = "same-origin"
	foreign = "cross-site"
)

// signedIn returns the cookie of a session, as a browser would send it.
func (s *stack) signedIn(t testing.TB, token string) string {
	t.Helper()
	got := s.send(t, request{method: "POST", path: "/session", body: `{"token":"` + token + `"}`, token: "none", header: map[string]string{"Sec-Fetch-Site": ours}})
	cookie := setCookie(t, got.want(t, http.StatusOK))
	return cookie.Name + "=" + cookie.Value
}

// setCookie returns the one cookie that an answer sets.
func setCookie(t testing.TB, got response) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: got.header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%s %s: %d cookies: %v", got.sent.method, got.sent.path, len(cookies), got.header)
	}
	return cookies[0]
}

// byCookie makes a request that a browser sends from a page of this server.
func byCookie(method, path, body, cookie string) request {
	return request{method: method, path: path, body: body, token: "none", header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": ours}}
}

func TestSigningInAndOut(t *testing.T) {
	s := newStack(t, RateLimit{}).withKeys(t)
	nobody := s.send(t, request{method: "GET", path: "/session", token: "none"}).want(t, 200)
	if string(nobody.body) != `{"actor":null,"role":null,"method":null,"expires_at":null,"sign_in":{"oidc":false}}` {
		t.Errorf("nobody: %s", nobody.body)
	}
	token := s.tokens[domain.Editor]
	got := s.send(t, request{method: "POST", path: "/session", body: `{"token":"` + token + `"}`, token: "none"}).want(t, 200)
	if got.text(t, "actor") != "editor" || got.text(t, "role") != "editor" || got.text(t, "method") != "key" {
		t.Errorf("signed in: %s", got.body)
	}
	ends, err := time.Parse(time.RFC3339, got.text(t, "expires_at"))
	if left := time.Until(ends); err != nil || left < sessionLife-time.Minute || left > sessionLife {
		t.Errorf("it lasts %s, %v", left, err)
	}
	cookie := setCookie(t, got)
	if cookie.Name != "assay_session" || !cookie.HttpOnly || cookie.Secure || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != int(sessionLife/time.Second) {
		t.Errorf("cookie %v", cookie)
	}
	if strings.Contains(cookie.Value, token) || len(cookie.Value) > 1000 {
		t.Errorf("cookie of %d characters", len(cookie.Value))
	}
	mine := cookie.Name + "=" + cookie.Value
	again := s.send(t, byCookie("GET", "/session", "", mine)).want(t, 200)
	if string(again.body) != string(got.body) || again.header.Get("Set-Cookie") != "" || again.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %s", again.header, again.body)
	}
	s.send(t, byCookie("POST", "/experiments", `{"name":"By cookie"}`, mine)).want(t, 201)
	if rec := s.lastRecord(t); rec.Actor != "editor" || rec.KeyID == "" {
		t.Errorf("recorded actor %q, key %q", rec.Actor, rec.KeyID)
	}
	out := s.send(t, byCookie("DELETE", "/session", "", mine)).want(t, 204)
	if gone := setCookie(t, out); gone.Name != cookie.Name || gone.MaxAge >= 0 || gone.Value != "" || gone.Path != "/" {
		t.Errorf("left with %v", gone)
	}
	s.send(t, request{method: "DELETE", path: "/session", token: "none"}).want(t, 204)
	log := s.log.String()
	for _, line := range []string{`msg="signed in" actor=editor role=editor method=key`, `msg="signed out" actor=editor`} {
		if !strings.Contains(log, line) {
			t.Errorf("the log lacks %s", line)
		}
	}
	if strings.Contains(log, token[20:]) || strings.Contains(log, cookie.Value) {
		t.Error("the log holds a secret")
	}
}

func TestCookieOverTLS(t *testing.T) {
	s := newStack(t, RateLimit{}).withKeys(t)
	const body = `{"token":"` + rootToken + `"}`
	for _, proto := range []string{"https", "HTTPS", "https, http"} {
		header := map[string]string{"X-Forwarded-Proto": proto}
		cookie := setCookie(t, s.send(t, request{method: "POST", path: "/session", body: body, token: "none", header: header}).want(t, 200))
		if cookie.Name != "__Host-assay_session" || !cookie.Secure || cookie.Path != "/" || cookie.Domain != "" {
			t.Errorf("%s: %v", proto, cookie)
		}
		header["Cookie"] = cookie.Name + "=" + cookie.Value
		s.send(t, request{method: "GET", path: "/experiments", token: "none", header: header}).want(t, 200)
		// What any host of the domain may set is not looked at.
		header["Cookie"] = "assay_session=" + cookie.Value
		s.send(t, request{method: "GET", path: "/experiments", token: "none", header: header}).want(t, 401)
	}
	if cookie := s.signedIn(t, rootToken); !strings.HasPrefix(cookie, "assay_session=") {
		t.Error(cookie)
	}
}

func TestWhoCannotSignIn(t *testing.T) {
	s := newStack(t, RateLimit{}).withKeys(t)
	revoked := s.tokens[domain.Viewer]
	s.send(t, request{method: "DELETE", path: "/keys/viewer"}).want(t, 204)
	s.caughtUp(t)
	for name, tt := range map[string]struct {
		body   string
		header map[string]string
		status int
		says   string
	}{
		"client key":     {`{"token":"` + s.tokens[domain.Client] + `"}`, nil, 403, "role client"},
		"server key":     {`{"token":"` + s.tokens[domain.Server] + `"}`, nil, 403, "role server"},
		"revoked key":    {`{"token":"` + revoked + `"}`, nil, 401, "token"},
		"no key's":       {`{"token":"x"}`, nil, 401, "token"},
		"empty":          {`{"token":""}`, nil, 422, "token"},
		"nothing":        {`{}`, nil, 422, "token"},
		"too long":       {`{"token":"` + strings.Repeat("x", maxToken+1) + `"}`, nil, 422, "token"},
		"not a text":     {`{"token":7}`, nil, 422, "token"},
		"unknown member": {`{"token":"x","role":"admin"}`, nil, 422, "role"},
		"not JSON":       {`token=x`, nil, 400, "body"},
		"form":           {`{"token":"` + rootToken + `"}`, map[string]string{"Content-Type": "text/plain"}, 415, "Content-Type"},
		"another site":   {`{"token":"` + rootToken + `"}`, map[string]string{"Sec-Fetch-Site": foreign}, 403, "another origin"},
		"same site":      {`{"token":"` + rootToken + `"}`, map[string]string{"Sec-Fetch-Site": "same-site"}, 403, "another origin"},
		"another origin": {`{"token":"` + rootToken + `"}`, map[string]string{"Origin": "https://evil.example"}, 403, "another origin"},
		"no origin":      {`{"token":"` + rootToken + `"}`, map[string]string{"Origin": "null"}, 403, "another origin"},
		"too large":      {`{"token":"` + strings.Repeat("x", maxSignIn) + `"}`, nil, 413, "body"},
	} {
		got := s.send(t, request{method: "POST", path: "/session", body: tt.body, token: "none", header: tt.header})
		if got.problem(t); got.status != tt.status || !strings.Contains(string(got.body), tt.says) || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v %s", name, got.status, got.header, got.body)
		}
	}
	log := s.log.String()
	if strings.Count(log, "msg=refused") != 8 || strings.Contains(log, revoked[20:]) {
		t.Errorf("%d refusals logged: %s", strings.Count(log, "msg=refused"), log)
	}
	if got := s.send(t, request{method: "GET", path: "/session", token: s.tokens[domain.Client]}); got.status != 403 {
		t.Errorf("a client key as a session: %d", got.status)
	}
}

func TestWrongSignInsAreSlowedDown(t *testing.T) {
	s := newStack(t, RateLimit{})
	for range 2 * strangersBurst {
		got := s.send(t, request{method: "POST", path: "/session", body: `{"token":"guess"}`, token: "none"})
		if got.status == http.StatusTooManyRequests {
			if got.problem(t); got.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
			return
		}
	}
	t.Error("nobody stopped the guessing")
}

// badCookies open nothing.
func badCookies(t *testing.T, s *stack) map[string]string {
	t.Helper()
	good := s.signedIn(t, s.tokens[domain.Admin])
	name, value, _ := strings.Cut(good, "=")
	other, err := NewSessions(SessionConfig{Secret: strings.Repeat("another secret ", 3)})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	sealed := func(by sealer, who session) string {
		text, err := by.seal(who)
		if err != nil {
			t.Fatal(err)
		}
		return name + "=" + text
	}
	admin := session{Token: s.tokens[domain.Admin], Began: now.Unix(), Ends: now.Add(time.Hour).Unix()}
	expired, endless := admin, admin
	expired.Ends = now.Unix()
	endless.Ends = 0
	another, err := newSealer([]byte("a root token for tests"), "another purpose")
	if err != nil {
		t.Fatal(err)
	}
	flipped := []byte(value)
	flipped[len(flipped)/2] ^= 1
	return map[string]string{
		"empty": name + "=", "forged": name + "=" + strings.Repeat("A", len(value)), "flipped": name + "=" + string(flipped),
		"cut off": name + "=" + value[:len(value)-4], "longer": good + "AAAA", "cut short": name + "=AAAA", "not base64": name + "=" + value + "!",
		"token itself": name + "=" + s.tokens[domain.Admin],
		"expired":      sealed(s.sessions.sealer, expired), "without an end": sealed(s.sessions.sealer, endless),
		"nobody's":       sealed(s.sessions.sealer, session{Ends: admin.Ends}),
		"a program's":    sealed(s.sessions.sealer, session{Actor: "x", Role: domain.Server, Ends: admin.Ends}),
		"no key's":       sealed(s.sessions.sealer, session{Token: "x", Ends: admin.Ends}),
		"another secret": sealed(other.sealer, admin), "another purpose": sealed(another, admin),
		"two": good + "; " + s.signedIn(t, s.tokens[domain.Viewer]),
	}
}

func TestBadCookies(t *testing.T) {
	m := newMatrix(t)
	for name, cookie := range badCookies(t, m.stack) {
		m.refused(t, name, byCookie("GET", "/experiments", "", cookie), "Cookie", 401)
		m.refused(t, name, byCookie("POST", "/experiments", `{"name":"x"}`, cookie), "Cookie", 401)
		got := m.send(t, byCookie("GET", "/session", "", cookie)).want(t, 200)
		if string(got.members(t)["actor"]) != "null" || setCookie(t, got).MaxAge >= 0 {
			t.Errorf("%s: %v %s", name, got.header, got.body)
		}
		m.send(t, byCookie("DELETE", "/session", "", cookie)).want(t, 204)
		// What asks for no token is not disturbed.
		m.send(t, byCookie("GET", "/healthz", "", cookie)).want(t, 200)
		m.send(t, byCookie("GET", "/console", "", cookie)).want(t, 200)
	}
	m.unmoved(t)
	good := m.signedIn(t, m.tokens[domain.Viewer])
	m.send(t, byCookie("GET", "/experiments", "", "assay_session=rubbish; "+good)).want(t, 200)
}

// TestCookiesOnEveryRoute holds what a session may do against what its key may,
// and has pages of other origins try the same.
func TestCookiesOnEveryRoute(t *testing.T) {
	m := newMatrix(t)
	cookies := map[domain.Role]string{}
	for _, role := range []domain.Role{domain.Viewer, domain.Editor, domain.Admin} {
		cookies[role] = m.signedIn(t, m.tokens[role])
	}
	m.each(t, func(t *testing.T, r route, s sample) {
		path, body := strings.Replace(s.path, "subject", "nobody", 1), s.body
		if body != "" {
			body = `{"zzz":1}`
		}
		for role, cookie := range cookies {
			byKey := m.send(t, request{method: r.method, path: path, body: body, token: m.tokens[role]})
			got := m.send(t, byCookie(r.method, path, body, cookie))
			if got.status != byKey.status || got.status == 401 {
				t.Errorf("%s: %d by cookie, %d by token: %s", role, got.status, byKey.status, got.body)
			}
			// A token in the header is what counts.
			both := byCookie(r.method, path, body, cookie)
			both.token = m.tokens[domain.Client]
			m.refused(t, "both", both, "", 403)
		}
		wrong := byCookie(r.method, path, body, cookies[domain.Admin])
		wrong.token = "x"
		m.refused(t, "a wrong token besides", wrong, "Authorization", 401)
		if r.method == http.MethodGet {
			return // browsers send no cookie that is SameSite=Strict, and show no answer
		}
		for name, header := range map[string]map[string]string{
			"cross-site": {"Sec-Fetch-Site": foreign}, "same-site": {"Sec-Fetch-Site": "same-site"},
			"another origin": {"Origin": "https://evil.example"}, "another port": {"Origin": "http://127.0.0.1:1"}, "null": {"Origin": "null"},
		} {
			field := "Origin"
			if header["Sec-Fetch-Site"] != "" {
				field = "Sec-Fetch-Site"
			}
			header["Cookie"] = cookies[domain.Admin]
			m.refused(t, name, request{method: r.method, path: s.path, body: s.body, token: "none", header: header}, field, 403)
			header["Authorization"] = "Bearer " + m.tokens[domain.Client] // not by cookie
			m.refused(t, name, request{method: r.method, path: path, body: body, header: header}, "", 403)
		}
		if s.body == "" {
			return
		}
		for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "(none)", "", "application/jsonx"} {
			form := byCookie(r.method, s.path, s.body, cookies[domain.Admin])
			form.header["Content-Type"] = media
			m.refused(t, "type "+media, form, "Content-Type", 403)
		}
	})
}

func TestOriginsOfThisServer(t *testing.T) {
	s := newStack(t, RateLimit{})
	cookie := s.signedIn(t, rootToken)
	sessions, err := NewSessions(SessionConfig{Secret: strings.Repeat("s", 32), PublicURL: "https://assay.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	post := func(header map[string]string) int {
		header["Cookie"] = cookie
		return s.send(t, request{method: "POST", path: "/layers", body: `{"name":"L"}`, token: "none", header: header}).status
	}
	for name, header := range map[string]map[string]string{
		"own page": {"Sec-Fetch-Site": ours}, "typed": {"Sec-Fetch-Site": "none"}, "own origin": {"Origin": s.url}, "no browser": {},
	} {
		if status := post(header); status != 201 {
			t.Errorf("%s: %d", name, status)
		}
	}
	public := map[string]string{"Origin": "https://assay.example.com"}
	if status := post(public); status != 403 {
		t.Errorf("an origin that is not known: %d", status)
	}
	sessions.sealer = s.sessions.sealer
	s.sessions.origins = sessions.origins
	if status := post(public); status != 201 {
		t.Errorf("the public URL: %d", status)
	}
}

func TestSessionEndsWithItsKey(t *testing.T) {
	s := newStack(t, RateLimit{}).withKeys(t)
	for name, r := range map[string]request{
		"expired": {method: "PATCH", path: "/keys/viewer", body: `{"expires_at":"2020-01-01T00:00:00Z"}`},
		"revoked": {method: "DELETE", path: "/keys/editor"},
	} {
		cookie := s.signedIn(t, s.tokens[domain.Role(strings.TrimPrefix(r.path, "/keys/"))])
		s.send(t, byCookie("GET", "/experiments", "", cookie)).want(t, 200)
		s.send(t, r)
		s.caughtUp(t)
		got := s.send(t, byCookie("GET", "/experiments", "", cookie)).want(t, 401)
		if p := got.problem(t); len(p.Errors) != 1 || p.Errors[0].Field != "Cookie" {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	s.send(t, request{method: "PATCH", path: "/keys/admin", body: `{"expires_at":"` + soon.Format(time.RFC3339) + `"}`}).want(t, 200)
	s.caughtUp(t)
	got := s.send(t, byCookie("GET", "/session", "", s.signedIn(t, s.tokens[domain.Admin]))).want(t, 200)
	if ends, err := time.Parse(time.RFC3339, got.text(t, "expires_at")); err != nil || !ends.Equal(soon) {
		t.Errorf("the key expires at %s: %s", soon, got.body)
	}
}

func TestSessionsGoOnWhileTheyAreUsed(t *testing.T) {
	s := newStack(t, RateLimit{})
	began := time.Now()
	now := began
	s.sessions.now = func() time.Time { return now }
	cookie := s.signedIn(t, rootToken)
	use := func(after time.Duration) (renewed bool, status int) {
		now = began.Add(after)
		got := s.send(t, byCookie("GET", "/layers", "", cookie))
		if got.header.Get("Set-Cookie") != "" {
			c := setCookie(t, got)
			cookie, renewed = c.Name+"="+c.Value, true
		}
		return renewed, got.status
	}
	if renewed, status := use(renewAfter - time.Minute); renewed || status != 200 {
		t.Errorf("at once: renewed %v, %d", renewed, status)
	}
	last := time.Duration(0)
	for at := 11 * time.Hour; at < sessionMost; at += 11 * time.Hour {
		renewed, status := use(at)
		if status != 200 || !renewed {
			t.Fatalf("after %s: renewed %v, %d", at, renewed, status)
		}
		last = at
	}
	if last < sessionMost-11*time.Hour {
		t.Error(last)
	}
	if _, status := use(sessionMost); status != 401 {
		t.Errorf("after seven days: %d", status)
	}
	now = began
	idle := s.signedIn(t, rootToken)
	now = began.Add(sessionLife)
	s.send(t, byCookie("GET", "/layers", "", idle)).want(t, 401)
}

// Any replica opens what another has sealed, and none without the secret.
func TestReplicasShareSessions(t *testing.T) {
	long := strings.Repeat("r", strongSecret)
	open := func(sealing, opening SessionConfig) bool {
		t.Helper()
		a, err := NewSessions(sealing)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewSessions(opening)
		if err != nil {
			t.Fatal(err)
		}
		text, err := a.sealer.seal(session{Token: "t"})
		if err != nil {
			t.Fatal(err)
		}
		var got session
		return b.sealer.open(text, &got) == nil && got.Token == "t"
	}
	for _, tt := range []struct {
		name    string
		a, b    SessionConfig
		willing bool
	}{
		{"one secret", SessionConfig{Secret: long}, SessionConfig{Secret: long, RootToken: "x"}, true},
		{"two secrets", SessionConfig{Secret: long}, SessionConfig{Secret: long + "x"}, false},
		{"one root token", SessionConfig{RootToken: long}, SessionConfig{RootToken: long}, true},
		{"the secret comes first", SessionConfig{Secret: long + "x", RootToken: long}, SessionConfig{RootToken: long}, false},
		{"a root token that can be guessed", SessionConfig{RootToken: long[1:]}, SessionConfig{RootToken: long[1:]}, false},
		{"nothing", SessionConfig{}, SessionConfig{}, false},
	} {
		if open(tt.a, tt.b) != tt.willing {
			t.Errorf("%s: opened %v", tt.name, !tt.willing)
		}
	}
	if _, err := NewSessions(SessionConfig{PublicURL: "assay.example.com"}); err == nil {
		t.Error("a public URL without a scheme is taken")
	}
}

// Who serves with a secret that only this process has is told so.
func TestWarnsOfSessionsThatNoReplicaShares(t *testing.T) {
	long := strings.Repeat("r", strongSecret)
	for _, tt := range []struct {
		name   string
		cfg    SessionConfig
		warned bool
	}{
		{"nothing", SessionConfig{}, true},
		{"a root token that can be guessed", SessionConfig{RootToken: long[1:]}, true},
		{"a root token", SessionConfig{RootToken: long}, false},
		{"a secret", SessionConfig{Secret: long}, false},
	} {
		sessions, err := NewSessions(tt.cfg)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		bareAPI(t, Config{Sessions: sessions, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if warned := strings.Contains(log.String(), "ASSAY_SESSION_SECRET"); warned != tt.warned {
			t.Errorf("%s: said %q", tt.name, log.String())
		}
	}
}

func FuzzOpeningCookies(f *testing.F) {
	s, err := NewSessions(SessionConfig{Secret: strings.Repeat("s", 32)})
	if err != nil {
		f.Fatal(err)
	}
	sealed := session{Token: "t", Ends: 1}
	good, err := s.sealer.seal(sealed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		var got session
		// Not text != good: each of the fuzzer's processes seals it anew.
		if s.sealer.open(text, &got) == nil && got != sealed {
			t.Errorf("%q is opened", text)
		}
	})
}
