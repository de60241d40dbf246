package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"turnout/internal/metrics"
)

func (a *app) versionCommand() *cobra.Command {
	return a.command("version", "Print which turnout this is", "", func(context.Context) error {
		b := build()
		text := "turnout " + b.Version
		if b.Revision != "" {
			text += " " + b.Revision
		}
		_, err := fmt.Fprintln(a.stdout, text, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
		return err
	})
}

// build is what the toolchain stamped into the binary.
func build() metrics.Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return metrics.Build{Version: "(unknown)"}
	}
	b := metrics.Build{Version: info.Main.Version}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}
