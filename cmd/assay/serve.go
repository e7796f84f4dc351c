package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"

	httpapi "github.com/assaylabs/assay/http"
	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/serving"
	"github.com/assaylabs/assay/internal/setup"
)

func (p *program) serve() *cobra.Command {
	var addr string
	var withEdge bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the control plane, and the data plane beside it", Args: cobra.NoArgs,
		Long: `Runs the control plane: the admin and staff API, the projections and the closing
of days; and on the same port, unless --edge=false, the data plane: evaluation,
snapshots, streams and tracking. It migrates the database at start; any number of replicas
may run side by side. SIGTERM or Ctrl-C stops it gracefully.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			if addr != "" {
				cfg.ListenAddr = addr
			}
			if err := cfg.Check(); err != nil {
				return err
			}
			listener, err := listen(cfg.ListenAddr)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, listener, setup.NewLogger(cfg.LogFormat, p.stderr), withEdge, nil)
		},
	}
	cmd.Flags().StringVar(&addr, "listen", "", "host:port to listen on (default $LISTEN_ADDR, else "+control.DefaultListenAddr+")")
	addEdgeFlag(cmd, &withEdge)
	return cmd
}

func addEdgeFlag(cmd *cobra.Command, withEdge *bool) {
	cmd.Flags().BoolVar(withEdge, "edge", true, "answer evaluation, snapshots and streams too")
}

// listen takes the port before anything else is begun: who cannot have it should
// not touch the database.
func listen(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: free the port, or choose another with --listen", err)
	}
	return listener, nil
}

// serve runs a control plane, perhaps with an edge, until ctx ends. beside, if
// any, is called when the ledger has been read, and runs along; its error ends
// the serving.
func serve(ctx context.Context, cfg control.Config, listener net.Listener, log *slog.Logger, withEdge bool, beside func(context.Context, *control.Plane) error) (err error) {
	defer listener.Close()
	if cfg.Tracing {
		stop, err := control.StartTracing(ctx, cfg.Version)
		if err != nil {
			return err
		}
		defer func() {
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := stop(ending); err != nil {
				log.Warn("the last spans were not sent", "error", err)
			}
		}()
	}
	sessions, err := newSessions(cfg)
	if err != nil {
		return err
	}
	plane, err := control.Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer plane.Close()
	if err := plane.Prepare(ctx); err != nil {
		return err
	}
	log.InfoContext(ctx, "serving", "address", listener.Addr().String(), "version", cfg.Version, "namespace", cfg.Namespace)
	handler, err := httpapi.New(httpapi.Config{
		Commands: plane.Commands, Queries: plane.Queries, System: plane.System, Uses: plane.Uses, RootToken: cfg.RootToken,
		Sessions: sessions, Log: log, Registry: plane.Registry, Version: cfg.Version, Tracing: cfg.Tracing,
	})
	if err != nil {
		return err
	}
	fresh := func(context.Context) {}
	if withEdge {
		data, err := newDataPlane(cfg, plane, sessions, handler, log)
		if err != nil {
			return err
		}
		defer data.close()
		handler, fresh = data.edge, data.run
	}
	return plane.Run(ctx, func(ctx context.Context) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { fresh(ctx) })
		along := make(chan error, 1)
		go func() {
			defer close(along)
			if beside == nil {
				return
			}
			if err := beside(ctx, plane); err != nil && ctx.Err() == nil {
				along <- err
				stop()
			}
		}()
		err := serving.Serve(ctx, listener, handler, serving.DefaultDrain)
		stop()
		return errors.Join(err, <-along)
	})
}

// newSessions lets people sign in to the console.
func newSessions(cfg control.Config) (*httpapi.Sessions, error) {
	settings := httpapi.SessionConfig{Secret: cfg.SessionSecret, RootToken: cfg.RootToken, PublicURL: cfg.PublicURL}
	if cfg.OIDC.Issuer != "" {
		roles, err := httpapi.ParseRoles(cfg.OIDC.Roles)
		if err != nil {
			return nil, &control.ConfigError{Variable: "ASSAY_OIDC_ROLES", Problem: err.Error()}
		}
		settings.OIDC = httpapi.OIDCConfig{
			Issuer: cfg.OIDC.Issuer, ClientID: cfg.OIDC.ClientID, ClientSecret: cfg.OIDC.ClientSecret, Roles: roles,
		}
	}
	return httpapi.NewSessions(settings)
}

func (p *program) migrate() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database up to date", Args: cobra.NoArgs,
		Long: `Migrates the schema as the owner (MIGRATE_DATABASE_URL) and grants the role of
DATABASE_URL what serving needs: to read everything, to append to the ledger and
to keep the read models. serve does the same at its start.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			return control.Migrate(cmd.Context(), cfg)
		},
	}
}
