package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// A usageError is a command line that cannot be meant.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// wrongFlag is what parsing the flags of c found, with where they are described.
func wrongFlag(c *cobra.Command, err error) error {
	if c == c.Root() {
		return usage("%v; see %s --help", err, c.CommandPath())
	}
	return usage("%s: %v; see %s --help", within(c), err, c.CommandPath())
}

// exactly has a command take the arguments that use names between its own name and its flags, as "rotate KEY [--lead 10m]" does.
func exactly(use string) cobra.PositionalArgs {
	names := strings.Fields(use)[1:]
	if flags := slices.IndexFunc(names, func(word string) bool { return strings.ContainsAny(word[:1], "[(-") }); flags >= 0 {
		names = names[:flags]
	}
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage("%s needs %s; see %s --help", within(c), strings.Join(names[len(args):], " and "), c.CommandPath())
		case len(args) > len(names):
			return usage("%s does not take %q; see %s --help", within(c), args[len(names)], c.CommandPath())
		}
		return nil
	}
}

// within is a command's name as every message begins behind "turnout: ".
func within(c *cobra.Command) string {
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
}
