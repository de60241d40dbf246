package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	system "golang.org/x/sys/unix"
)

// openTerminal makes a terminal: what is written to one end is typed, or shown, at the other.
func openTerminal(t *testing.T) (screen, program *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	n, err := system.IoctlGetInt(int(screen.Fd()), system.TIOCGPTN)
	if err == nil {
		err = system.IoctlSetPointerInt(int(screen.Fd()), system.TIOCSPTLCK, 0)
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return screen, program
}

// TestCtrlC types it at a terminal in the middle of a call: turnout ends at once, and well.
func TestCtrlC(t *testing.T) {
	t.Parallel()
	screen, program := openTerminal(t)
	name := file(t, "relay: {addresses: 127.0.0.1}\nlisten: [\"udp://127.0.0.1:0\"]\nauth: {users: {alice: wonderland}}\n")
	var shown buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&shown, screen) // ends with an error when the last program has closed its end
	}()
	p := &process{Cmd: exec.Command(os.Args[0], "serve", "--config", name), ended: make(chan error, 1)}
	p.Env = []string{asCommand + "=1", "HOME=" + t.TempDir()}
	p.Stdin, p.Stdout, p.Stderr = program, &p.out, program
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	program.Close()
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended
		<-read
	})
	if _, err := dialTURN(t, p.listening(t, "udp"), "alice", "wonderland").Allocate(); err != nil {
		t.Fatal(err)
	}
	if _, err := screen.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("it ended with %v: %s", err, &shown)
		}
		<-read
		if !strings.Contains(shown.String(), "ending live allocations at once") {
			t.Errorf("it says nothing of the call that it ends: %s", &shown)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("it waits for the call: %s", &shown)
	}
}
