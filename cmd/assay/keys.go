package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/commands"
	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/eventstore"
	"github.com/assaylabs/assay/internal/control"
	"github.com/assaylabs/assay/internal/setup"
)

// actor is who acts when a command of this program changes the ledger.
const actor = "assay"

func (p *program) keys() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Make, list and revoke API keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.createKey(), p.listKeys(), p.revokeKey())
	return cmd
}

// usePlane lets f use the control plane of the environment.
func (p *program) usePlane(ctx context.Context, f func(context.Context, *control.Plane) error) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	return control.Use(ctx, cfg, setup.NewLogger(cfg.LogFormat, p.stderr), f)
}

func call(reason string) commands.Call {
	return commands.Call{Meta: eventstore.Meta{Actor: actor, Reason: reason}}
}

func (p *program) createKey() *cobra.Command {
	var name, role, reason string
	var expires time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use: "create", Short: "Make an API key and print its token, this once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body := struct {
				Name      string    `json:"name"`
				Role      string    `json:"role"`
				ExpiresAt time.Time `json:"expires_at,omitzero"`
			}{Name: name, Role: role}
			if expires > 0 {
				body.ExpiresAt = time.Now().Add(expires).UTC().Truncate(time.Second)
			}
			data, err := domain.Encode(body)
			if err != nil {
				return err
			}
			return p.usePlane(cmd.Context(), func(ctx context.Context, plane *control.Plane) error {
				made, token, err := plane.Commands.CreateKey(ctx, call(reason), data)
				if err != nil {
					return err
				}
				if asJSON {
					return p.printJSON(map[string]string{"id": made.ID.String(), "key": made.Key, "name": name, "role": role, "token": token})
				}
				fmt.Fprintln(p.stderr, "The token is kept nowhere: store it now.")
				_, err = fmt.Fprintln(p.stdout, token)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "who or what uses the key; the actor of what is done with it")
	cmd.Flags().StringVar(&role, "role", "", "client, server, viewer, editor or admin")
	cmd.Flags().DurationVar(&expires, "expires-in", 0, "how long the key works, such as 2160h (default for ever)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	jsonFlag(cmd, &asJSON)
	_ = cmd.MarkFlagRequired("name") // fails for unknown flags only
	_ = cmd.MarkFlagRequired("role")
	return cmd
}

func (p *program) listKeys() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List API keys, without secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.usePlane(cmd.Context(), func(_ context.Context, plane *control.Plane) error {
				all := []domain.Key{}
				plane.Follower.WithCatalog(func(c *domain.Catalog) {
					for k := range c.Keys.All() {
						public := *k
						public.SecretHash = ""
						all = append(all, public)
					}
				})
				slices.SortFunc(all, func(a, b domain.Key) int { return strings.Compare(a.Name, b.Name) })
				if asJSON {
					return p.printJSON(all)
				}
				table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "ID\tNAME\tROLE\tCREATED\tEXPIRES")
				for _, k := range all {
					expires := "never"
					if !k.ExpiresAt.IsZero() {
						expires = k.ExpiresAt.Format(time.RFC3339)
					}
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Role, k.CreatedAt.Format(time.RFC3339), expires)
				}
				return table.Flush()
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (p *program) revokeKey() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "revoke id-or-key", Short: "Revoke an API key", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.usePlane(cmd.Context(), func(ctx context.Context, plane *control.Plane) error {
				_, err := plane.Commands.DeleteResource(ctx, call(reason), domain.KindKey, args[0])
				return err
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the ledger")
	return cmd
}
