package admin

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// socketMode lets turnout's user and group use the socket, and nobody else.
const socketMode = 0o660

// NewOnSocket listens on a Unix socket, whose file it makes, and removes at the end. One that a process left behind is
// replaced; an error tells of one that somebody answers on (test for syscall.EADDRINUSE), and of a file that is no socket.
func NewOnSocket(path string, c Config) (*Server, error) {
	if err := clear(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	// Until then only its owner may connect, as the umask of every service manager has it.
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	// No browser reaches a socket, so there is no name to be checked.
	return newServer(l, netip.Addr{}, c), nil
}

// clear removes the socket of a process that has ended.
func clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is there already and is no socket; name another path", path)
	}
	const patience = time.Second
	conn, err := net.DialTimeout("unix", path, patience)
	switch {
	case err == nil:
		_ = conn.Close()
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("listen unix %s: %w", path, syscall.EADDRINUSE)
}
