package redistest_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/internal/redistest"
)

func TestURLsAnswer(t *testing.T) {
	urls := redistest.URLs(t)
	if len(urls) != 2 || urls["redis"] == urls["memory"] {
		t.Fatalf("URLs = %v", urls)
	}
	for name, url := range urls {
		options, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		c := redis.NewClient(options)
		defer c.Close()
		if err := c.Ping(t.Context()).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
