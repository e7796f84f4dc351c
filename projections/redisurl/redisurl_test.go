package redisurl_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/projections/redisurl"
)

func TestOpen(t *testing.T) {
	for url, want := range map[string]string{
		"redis://h":                   "h:6379 0",
		"redis://h:1/":                "h:1 0",
		"redis://ann:secret@h:1/3":    "h:1 3 ann secret",
		"redis://:secret@h":           "h:6379 0 secret",
		"redis://ann:se%40cret@h":     "h:6379 0 ann se@cret",
		"redis://[::1]:7":             "[::1]:7 0",
		"rediss://h/1":                "h:6379 1 TLS for h",
		"redis+sentinel://a,b:2/m/3":  "FailoverClient 3",
		"rediss+sentinel://x:y@a/m":   "FailoverClient 0 x y TLS for ",
		"redis+cluster://a,b:2":       "a:6379 b:2",
		"redis+cluster://x:y@[::1]/0": "[::1]:6379 x y",
	} {
		client, err := redisurl.Open(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if got := described(client); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{
		"", "h", "http://h", "redis+other://h", "redis:///1", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1",
		"redis://h/1/2", "redis://a,b", "redis://h?db=1", "redis://h#1", "redis+sentinel://h", "redis+sentinel://h/m/x",
		"redis+cluster://h/1", "redis+cluster://h,", "redis://secret@h:%", "redis://x:secret%zz@h", "redis://x:secret@h:99999",
	} {
		if _, err := redisurl.Open(url); err == nil || strings.Contains(err.Error(), "secret") || !strings.HasPrefix(err.Error(), "REDIS_URL: ") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// described is what a client was made with.
func described(client redis.UniversalClient) string {
	var parts []string
	tls := func(on bool, name string) {
		if on {
			parts = append(parts, "TLS for "+name)
		}
	}
	add := func(texts ...string) {
		for _, s := range texts {
			if s != "" {
				parts = append(parts, s)
			}
		}
	}
	switch c := client.(type) {
	case *redis.Client:
		o := c.Options()
		add(o.Addr, string(rune('0'+o.DB)), o.Username, o.Password)
		if o.TLSConfig != nil {
			tls(true, o.TLSConfig.ServerName)
		}
	case *redis.ClusterClient:
		o := c.Options()
		add(append(o.Addrs, o.Username, o.Password)...)
		tls(o.TLSConfig != nil, "")
	}
	return strings.Join(parts, " ")
}

// No text makes it panic, and no error repeats a password.
func FuzzOpen(f *testing.F) {
	for _, url := range []string{"redis://ann:hunter22@h:1/3", "redis+sentinel://ann:hunter22@a,b/m/1", "redis+cluster://:hunter22@a,b", "rediss://x@h@y:%zz"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		client, err := redisurl.Open(url)
		if err == nil {
			_ = client.Close()
			return
		}
		if strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%q: %v", url, err)
		}
	})
}
