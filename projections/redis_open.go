package projections

import (
	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/projections/redisurl"
)

// OpenRedis returns a client for a REDIS_URL, without connecting; see
// redisurl.Open.
func OpenRedis(rawURL string) (redis.UniversalClient, error) { return redisurl.Open(rawURL) }
