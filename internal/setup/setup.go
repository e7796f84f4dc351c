// Package setup has what all of Assay's programs do alike: settings that are
// checked, a logger, a registry of metrics, a version. It links no database.
package setup

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// InstanceID names this process: by the machine, for people, and by chance.
func InstanceID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	name := strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return -1
	}, host[:min(len(host), 50)])
	return fmt.Sprintf("%s-%08x", cmp.Or(strings.TrimLeft(name, "-._"), "host"), rand.Uint32())
}

// DefaultListenAddr is loopback: who wants more says so.
const DefaultListenAddr = "127.0.0.1:8080"

// A ConfigError is a setting that cannot be. It never holds the value, which may
// be a secret.
type ConfigError struct{ Variable, Problem string }

func (e *ConfigError) Error() string { return e.Variable + ": " + e.Problem }

// CheckListenAddr refuses what is not host:port.
func CheckListenAddr(addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return &ConfigError{"LISTEN_ADDR", "must be host:port, such as " + DefaultListenAddr}
	}
	return nil
}

// CheckLogFormat refuses what NewLogger does not know.
func CheckLogFormat(format string) error {
	if format != "text" && format != "json" {
		return &ConfigError{"ASSAY_LOG", "must be text or json"}
	}
	return nil
}

var namespacePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// CheckNamespace refuses what cannot be a schema and a prefix of Redis keys.
func CheckNamespace(name string) error {
	switch {
	case name == "":
		return nil
	case !namespacePattern.MatchString(name):
		return &ConfigError{"ASSAY_NAMESPACE", "must be up to 40 of a-z, 0-9 and '_', starting with a letter"}
	case name == "public" || name == "information_schema" || len(name) > 3 && name[:3] == "pg_":
		return &ConfigError{"ASSAY_NAMESPACE", fmt.Sprintf("must not be %s, which is PostgreSQL's own", name)}
	}
	return nil
}

// CheckNATS refuses what is not a list of NATS servers; none is right.
func CheckNATS(urls string) error {
	if urls == "" {
		return nil
	}
	for server := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" {
			return &ConfigError{"NATS_URL", "must be like nats://host:4222, or several with commas"}
		}
	}
	return nil
}

// SnapshotDir is where a namespace's snapshots are kept below dir: positions of
// another namespace say nothing about them.
func SnapshotDir(dir, namespace string) string {
	return filepath.Join(dir, cmp.Or(namespace, "default"))
}

// NewLogger returns a logger that writes text or json.
func NewLogger(format string, w io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// NewRegistry returns a registry with the process's own metrics.
func NewRegistry(version string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "assay_build_info", Help: "Always 1; the label says which version runs.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// Version is the release's, if there is one, else the module's or the commit's.
func Version(release string) string {
	if release != "" {
		return release
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if build.Main.Version != "" && build.Main.Version != "(devel)" {
		return build.Main.Version
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}
