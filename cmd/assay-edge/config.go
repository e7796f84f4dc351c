package main

import (
	"cmp"
	"errors"
	"net/url"

	"github.com/redis/go-redis/v9"

	"github.com/assaylabs/assay/internal/setup"
	"github.com/assaylabs/assay/projections/redisurl"
)

// config is what the environment says.
type config struct {
	redis                 redis.UniversalClient // nil without
	natsURL               string                // empty: tracked events go to controlURL
	controlURL, edgeToken string
	snapshotDir           string
	listenAddr            string
	rootToken             string
	namespace, logFormat  string
}

// readConfig reads and checks the environment. Every fault is a
// *setup.ConfigError.
func readConfig(getenv func(string) string, addr string) (config, error) {
	c := config{
		natsURL: getenv("NATS_URL"), controlURL: getenv("ASSAY_CONTROL_URL"), edgeToken: getenv("ASSAY_EDGE_TOKEN"),
		snapshotDir: getenv("SNAPSHOT_DIR"), rootToken: getenv("ASSAY_ROOT_TOKEN"), namespace: getenv("ASSAY_NAMESPACE"),
		listenAddr: cmp.Or(addr, getenv("LISTEN_ADDR"), setup.DefaultListenAddr),
		logFormat:  cmp.Or(getenv("ASSAY_LOG"), "text"),
	}
	redisURL := getenv("REDIS_URL")
	for _, err := range []error{
		setup.CheckListenAddr(c.listenAddr), setup.CheckLogFormat(c.logFormat), setup.CheckNamespace(c.namespace), setup.CheckNATS(c.natsURL), c.checkSources(redisURL),
	} {
		if err != nil {
			return c, err
		}
	}
	if redisURL == "" {
		return c, nil
	}
	client, err := redisurl.Open(redisURL)
	if err != nil {
		return c, &setup.ConfigError{Variable: "REDIS_URL", Problem: cmp.Or(errors.Unwrap(err), err).Error()}
	}
	c.redis = client
	return c, nil
}

func (c config) checkSources(redisURL string) error {
	if c.controlURL == "" {
		if redisURL == "" {
			return &setup.ConfigError{Variable: "REDIS_URL", Problem: "must be set, or ASSAY_CONTROL_URL: snapshots have to come from somewhere"}
		}
		return nil
	}
	u, err := url.Parse(c.controlURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return &setup.ConfigError{Variable: "ASSAY_CONTROL_URL", Problem: "must be like https://assay.example.com"}
	}
	if c.edgeToken == "" {
		return &setup.ConfigError{Variable: "ASSAY_EDGE_TOKEN", Problem: "must be set with ASSAY_CONTROL_URL"}
	}
	return nil
}
