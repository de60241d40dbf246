package main

import (
	"context"
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"turnout/internal/api"
)

func (a *app) userCommand() *cobra.Command {
	group := &cobra.Command{Use: "user", Short: "Create, list, revoke and delete users of the service", Args: cobra.ArbitraryArgs, RunE: a.group}
	var name string
	create := a.serviceCommand("create [--custom-id NAME]", "Make a user and print its id",
		"Make a user and print its id. With --custom-id the same name gives the same user.",
		func(ctx context.Context, c *connection, _ []string) error {
			var made struct{ Identity struct{ ID string } }
			if err := c.ask(ctx, "POST", "/identities?api-version="+identityVersion, "", map[string]any{"customId": nilIfEmpty(name)}, &made); err != nil {
				return err
			}
			_, err := fmt.Fprintln(a.stdout, made.Identity.ID)
			return err
		})
	create.Flags().StringVar(&name, "custom-id", "", "the application's own `NAME` of the user")

	revoke := a.serviceCommand("revoke ID", "End all that was issued for a user so far, live calls included",
		"End all tokens and credentials that were issued so far, and the live allocations made with them, for a user of the service\n"+
			"(8:acs:…), one of another issuer (with its prefix), or a name of an application's own.",
		func(ctx context.Context, c *connection, args []string) error {
			return c.ask(ctx, "POST", "/v1/revocations", "", map[string]string{"subject": args[0]}, nil)
		})
	remove := a.serviceCommand("delete ID", "Delete a user and end all that was issued for it", "",
		func(ctx context.Context, c *connection, args []string) error {
			return c.ask(ctx, "DELETE", identityPath(args[0], ""), "", nil, nil)
		})
	list := a.serviceCommand("list", "Print the users of the service", "",
		func(ctx context.Context, c *connection, _ []string) error { return a.listUsers(ctx, c) })
	group.AddCommand(create, list, revoke, remove)
	return group
}

// nilIfEmpty is null in JSON for an empty text.
func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (a *app) listUsers(ctx context.Context, c *connection) error {
	const page = 1000
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for after := ""; ; {
		var users api.UserPage
		path := fmt.Sprintf("/v1/users?limit=%d&after=%s", page, url.QueryEscape(after))
		if err := c.ask(ctx, "GET", path, "", nil, &users); err != nil {
			return err
		}
		for _, u := range users.Users {
			fmt.Fprintf(w, "%s\t%s\t%s\n", u.ID, u.CreatedOn, u.CustomID)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if after = users.Next; after == "" {
			return nil
		}
	}
}

// serviceCommand makes a command that asks a service and takes the arguments that use names.
func (a *app) serviceCommand(use, short, long string, do func(context.Context, *connection, []string) error) *cobra.Command {
	var s target
	c := &cobra.Command{
		Use: use + " [--config FILE | --connection-string S]", Short: short, Long: long, Args: exactly(use), DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			a.ran = true
			to, err := a.connect(c.Context(), &s)
			if err != nil {
				return err
			}
			defer to.close()
			return do(c.Context(), to, args)
		},
	}
	s.flags(c)
	return c
}
