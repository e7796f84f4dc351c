package domain_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/assaylabs/assay/domain"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestTokenGolden(t *testing.T) {
	id := uuid.MustParse("01930000-0000-7000-8000-000000000001")
	var zero, ones [32]byte
	for i := range ones {
		ones[i] = 0xff
	}
	for name, tt := range map[string]struct {
		random      [32]byte
		token, hash string
	}{
		"zeros": {
			zero, "assay_viewer_01930000000070008000000000000001_00000000000000000000000000000000000000000003WOapv",
			"b918b22a1581fedd39058065f00e6aad35bd561f20257151131a1ddcd21803de",
		},
		"ones": {
			ones, "assay_viewer_01930000000070008000000000000001_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp11yRLFr",
			"3b0167f1f41de3789d5785086c07b95c2926ebaf91e83d23d3e405cba9d478df",
		},
	} {
		t.Run(name, func(t *testing.T) {
			token, hash := domain.NewToken(domain.Viewer, id, tt.random)
			if token != tt.token || hash != tt.hash {
				t.Errorf("got %s %s, want %s %s", token, hash, tt.token, tt.hash)
			}
		})
	}
}

func TestTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		role := rapid.SampledFrom([]domain.Role{domain.Client, domain.Server, domain.Viewer, domain.Editor, domain.Admin}).Draw(t, "role")
		id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		random := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "random"))
		token, hash := domain.NewToken(role, id, random)
		gotRole, gotID, gotHash, err := domain.ParseToken(token)
		if err != nil || gotRole != role || gotID != id || gotHash != hash {
			t.Fatalf("%s: got %v %v %v %v", token, gotRole, gotID, gotHash, err)
		}
		at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
		other := rapid.SampledFrom([]byte("abcXYZ019_!\x00\xff")).Draw(t, "other")
		if token[at] == other {
			return
		}
		changed := token[:at] + string([]byte{other}) + token[at+1:]
		if _, _, _, err := domain.ParseToken(changed); err == nil {
			t.Fatalf("accepted %q with byte %d changed", changed, at)
		}
	})
}

func TestParseTokenRefuses(t *testing.T) {
	var random [32]byte
	_, _ = rand.Read(random[:])
	good, _ := domain.NewToken(domain.Editor, uuid.New(), random)
	for name, token := range map[string]string{
		"nothing":          "",
		"another product":  "ghp_" + good,
		"no role":          strings.Replace(good, "editor", "", 1),
		"unknown role":     strings.Replace(good, "editor", "author", 1),
		"another role":     strings.Replace(good, "editor", "admin", 1),
		"cut off":          good[:len(good)-1],
		"longer":           good + "0",
		"trailing newline": good + "\n",
		"upper case":       strings.ToUpper(good),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := domain.ParseToken(token)
			if err == nil {
				t.Fatalf("accepted %q", token)
			}
			if token != "" && strings.Contains(err.Error(), token) {
				t.Errorf("the error repeats the token: %v", err)
			}
		})
	}
}
