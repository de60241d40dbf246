package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"turnout/internal/top"
)

// adminTokenVariable names the file of the token for the admin listener: the key admin.token-file, as a variable.
const adminTokenVariable = "TURNOUT_ADMIN_TOKEN_FILE"

// usualAdmin is where turnout serves operators without any configuration.
const usualAdmin = "127.0.0.1:9478"

// A topView is what turnout top is told to show.
type topView struct {
	source
	admin, sort, search string
	once                bool
}

func (a *app) topCommand() *cobra.Command {
	var v topView
	c := a.command("top [--admin URL|unix:PATH | --config FILE]", "Show live what a running turnout relays",
		"Show live what a running turnout relays, drops and refuses, and the allocations that relay most, and end one of them.\n"+
			"It asks the admin listener, on this host unless --admin or the configuration says where; ssh -L brings another host's here.\n"+
			"The variable "+adminTokenVariable+" names the file of the token, where the listener wants one.\n"+
			"Where the output is no terminal, one frame of text is printed.",
		func(ctx context.Context) error { return a.top(ctx, &v) })
	v.flags(c)
	c.Flags().StringVar(&v.admin, "admin", "", "the admin listener, as `URL`, address:port or unix:/path; without it, the configuration's")
	c.Flags().StringVar(&v.sort, "sort", top.Orders[0], "order of the allocations: "+strings.Join(top.Orders, ", "))
	c.Flags().StringVar(&v.search, "search", "", "only allocations with this `TEXT` in their subject, or of clients at this address or block")
	c.Flags().BoolVar(&v.once, "once", false, "print one frame, as text")
	return c
}

// top shows frames until a key ends it, or prints one.
func (a *app) top(ctx context.Context, v *topView) error {
	if !slices.Contains(top.Orders, v.sort) {
		return usage("--sort %q is not known; give %s", v.sort, strings.Join(top.Orders, ", "))
	}
	client, err := a.adminClient(v)
	if err != nil {
		return err
	}
	m := &top.Model{Order: v.sort, Text: v.search}
	in, isFile := a.stdin.(*os.File)
	out, isScreen := a.stdout.(*os.File)
	if v.once || !isFile || !isScreen || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) || a.variable("TERM") == "dumb" {
		const width, height = 140, 40 // where lines are read by programs, or kept, they may be long
		return top.Once(ctx, client, m, a.stdout, width, height)
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("use the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), before) }() // the terminal is gone: nothing is left to restore
	return top.Run(ctx, client, m, top.Screen{
		Keys: in, Out: out, Style: top.Style{Attributes: a.variable("NO_COLOR") == ""},
		Size: func() (int, int) {
			width, height, err := term.GetSize(int(out.Fd()))
			if err != nil {
				return 80, 24 // as every terminal has
			}
			return width, height
		},
	})
}

// adminClient finds the admin listener: named by the flag or, where that names none, by the configuration.
func (a *app) adminClient(v *topView) (*top.Client, error) {
	at, file := v.admin, a.variable(adminTokenVariable)
	if at == "" || v.file != "" {
		l, err := a.load(&v.source)
		if err != nil {
			return nil, err
		}
		file = l.Admin.TokenFile
		switch {
		case at != "":
		case l.Admin.Listen.Set():
			at = l.Admin.Listen.String()
		default:
			return nil, usage("the configuration has no admin.listen to ask; add for example admin: {listen: %s}, or give --admin", usualAdmin)
		}
	}
	var token func() (string, error)
	if file != "" {
		token = func() (string, error) {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", fmt.Errorf("read the admin listener's token: %w", err)
			}
			return strings.TrimSpace(string(text)), nil
		}
	}
	client, err := top.NewClient(at, token)
	if err != nil {
		return nil, usage("--admin %v", err)
	}
	return client, nil
}
