//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"turnout/internal/netio"
)

// notifySocket is a service manager's socket, in a folder of its own, and what the manager hears.
func notifySocket(t *testing.T) (heard <-chan string, name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	states := make(chan string, 1<<16) // more than any test lets come
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 256); ; {
			n, err := conn.Read(b)
			if err != nil {
				return // closed: the test is over
			}
			states <- string(b[:n])
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return states, name
}

// told is the next state that the manager hears.
func told(t *testing.T, heard <-chan string) string {
	t.Helper()
	select {
	case state := <-heard:
		return state
	case <-time.After(time.Minute):
		t.Fatal("the service manager hears nothing")
		return ""
	}
}

// TestNotify is a start and an end under a service manager with a watchdog.
func TestNotify(t *testing.T) {
	t.Parallel()
	heard, name := notifySocket(t)
	c := newConsole(t, "TURNOUT_ADMIN_LISTEN=127.0.0.1:0", "TURNOUT_API_LISTEN=http://127.0.0.1:0", "NOTIFY_SOCKET="+name, "WATCHDOG_USEC=20000")
	stop := c.serving(t)
	if got := told(t, heard); got != "READY=1" {
		t.Errorf("first %q", got)
	}
	for range 3 {
		if got := told(t, heard); got != "WATCHDOG=1" {
			t.Errorf("then %q", got)
		}
	}
	if code := stop(); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
	got := told(t, heard)
	for got == "WATCHDOG=1" {
		got = told(t, heard)
	}
	if got != "STOPPING=1" {
		t.Errorf("last %q", got)
	}
}

// TestWatchdogHung gives no sign of life while a worker hangs.
func TestWatchdogHung(t *testing.T) {
	t.Parallel()
	heard, name := notifySocket(t)
	c := newConsole(t, "TURNOUT_ADMIN_LISTEN=127.0.0.1:0", "TURNOUT_API_LISTEN=http://127.0.0.1:0", "NOTIFY_SOCKET="+name, "WATCHDOG_USEC=20000")
	c.relay.hangs = true
	stop := c.serving(t)
	if got := told(t, heard); got != "READY=1" {
		t.Errorf("first %q", got)
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(c.err.String(), "a worker does not answer"); {
		if time.Now().After(deadline) {
			t.Fatalf("the log says nothing of a worker:\n%s", &c.err)
		}
		<-time.After(time.Millisecond)
	}
	if code := stop(); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
	if got := told(t, heard); got != "STOPPING=1" {
		t.Errorf("then %q", got)
	}
}

// TestNotifyReload tells of a reload's beginning, with the clock that systemd compares with its own, and of its end, whatever
// became of it.
func TestNotifyReload(t *testing.T) {
	t.Parallel()
	heard, socket := notifySocket(t)
	name := file(t, minimal)
	c := newConsole(t, "NOTIFY_SOCKET="+socket)
	c.hangUp = make(chan os.Signal)
	stop := c.serving(t, "--config", name)
	if got := told(t, heard); got != "READY=1" {
		t.Errorf("first %q", got)
	}
	before := netio.Monotonic()
	for _, text := range []string{minimal + "software: none\n", "listen: nowhere\n"} {
		rewrite(t, name, text)
		c.hangUp <- syscall.SIGHUP
		var at int64
		if got := told(t, heard); runtime.GOOS == "linux" {
			if _, err := fmt.Sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%d", &at); err != nil || at < before.Microseconds() || at > netio.Monotonic().Microseconds() {
				t.Errorf("then %q at %d, %v", got, before.Microseconds(), err)
			}
		}
		if got := told(t, heard); got != "READY=1" {
			t.Errorf("then %q", got)
		}
	}
	if code := stop(); code != exitOK {
		t.Fatalf("exit %d: %s", code, &c.err)
	}
}

// TestManager reads the environment.
func TestManager(t *testing.T) {
	t.Parallel()
	const pid = 42
	for _, c := range []struct {
		name     string
		environ  []string
		socket   string
		watchdog time.Duration
	}{
		{"none", nil, "", 0},
		{"no watchdog", []string{"NOTIFY_SOCKET=/run/n"}, "/run/n", 0},
		{"abstract", []string{"NOTIFY_SOCKET=@n", "WATCHDOG_USEC=30000000"}, "@n", 30 * time.Second},
		{"of this process", []string{"NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=1000", "WATCHDOG_PID=42"}, "/run/n", time.Millisecond},
		{"of another process", []string{"NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=1000", "WATCHDOG_PID=43"}, "/run/n", 0},
		{"no number", []string{"NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=soon"}, "/run/n", 0},
		{"negative", []string{"NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=-1"}, "/run/n", 0},
		{"too large", []string{"NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=9223372036854775807"}, "/run/n", 0},
		{"no path", []string{"NOTIFY_SOCKET=n", "WATCHDOG_USEC=1000"}, "", 0},
	} {
		m := newManager(c.environ, pid, nil)
		socket := ""
		if m.socket != nil {
			socket = m.socket.Name
		}
		if socket != c.socket || m.watchdog != c.watchdog {
			t.Errorf("%s: socket %q, watchdog %v; want %q, %v", c.name, socket, m.watchdog, c.socket, c.watchdog)
		}
	}
}

// TestManagerGone goes on where nobody listens, and says so.
func TestManagerGone(t *testing.T) {
	t.Parallel()
	var printed bytes.Buffer
	log := slog.New(slog.NewTextHandler(&printed, nil))
	newManager([]string{"NOTIFY_SOCKET=" + filepath.Join(t.TempDir(), "n")}, 1, log).tell("READY=1")
	if !strings.Contains(printed.String(), "the service manager was not told") {
		t.Errorf("logged %q", &printed)
	}
	printed.Reset()
	none := newManager(nil, 1, log)
	none.tell("READY=1")
	none.watch(func(context.Context) error { return errors.New("asked for nobody") })()
	if printed.Len() != 0 {
		t.Errorf("without a service manager it logged %q", &printed)
	}
}
