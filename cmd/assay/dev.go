package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/dev"
	"github.com/assaylabs/assay/internal/proc"
)

// devToken is dev's root token, unless ASSAY_ROOT_TOKEN says another: it is for
// loopback alone.
const devToken = "dev"

type devOptions struct {
	dir, listen   string
	verbose, live bool
	edge          bool
}

func (p *program) dev() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use: "dev", Short: "Run everything on this machine, with demo data", Args: cobra.NoArgs,
		Long: `Runs the control and the data plane with a private PostgreSQL and Redis and demo experiments.
Needs nothing to be installed: without a PostgreSQL on this machine it downloads
one, once; without a redis-server it brings one. The data stay in the directory
for the next start. Ctrl-C stops everything.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runDev(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.dir, "dir", ".assay", "directory of the data")
	cmd.Flags().StringVar(&o.listen, "listen", "", "host:port to listen on (default $LISTEN_ADDR, else "+control.DefaultListenAddr+")")
	addEdgeFlag(cmd, &o.edge)
	cmd.Flags().BoolVar(&o.live, "live", true, "have traffic in the demo experiments, and switch one on and off now and then")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "log every request, and what PostgreSQL says")
	return cmd
}

func (p *program) runDev(ctx context.Context, o devOptions) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go proc.WatchGoRun(ctx, stop)
	cfg, err := p.devConfig(o)
	if err != nil {
		return err
	}
	listener, err := listen(cfg.ListenAddr)
	if err != nil {
		return err
	}
	cfg.ListenAddr = listener.Addr().String()
	level, pgLog := slog.LevelWarn, io.Discard
	if o.verbose {
		level, pgLog = slog.LevelInfo, p.stderr
	}
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level}))
	notices := &downloadNotice{to: p.stderr, next: pgLog}
	env, err := dev.Start(ctx, o.dir, notices)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, env.Stop()) }()
	cfg.DatabaseURL, cfg.OwnerURL, cfg.RedisURL = env.DatabaseURL(), env.OwnerURL(), env.RedisURL()
	return serve(ctx, cfg, listener, log, o.edge, func(ctx context.Context, plane *control.Plane) error {
		if err := dev.Seed(ctx, plane.Commands); err != nil {
			return err
		}
		p.welcome(cfg, env, o)
		if !o.live {
			return nil
		}
		var wg sync.WaitGroup
		wg.Go(func() { dev.Toggle(ctx, plane.Commands) })
		if o.edge {
			wg.Go(func() { dev.Traffic(ctx, o.dir, "http://"+cfg.ListenAddr, cfg.RootToken, log) })
		}
		wg.Wait()
		return nil
	})
}

// devConfig is the environment's, but for the servers, which are dev's own.
func (p *program) devConfig(o devOptions) (control.Config, error) {
	own := map[string]bool{"DATABASE_URL": true, "MIGRATE_DATABASE_URL": true, "REDIS_URL": true}
	cfg, err := control.ReadConfig(func(name string) string {
		switch {
		case name == "DATABASE_URL":
			return "postgres://localhost/assay" // a place to be filled
		case own[name]:
			return ""
		}
		return p.getenv(name)
	})
	if err != nil {
		return cfg, err
	}
	cfg.Version = version()
	if o.listen != "" {
		cfg.ListenAddr = o.listen
	}
	if err := cfg.Check(); err != nil {
		return cfg, err
	}
	if cfg.RootToken == "" {
		if !loopback(cfg.ListenAddr) {
			return cfg, &control.ConfigError{Variable: "ASSAY_ROOT_TOKEN", Problem: "must be set to listen beyond this machine"}
		}
		cfg.RootToken = devToken
	}
	if cfg.SessionSecret == "" {
		cfg.SessionSecret = rand.Text() + rand.Text() // the link signs in again after a start
	}
	return cfg, nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (p *program) welcome(cfg control.Config, env *dev.Environment, o devOptions) {
	redis := env.RedisURL()
	if !env.RealRedis() {
		redis += " (inside this process: no redis-server is installed)"
	}
	at := "http://" + cfg.ListenAddr
	fmt.Fprintf(p.stdout, `Assay runs at %s
  console     %s/#token=%s
  token       %s
  API         %s/docs
  PostgreSQL  %s
  Redis       %s
  data        %s
Ctrl-C stops it; the data stay.
`, at, at, url.QueryEscape(cfg.RootToken), cfg.RootToken, at, env.DatabaseURL(), redis, o.dir)
}

// downloadNotice shows the one line of the log that every user should see.
type downloadNotice struct{ to, next io.Writer }

func (n *downloadNotice) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "downloading") {
		_, _ = n.to.Write(b)
	}
	return n.next.Write(b)
}
