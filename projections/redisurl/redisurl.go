// Package redisurl opens a Redis by its URL, with every wait bounded. It links
// nothing else of Assay, so that edges can use it. Begin with Open.
package redisurl

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// timeout bounds every single wait for Redis.
const timeout = 500 * time.Millisecond

// Open returns a client for a REDIS_URL, without connecting:
//
//	redis://[user:password@]host[:port][/db]
//	redis+sentinel://[user:password@]host[:port],host[:port]/master[/db]
//	redis+cluster://[user:password@]host[:port],host[:port]
//
// rediss in the place of redis means TLS. Errors never hold the password.
func Open(rawURL string) (redis.UniversalClient, error) {
	o, kind, err := parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	switch kind {
	case "sentinel":
		return redis.NewFailoverClient(o.Failover()), nil
	case "cluster":
		return redis.NewClusterClient(o.Cluster()), nil
	}
	return redis.NewClient(o.Simple()), nil
}

func parse(rawURL string) (o *redis.UniversalOptions, kind string, err error) {
	scheme, rest, _ := strings.Cut(rawURL, "://")
	scheme, kind, _ = strings.Cut(scheme, "+")
	if scheme != "redis" && scheme != "rediss" || kind != "" && kind != "sentinel" && kind != "cluster" {
		return nil, "", errors.New("must start with redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	// net/url takes one host only.
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	hosts := rest[strings.LastIndex(rest[:end], "@")+1 : end]
	u, err := url.Parse("redis://" + strings.TrimSuffix(rest[:end], hosts) + "host" + rest[end:])
	if err != nil {
		var wrapped *url.Error // its text would hold the password
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, "", fmt.Errorf("is malformed: %w", err)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, "", errors.New("must not have parameters")
	}
	o = options()
	if o.Addrs, err = addresses(hosts, kind); err != nil {
		return nil, "", err
	}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	if scheme == "rediss" {
		host, _, _ := net.SplitHostPort(o.Addrs[0])
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if kind == "" {
			o.TLSConfig.ServerName = host
		}
	}
	return o, kind, readPath(o, kind, u.Path)
}

// options gives up early: who waits for Redis has somewhere else to go.
func options() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		ClientName:  "assay",
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
		DialerRetries: 1, MaxRetries: 1, MinRetryBackoff: 8 * time.Millisecond, MaxRetryBackoff: 32 * time.Millisecond,
		ContextTimeoutEnabled:    true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func addresses(hosts, kind string) ([]string, error) {
	port := "6379"
	if kind == "sentinel" {
		port = "26379"
	}
	all := strings.Split(hosts, ",")
	if kind == "" && len(all) > 1 {
		return nil, errors.New("several hosts need redis+sentinel:// or redis+cluster://")
	}
	for i, h := range all {
		u, err := url.Parse("redis://" + h)
		if err != nil || u.Hostname() == "" || u.Host != h {
			return nil, fmt.Errorf("host %d must be host or host:port", i+1)
		}
		p := u.Port()
		if p == "" {
			p = port
		}
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("host %d has no valid port", i+1)
		}
		all[i] = net.JoinHostPort(u.Hostname(), p)
	}
	return all, nil
}

// readPath reads what follows the hosts: [/master][/db].
func readPath(o *redis.UniversalOptions, kind, path string) error {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if kind == "sentinel" {
		if len(parts) == 0 {
			return errors.New("must name the master, as in redis+sentinel://host/master")
		}
		o.MasterName, parts = parts[0], parts[1:]
	}
	if len(parts) == 0 {
		return nil
	}
	db, err := strconv.Atoi(parts[0])
	if len(parts) > 1 || err != nil || db < 0 || kind == "cluster" && db != 0 {
		return errors.New("must end in the number of a database; a cluster has 0 alone")
	}
	o.DB = db
	return nil
}

// LogTo sends what the client library has to say of its connections, for this
// whole process, to where nobody sees it unless they look for it: what matters of
// it, its users say themselves.
func LogTo(log *slog.Logger) { redis.SetLogger(libraryLog{log}) }

type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf(format, v...), "library", "go-redis")
}
