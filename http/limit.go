package httpapi

import (
	"math"
	"net/http"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// RateLimit bounds how often one API key may ask. The root token is the
// operator's own and has no limit.
type RateLimit struct {
	// PerSecond requests in the long run, default 1,000; below 0 is no limit.
	PerSecond float64
	// Burst requests at once, default twice PerSecond.
	Burst int
}

const (
	defaultPerSecond = 1000
	// strangersPerSecond bounds wrong tokens from one address.
	strangersPerSecond, strangersBurst = 10, 100
	// rememberedBuckets bounds memory: who was not seen for longest starts
	// with a full bucket again.
	rememberedBuckets = 10_000
)

// limits are token buckets by key and, for wrong tokens, by address. They may
// be used by many goroutines.
type limits struct {
	keys, strangers *buckets
}

type buckets struct {
	rate  rate.Limit
	burst int
	byID  *lru.Cache[string, *rate.Limiter]
}

func newLimits(cfg RateLimit) (*limits, error) {
	if cfg.PerSecond == 0 {
		cfg.PerSecond = defaultPerSecond
	}
	if cfg.Burst == 0 {
		cfg.Burst = int(math.Ceil(2 * cfg.PerSecond))
	}
	keys, err := newBuckets(cfg.PerSecond, cfg.Burst)
	if err != nil {
		return nil, err
	}
	strangers, err := newBuckets(strangersPerSecond, strangersBurst)
	return &limits{keys: keys, strangers: strangers}, err
}

func newBuckets(perSecond float64, burst int) (*buckets, error) {
	byID, err := lru.New[string, *rate.Limiter](rememberedBuckets)
	return &buckets{rate: rate.Limit(perSecond), burst: burst, byID: byID}, err
}

func (l *limits) key(id string) bool        { return l.keys.allow(id) }
func (l *limits) stranger(host string) bool { return l.strangers.allow(host) }

// exceeded is the answer to who asks too often. A second refills what the next
// request needs at any rate of one or more.
func (l *limits) exceeded() error {
	return &fault{
		status: http.StatusTooManyRequests, detail: "too many requests, ask more slowly",
		retryAfter: max(1, int(math.Ceil(1/float64(l.keys.rate)))),
	}
}

func (b *buckets) allow(id string) bool {
	if b.rate < 0 {
		return true
	}
	bucket, ok := b.byID.Get(id)
	if !ok {
		bucket = rate.NewLimiter(b.rate, b.burst)
		if first, raced, _ := b.byID.PeekOrAdd(id, bucket); raced {
			bucket = first
		}
	}
	return bucket.Allow()
}
