package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/assaylabs/assay/domain"
)

const (
	oidcPath     = sessionPath + "/oidc"
	callbackPath = oidcPath + "/callback"

	flowCookie = "assay_sign_in"
	// flowLife is how long somebody may take to sign in at the provider.
	flowLife = 10 * time.Minute
	// providerTime bounds one request to the provider; who asks while it cannot be
	// reached waits for one such request, and not again for providerPause.
	providerTime  = 4 * time.Second
	providerPause = 2 * time.Second
	// maxAddress bounds an address, in bytes, as SMTP does.
	maxAddress = 254
)

// OIDCConfig says by which OpenID provider people may sign in; without an issuer
// there is none.
type OIDCConfig struct {
	// Issuer is the provider's name of itself, to the letter.
	Issuer                 string
	ClientID, ClientSecret string
	Roles                  Roles
}

// Roles says who has which role, by a claim that the provider makes.
type Roles struct {
	claim   string
	byValue map[string]domain.Role
}

// everybody stands for whoever the provider signs in.
const everybody = "*"

// ParseRoles reads claim:value=role,value=role. The claim ends at the last colon
// before the first =; the value * is everybody's.
func ParseRoles(text string) (Roles, error) {
	first, _, _ := strings.Cut(text, "=")
	colon := strings.LastIndexByte(first, ':')
	if colon < 1 {
		return Roles{}, errors.New("must be like groups:exp-admins=admin,exp-editors=editor,*=viewer")
	}
	roles := Roles{claim: text[:colon], byValue: map[string]domain.Role{}}
	for pair := range strings.SplitSeq(text[colon+1:], ",") {
		equals := strings.LastIndexByte(pair, '=')
		if equals < 1 {
			return Roles{}, errors.New("must have value=role pairs, with commas between them, after the claim's name")
		}
		value, role := strings.TrimSpace(pair[:equals]), domain.Role(strings.TrimSpace(pair[equals+1:]))
		if !slices.Contains([]domain.Role{domain.Viewer, domain.Editor, domain.Admin}, role) {
			return Roles{}, errors.New("must give one of the roles viewer, editor and admin")
		}
		if roles.byValue[value] != "" {
			return Roles{}, errors.New("must name each value once")
		}
		roles.byValue[value] = role
	}
	return roles, nil
}

// of returns the greatest role that the claims give; "" is none.
func (r Roles) of(claims map[string]any) domain.Role {
	best := r.byValue[everybody]
	for _, value := range texts(claims[r.claim]) {
		if role := r.byValue[value]; value != everybody && role != "" && role.Allows(best) {
			best = role
		}
	}
	return best
}

// texts are the values of a claim that is a text or a list of them.
func texts(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		var all []string
		for _, v := range claim {
			if text, ok := v.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// provider signs people in at an OpenID provider. It is looked for when somebody
// wants to, so that a server starts and goes on without it.
type provider struct {
	cfg      OIDCConfig
	sealer   sealer // of flows
	redirect string
	client   *http.Client

	mu     sync.Mutex
	found  *discovered // guarded by mu
	failed time.Time   // guarded by mu
	cause  error       // guarded by mu: why it failed then
}

type discovered struct {
	provider *oidc.Provider
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
}

func newProvider(cfg OIDCConfig, publicURL string, secret []byte) (*provider, error) {
	sealer, err := newSealer(secret, "OpenID sign-in")
	return &provider{
		cfg: cfg, sealer: sealer, redirect: publicURL + callbackPath,
		client: &http.Client{Timeout: providerTime},
	}, err
}

// discover asks the provider where its parts are, once.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if time.Since(p.failed) < providerPause {
		return nil, p.cause
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.cfg.Issuer)
	if err != nil {
		p.failed, p.cause = time.Now(), err
		return nil, err
	}
	var more struct {
		Scopes []string `json:"scopes_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, err
	}
	scopes := []string{oidc.ScopeOpenID, "email", "profile"}
	if slices.Contains(more.Scopes, p.cfg.Roles.claim) {
		scopes = append(scopes, p.cfg.Roles.claim) // such as groups; an unknown one would be refused
	}
	p.found = &discovered{
		provider: found,
		oauth: oauth2.Config{
			ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: found.Endpoint(),
			RedirectURL: p.redirect, Scopes: scopes,
		},
		verifier: found.Verifier(&oidc.Config{ClientID: p.cfg.ClientID}),
	}
	return p.found, nil
}

// flow is one attempt to sign in, which the browser keeps, sealed.
type flow struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	To       string `json:"to"`
	Ends     int64  `json:"ends"`
}

func newFlow(to string) flow {
	return flow{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		To: to, Ends: time.Now().Add(flowLife).Unix(),
	}
}

// resume returns the flow that the browser began, if the provider's answer is of
// it.
func (p *provider) resume(r *http.Request) (flow, error) {
	stale := errors.New("this browser did not begin to sign in here, or too long ago, or in another tab since")
	cookies := r.CookiesNamed(cookieName(r, flowCookie))
	var f flow
	if len(cookies) != 1 || p.sealer.open(cookies[0].Value, &f) != nil || time.Now().Unix() >= f.Ends {
		return flow{}, stale
	}
	if subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("state")), []byte(f.State)) != 1 {
		return flow{}, stale
	}
	return f, nil
}

// errProvider says that the provider could not be asked.
var errProvider = errors.New("the OpenID provider cannot be reached")

// claims exchanges the code for what the provider says of somebody, checked.
func (p *provider) claims(ctx context.Context, code string, f flow) (map[string]any, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := found.oauth.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) {
		return nil, fmt.Errorf("the OpenID provider does not take the code: %s", answered.ErrorCode)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("the OpenID provider sent no ID token")
	}
	id, err := found.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("the ID token is not good: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return nil, errors.New("the ID token is not good: it is of another sign-in")
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("the ID token is not good: %w", err)
	}
	return claims, p.complete(ctx, found, token, id.Subject, claims)
}

// complete asks for the claims that the ID token lacks: many providers keep them
// out of it.
func (p *provider) complete(ctx context.Context, found *discovered, token *oauth2.Token, subject string, claims map[string]any) error {
	if claims["email"] != nil && claims[p.cfg.Roles.claim] != nil || found.provider.UserInfoEndpoint() == "" {
		return nil
	}
	more, err := found.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("%w: %w", errProvider, err)
	}
	if more.Subject != subject {
		return errors.New("the OpenID provider told of somebody else")
	}
	var told map[string]any
	if err := more.Claims(&told); err != nil {
		return fmt.Errorf("%w: %w", errProvider, err)
	}
	if claims["email"] == nil {
		claims["email"], claims["email_verified"] = told["email"], told["email_verified"]
	}
	if claims[p.cfg.Roles.claim] == nil {
		claims[p.cfg.Roles.claim] = told[p.cfg.Roles.claim]
	}
	return nil
}

// address returns the address that names somebody in the ledger. One that the
// provider itself has not verified could be anybody's.
func address(claims map[string]any) (string, error) {
	email, _ := claims["email"].(string)
	if email == "" || len(email) > maxAddress || strings.ContainsFunc(email, notVisible) {
		return "", errors.New("the OpenID provider does not say what your email address is")
	}
	switch claims["email_verified"] {
	case false, "false":
		return "", fmt.Errorf("the OpenID provider has not verified that %s is your address", email)
	}
	return email, nil
}
