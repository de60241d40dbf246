// Turnout is a STUN and TURN relay, and everything around it, in one command.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: the first SIGINT or SIGTERM ends ctx, the second the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// From then on signals do what they do to every process.
	defer context.AfterFunc(ctx, stop)()
	return newApp(stdout, stderr).run(ctx, args)
}
