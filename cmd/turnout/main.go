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
// Who presses Ctrl-C at a terminal is not to wait for anything: that SIGINT is the first and the second in one.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals, again := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	finished := make(chan struct{})
	defer close(finished)
	atOnce := func(s os.Signal) bool { return s == os.Interrupt && terminal(stderr) }
	go watchSignals(signals, finished, atOnce, cancel, func() { close(again) })
	a := newApp(stdout, stderr)
	a.again = again
	return a.run(ctx, args)
}

// watchSignals calls one function after the other, each at a signal, or all that are left at one that is for doing it at once.
// After the last, signals do what they do to every process.
func watchSignals(signals chan os.Signal, finished <-chan struct{}, atOnce func(os.Signal) bool, calls ...func()) {
	hurried := false
	for _, call := range calls {
		if !hurried {
			select {
			case s := <-signals:
				hurried = atOnce(s)
			case <-finished:
				return
			}
		}
		call()
	}
	signal.Stop(signals)
}
