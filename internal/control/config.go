// Package control puts the control plane together, all but the API in front of
// it: pools, ledger, projections, closing of days, commands and queries. Begin
// with ReadConfig and Open; Run keeps it going.
package control

import (
	"errors"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/assaylabs/assay/internal/setup"
	"github.com/assaylabs/assay/projections"
)

// Config is what the environment says. A variable that is not set is empty here.
type Config struct {
	// DatabaseURL is what the serving role connects with.
	DatabaseURL string
	// OwnerURL is the owner's connection, for migrations and rebuilding;
	// DatabaseURL where it was not given.
	OwnerURL string
	// RedisURL is empty where there is no Redis.
	RedisURL string
	// NATSURL is empty where tracked events go straight into Postgres.
	NATSURL string
	// ListenAddr is host:port.
	ListenAddr string
	// RootToken always works, as admin.
	RootToken string
	// EdgeToken lets edges fetch what they serve, as a server key does.
	EdgeToken string
	// SessionSecret seals the console's cookies; empty where there is none of its
	// own.
	SessionSecret string
	// PublicURL is where browsers have this server; empty where their Host says it.
	PublicURL string
	// OIDC is the provider by which people may sign in too; all empty without.
	OIDC OIDC
	// SnapshotDir is where the edge keeps its last good snapshot; empty for
	// nowhere.
	SnapshotDir string
	// Namespace is the Postgres schema and the prefix of Redis keys.
	Namespace string
	// LogFormat is text or json.
	LogFormat string
	// Tracing says that spans are exported; the exporter reads the rest of
	// OpenTelemetry's variables itself.
	Tracing bool
	// Version of the setup.
	Version string
	// ID names this process among others; default one of its own.
	ID string
}

// OIDC names an OpenID provider, this server's account with it, and who gets
// which role.
type OIDC struct{ Issuer, ClientID, ClientSecret, Roles string }

// DefaultListenAddr is every program's.
const DefaultListenAddr = setup.DefaultListenAddr

// ConfigError is every program's.
type ConfigError = setup.ConfigError

// ReadConfig reads and checks the environment. Every fault is a *ConfigError.
func ReadConfig(getenv func(string) string) (Config, error) {
	c := Config{
		DatabaseURL: getenv("DATABASE_URL"),
		OwnerURL:    getenv("MIGRATE_DATABASE_URL"),
		RedisURL:    getenv("REDIS_URL"),
		NATSURL:     getenv("NATS_URL"),
		ListenAddr:  getenv("LISTEN_ADDR"),
		RootToken:   getenv("ASSAY_ROOT_TOKEN"),
		EdgeToken:   getenv("ASSAY_EDGE_TOKEN"),
		SnapshotDir: getenv("SNAPSHOT_DIR"),
		PublicURL:   strings.TrimSuffix(getenv("ASSAY_PUBLIC_URL"), "/"),
		Namespace:   getenv("ASSAY_NAMESPACE"),
		LogFormat:   getenv("ASSAY_LOG"),

		SessionSecret: getenv("ASSAY_SESSION_SECRET"),
		OIDC: OIDC{
			Issuer: getenv("ASSAY_OIDC_ISSUER"), ClientID: getenv("ASSAY_OIDC_CLIENT_ID"),
			ClientSecret: getenv("ASSAY_OIDC_CLIENT_SECRET"), Roles: getenv("ASSAY_OIDC_ROLES"),
		},
		Tracing: getenv("OTEL_SDK_DISABLED") != "true" &&
			(getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""),
	}
	if c.OwnerURL == "" {
		c.OwnerURL = c.DatabaseURL
	}
	if c.ListenAddr == "" {
		c.ListenAddr = DefaultListenAddr
	}
	if c.LogFormat == "" {
		c.LogFormat = "text"
	}
	return c, c.Check()
}

// Check refuses what cannot be.
func (c Config) Check() error {
	if c.DatabaseURL == "" {
		return &ConfigError{Variable: "DATABASE_URL", Problem: "must be set, such as postgres://assay_app@db.internal/assay"}
	}
	for variable, url := range map[string]string{"DATABASE_URL": c.DatabaseURL, "MIGRATE_DATABASE_URL": c.OwnerURL} {
		if _, err := pgx.ParseConfig(url); err != nil {
			return &ConfigError{Variable: variable, Problem: "must be a PostgreSQL URL, such as postgres://user:password@host:5432/database"}
		}
	}
	if c.RedisURL != "" {
		client, err := projections.OpenRedis(c.RedisURL)
		if err != nil {
			return &ConfigError{Variable: "REDIS_URL", Problem: cause(err).Error()}
		}
		_ = client.Close() // it has not connected
	}
	for _, err := range []error{setup.CheckListenAddr(c.ListenAddr), setup.CheckLogFormat(c.LogFormat), setup.CheckNATS(c.NATSURL), c.checkConsole()} {
		if err != nil {
			return err
		}
	}
	return setup.CheckNamespace(c.Namespace)
}

// minSecret is how long the secret of sessions must be, in bytes.
const minSecret = 32

func (c Config) checkConsole() error {
	if c.SessionSecret != "" && len(c.SessionSecret) < minSecret {
		return &ConfigError{Variable: "ASSAY_SESSION_SECRET", Problem: "must be at least 32 characters, such as openssl rand -hex 32 makes"}
	}
	if err := c.OIDC.check(c.PublicURL); err != nil {
		return err
	}
	if c.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return &ConfigError{Variable: "ASSAY_PUBLIC_URL", Problem: "must be an origin, such as https://assay.example.com"}
	}
	return nil
}

// check refuses half a provider: nobody could sign in, or everybody.
func (o OIDC) check(publicURL string) error {
	if o == (OIDC{}) {
		return nil
	}
	for variable, value := range map[string]string{
		"ASSAY_OIDC_ISSUER": o.Issuer, "ASSAY_OIDC_CLIENT_ID": o.ClientID, "ASSAY_OIDC_ROLES": o.Roles, "ASSAY_PUBLIC_URL": publicURL,
	} {
		if value == "" {
			return &ConfigError{Variable: variable, Problem: "must be set where people sign in by an OpenID provider"}
		}
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return &ConfigError{Variable: "ASSAY_OIDC_ISSUER", Problem: "must be the provider's issuer, such as https://login.example.com"}
	}
	return nil
}

// cause is what OpenRedis says below the variable's name.
func cause(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
