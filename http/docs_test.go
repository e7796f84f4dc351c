package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

func TestDocsPageStandsAlone(t *testing.T) {
	a := bareAPI(t, Config{})
	got := get(t, a, "/docs")
	html := got.Body.String()
	policy := got.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(html)
	sum := sha256.Sum256([]byte(style[1]))
	if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(policy, "'sha256-"+hash+"'") {
		t.Errorf("the policy %q does not allow the page's own style, sha256-%s", policy, hash)
	}
	for _, forbidden := range []string{"<script", "http://", "https://", "style=", "onclick", "@import", "url("} {
		if strings.Contains(strings.ReplaceAll(html, "https://shop.example", ""), forbidden) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	for _, op := range operations(t, a) {
		method, path, _ := strings.Cut(op, " ")
		if !strings.Contains(html, `<b class="`+method+`">`+method+`</b> <code>`+path+`</code>`) {
			t.Errorf("the page lacks %s", op)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if ids[m[1]] {
			t.Errorf("id %s twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if !ids[m[1]] {
			t.Errorf("link to #%s leads nowhere", m[1])
		}
	}
}
