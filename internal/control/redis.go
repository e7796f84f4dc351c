package control

import (
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/projections"
	"github.com/assaylabs/assay/projections/redisurl"
)

// OpenRedis returns a client for the configured Redis, without connecting. What
// the library has to say goes into the log.
func OpenRedis(cfg Config, log *slog.Logger) (redis.UniversalClient, error) {
	redisurl.LogTo(log)
	client, err := projections.OpenRedis(cfg.RedisURL)
	if err != nil {
		return nil, &ConfigError{Variable: "REDIS_URL", Problem: cause(err).Error()}
	}
	return client, nil
}
