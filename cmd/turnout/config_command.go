package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"turnout/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	group := &cobra.Command{Use: "config", Short: "Check, print or begin a configuration", Args: cobra.ArbitraryArgs, RunE: a.group}

	var s source
	check := a.command("check [--config FILE]", "Say everything that is wrong with a configuration",
		"Say everything that is wrong with a configuration, on standard error, and exit 2; or print ok.",
		func(ctx context.Context) error { return a.checkConfig(ctx, &s) })
	s.flags(check)

	var p source
	print := a.command("print [--config FILE]", "Print the configuration in use, defaults filled in and secrets as ***", "",
		func(context.Context) error { return a.printConfig(&p) })
	p.flags(print)

	example := a.command("example", "Print a complete configuration file with comments, to start from", "",
		func(context.Context) error {
			_, err := io.WriteString(a.stdout, config.Example)
			return err
		})
	group.AddCommand(check, print, example)
	return group
}

func (a *app) checkConfig(ctx context.Context, s *source) error {
	l, err := a.load(s)
	if err != nil {
		return err
	}
	// What is kept is not looked at: it may be in use, or not made yet.
	_, trustErr := a.trust(ctx, l, nil)
	_, issuersErr := tokenVerifier(l, nil, nil, a.now)
	if err := cmp.Or(trustErr, issuersErr); err != nil {
		return err
	}
	a.warn(l)
	_, err = fmt.Fprintln(a.stdout, "ok")
	return err
}

func (a *app) printConfig(s *source) error {
	l, err := a.load(s)
	if err != nil {
		return err
	}
	a.warn(l)
	text, err := l.YAML()
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}
