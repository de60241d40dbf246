package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"turnout/internal/netio"
)

// A manager is the service manager that started this process, told how it does by
// sd_notify(3): one datagram of VARIABLE=value to a Unix socket. The zero manager is
// told nothing.
type manager struct {
	socket   *net.UnixAddr // nil: there is none
	watchdog time.Duration // it expects a sign of life this often; 0: it does not
	log      *slog.Logger
}

// newManager reads what the service manager says of itself in the environment.
// Pid is this process: a watchdog may be meant for another one.
func newManager(environ []string, pid int, log *slog.Logger) manager {
	m := manager{log: log}
	variables := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		variables[name] = value
	}
	// A path, or @ and a name that is in no file system.
	name := variables["NOTIFY_SOCKET"]
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") {
		return m
	}
	m.socket = &net.UnixAddr{Name: name, Net: "unixgram"}
	if meant := variables["WATCHDOG_PID"]; meant != "" && meant != strconv.Itoa(pid) {
		return m
	}
	if usec, err := strconv.ParseInt(variables["WATCHDOG_USEC"], 10, 64); err == nil && usec > 0 && usec <= maxWatchdog.Microseconds() {
		m.watchdog = time.Duration(usec) * time.Microsecond
	}
	return m
}

const (
	maxWatchdog = 24 * time.Hour // more is none
	tellTimeout = time.Second    // a manager that reads nothing must not keep turnout from ending
)

// tell sends one state. The service goes on where that fails; the manager will see to it.
func (m manager) tell(state string) {
	if m.socket == nil {
		return
	}
	c, err := net.DialUnix("unixgram", nil, m.socket)
	if err == nil {
		_ = c.SetWriteDeadline(time.Now().Add(tellTimeout)) // a Unix socket has deadlines
		_, err = c.Write([]byte(state))
		_ = c.Close() // it was sent or not
	}
	if err != nil {
		m.log.Warn("the service manager was not told", "state", state, "error", err)
	}
}

// reloading says that a reload has begun, with the clock that systemd compares with its own; READY=1 ends it, whatever became
// of it.
func (m manager) reloading() {
	if m.socket != nil {
		m.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", netio.Monotonic().Microseconds()))
	}
}

// watch gives signs of life, twice as often as they are expected, for as long as alive
// finds some, until the function that it returns is called.
func (m manager) watch(alive func(context.Context) error) (stop func()) {
	if m.socket == nil || m.watchdog == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.runWatchdog(ctx, alive)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (m manager) runWatchdog(ctx context.Context, alive func(context.Context) error) {
	ticker := time.NewTicker(m.watchdog / 2)
	defer ticker.Stop()
	for {
		asked, cancel := context.WithTimeout(ctx, m.watchdog/2)
		err := alive(asked)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.log.Error("a worker does not answer: no sign of life for the service manager", "error", err)
		default:
			m.tell("WATCHDOG=1")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
