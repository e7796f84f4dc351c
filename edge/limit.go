package edge

import (
	"math"
	"net"
	"net/http"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// RateLimit bounds how often one API key may ask one edge. The root token is the
// operator's own and has no limit.
type RateLimit struct {
	// PerSecond requests in the long run, default 100,000: all browsers share
	// their client key. Below 0 is no limit.
	PerSecond float64
	// Burst requests at once, default twice PerSecond.
	Burst int
}

const (
	defaultPerSecond = 100_000
	// strangersPerSecond bounds wrong tokens from one address.
	strangersPerSecond, strangersBurst = 10, 100
	// rememberedAddresses bounds memory.
	rememberedAddresses = 10_000
)

// limits are token buckets by key and, for wrong tokens, by address.
type limits struct {
	rate      rate.Limit
	burst     int
	strangers *lru.Cache[string, *rate.Limiter]
}

func newLimits(cfg RateLimit) *limits {
	if cfg.PerSecond == 0 {
		cfg.PerSecond = defaultPerSecond
	}
	if cfg.Burst == 0 {
		cfg.Burst = int(math.Ceil(2 * cfg.PerSecond))
	}
	strangers, _ := lru.New[string, *rate.Limiter](rememberedAddresses) // fails for sizes below 1 alone
	return &limits{rate: rate.Limit(cfg.PerSecond), burst: cfg.Burst, strangers: strangers}
}

// bucket returns a full one for a key; nil is no limit.
func (l *limits) bucket() *rate.Limiter {
	if l.rate < 0 {
		return nil
	}
	return rate.NewLimiter(l.rate, l.burst)
}

// stranger says whether an address may try another token.
func (l *limits) stranger(r *http.Request) bool {
	host := remote(r)
	bucket, ok := l.strangers.Get(host)
	if !ok {
		bucket = rate.NewLimiter(strangersPerSecond, strangersBurst)
		if first, raced, _ := l.strangers.PeekOrAdd(host, bucket); raced {
			bucket = first
		}
	}
	return bucket.Allow()
}

// exceeded is the answer to who asks too often: by then the next request has
// refilled.
func (l *limits) exceeded() *fault {
	return &fault{
		status: http.StatusTooManyRequests, detail: "too many requests, ask more slowly",
		retryAfter: max(1, int(math.Ceil(1/float64(l.rate)))),
	}
}

func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
