package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"turnout/internal/config"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // or configuration
)

// An app is one run of the command, with all it touches.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	now            func() time.Time
	parts          parts
	again          <-chan struct{} // closed by the second signal; nil: never
	hangUps        func() (hangUps <-chan os.Signal, stop func())

	ran bool // a command was found and its flags were read
}

func newApp(stdout, stderr io.Writer) *app {
	return &app{stdin: os.Stdin, stdout: stdout, stderr: stderr, environ: os.Environ(), now: time.Now, parts: realParts, hangUps: hangUps}
}

// run executes args and says what went wrong on stderr. It returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := &cobra.Command{
		Use:               "turnout",
		Short:             "A STUN and TURN relay, and the service that gives out its credentials",
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE:              a.group,
		Args:              cobra.ArbitraryArgs,
	}
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(wrongFlag)
	root.AddCommand(a.serveCommand(), a.configCommand(), a.credentialsCommand(), a.tokenCommand(), a.userCommand(), a.keysCommand(), a.benchCommand(), a.topCommand(), a.versionCommand())
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	for line := range strings.Lines(explain(err)) {
		fmt.Fprintln(a.stderr, "turnout: "+strings.TrimSuffix(line, "\n"))
	}
	var usage *usageError
	var wrong *config.Error
	if !a.ran || errors.As(err, &usage) || errors.As(err, &wrong) {
		return exitUsage
	}
	return exitFailure
}

// group is the answer of a command that only holds others.
func (a *app) group(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	list := strings.Join(names, ", ")
	if len(args) == 0 {
		return usage("%s needs a command, of %s; see %[1]s --help", c.CommandPath(), list)
	}
	c.SuggestionsMinimumDistance = 2 // letters
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return usage("%s has no command %q; did you mean %s?", c.CommandPath(), args[0], near[0])
	}
	return usage("%s has no command %q, but %s", c.CommandPath(), args[0], list)
}

// command makes a command that takes flags only. Errors before do are of usage.
func (a *app) command(use, short, long string, do func(ctx context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: exactly(use), DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, _ []string) error {
			a.ran = true
			return do(c.Context())
		},
	}
}

// A source is where a command reads its configuration, by its flags.
type source struct {
	file string
	set  []string
}

func (s *source) flags(c *cobra.Command) {
	c.Flags().StringVar(&s.file, "config", "", "configuration `FILE`; without it, turnout serves loopback only")
	c.Flags().StringArrayVar(&s.set, "set", nil, "set a configuration `key=value`, above the environment and the file")
}

func (a *app) load(s *source) (*config.Loaded, error) {
	return config.Load(config.Sources{File: s.file, Environ: a.environ, Set: s.set})
}

// warn tells what to be warned of, where nothing is logged.
func (a *app) warn(l *config.Loaded) {
	for _, w := range l.Warnings {
		fmt.Fprintln(a.stderr, "turnout: warning:", w)
	}
}

// terminal says whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
