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

// run is the command as a function: the first SIGINT or SIGTERM ends ctx, the second has it hurry, the third ends the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals, again := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	finished := make(chan struct{})
	defer close(finished)
	go watchSignals(signals, finished, cancel, func() { close(again) })
	a := newApp(stdout, stderr)
	a.again = again
	return a.run(ctx, args)
}

// watchSignals calls one function after the other, each at a signal. After the last, signals do what they do to every process.
func watchSignals(signals chan os.Signal, finished <-chan struct{}, calls ...func()) {
	for _, call := range calls {
		select {
		case <-signals:
			call()
		case <-finished:
			return
		}
	}
	signal.Stop(signals)
}
