package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"turnout/internal/api"
)

func (a *app) keysCommand() *cobra.Command {
	group := &cobra.Command{Use: "keys", Short: "List and rotate the keys that the service lives on", Args: cobra.ArbitraryArgs, RunE: a.group}
	list := a.serviceCommand("list", "Print the names of the keys, and what each does", "",
		func(ctx context.Context, c *connection, _ []string) error {
			var answer api.KeyList
			if err := c.ask(ctx, "GET", "/v1/keys", "", nil, &answer); err != nil {
				return err
			}
			return a.printKeys(answer)
		})
	var r keyRotation
	rotate := a.serviceCommand("rotate secrets|access-keys|token-keys [--lead 10m] [--overlap 168h] [--at-once]", "Put a new key in the place of the present ones",
		"Put a new key in the place of the present ones, in the store; every service and relay on it follows by itself, and nothing\n"+
			"that was made with the old ones fails: they verify until all of that has ended, and are removed then.\n"+
			"secrets are those that relay credentials are derived from, access-keys those that applications sign with (the new one\n"+
			"is printed), token-keys sign user access tokens. --at-once ends the old ones now, with all that was made with them.\n"+
			"Keys that stand in the configuration are changed there.",
		func(ctx context.Context, c *connection, args []string) error { return a.rotateKeys(ctx, c, args[0], r) })
	rotate.Flags().DurationVar(&r.lead, "lead", -1, "how long the new key waits until every process has heard of it; if negative, 10m for secrets, 1h for token-keys, 0 for access-keys")
	rotate.Flags().DurationVar(&r.overlap, "overlap", -1, "how long old access keys are valid, so that their holders can be given the new one; if negative, 168h")
	rotate.Flags().BoolVar(&r.atOnce, "at-once", false, "end the old keys now, and what was made with them: for keys that have leaked")
	group.AddCommand(list, rotate)
	return group
}

type keyRotation struct {
	lead, overlap time.Duration
	atOnce        bool
}

func (a *app) rotateKeys(ctx context.Context, c *connection, purpose string, r keyRotation) error {
	body := map[string]any{"purpose": purpose, "atOnce": r.atOnce}
	for name, d := range map[string]time.Duration{"lead": r.lead, "overlap": r.overlap} {
		if d >= 0 {
			body[name] = int64(d / time.Second)
		}
	}
	var answer api.KeyList
	if err := c.ask(ctx, "POST", "/v1/keys/rotation", "", body, &answer); err != nil {
		return err
	}
	if answer.AccessKey != "" {
		_, err := fmt.Fprintln(a.stdout, answer.AccessKey)
		return err
	}
	return a.printKeys(answer)
}

func (a *app) printKeys(list api.KeyList) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, k := range list.Keys {
		what := k.State
		switch {
		case k.Configured:
			what += ", in the configuration"
		case k.State == api.KeyComing:
			what += ", from " + k.From
		case k.Until != "":
			what += ", until " + k.Until
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Purpose, k.ID, k.Algorithm, what)
	}
	return w.Flush()
}
