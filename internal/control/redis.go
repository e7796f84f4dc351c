package control

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/projections"
)

// OpenRedis returns a client for the configured Redis, without connecting. What
// the library has to say goes into the log.
func OpenRedis(cfg Config, log *slog.Logger) (redis.UniversalClient, error) {
	redis.SetLogger(redisLog{log})
	client, err := projections.OpenRedis(cfg.RedisURL)
	if err != nil {
		return nil, &ConfigError{Variable: "REDIS_URL", Problem: cause(err).Error()}
	}
	return client, nil
}

// redisLog takes what the client library says of its connections: what matters
// of it, projections say themselves.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf(format, v...), "library", "go-redis")
}
