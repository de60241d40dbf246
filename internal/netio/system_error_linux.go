package netio

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A systemError is why a socket could not be opened. It is both the sentinel a caller branches on (ErrAddrInUse …, where
// there is one) and the system's own error.
type systemError struct {
	op    string         // "listen udp", …
	addr  netip.AddrPort // of the socket
	kind  error          // a sentinel of this package, or nil
	cause error
}

func (e *systemError) Error() string { return e.op + " " + e.addr.String() + ": " + e.cause.Error() }

func (e *systemError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.kind, e.cause}
}

// openFailed makes the error of an opener.
func openFailed(op string, addr netip.AddrPort, cause error) error {
	return &systemError{op: op, addr: addr, kind: openKind(cause), cause: cause}
}

// openKind is the sentinel that stands for an error of socket, bind or listen; nil if none does.
func openKind(err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return nil
	}
	switch errno {
	case unix.EADDRINUSE:
		return ErrAddrInUse
	case unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT: // the latter where IPv6 is off: it has no address then
		return ErrAddrNotAvailable
	case unix.EACCES, unix.EPERM:
		return ErrPermission
	case unix.EMFILE, unix.ENFILE:
		return ErrTooManyFiles
	}
	return nil
}

// sendError is the error of a Failure that stands for an error of sendmmsg.
func sendError(errno unix.Errno) error {
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS:
		return ErrWouldBlock
	case unix.EPERM, unix.EACCES: // EACCES: a prohibiting route, or a broadcast address
		return ErrNotPermitted
	case unix.EMSGSIZE:
		return ErrMessageSize
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENETDOWN, unix.EHOSTDOWN, unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT:
		return ErrUnreachable
	}
	return errno
}

// mayBePending says whether a call may have failed for an ICMP error that an earlier datagram provoked, which the kernel
// reports, once, by whichever call comes next. These are the errors it makes of ICMP and ICMPv6 messages.
func mayBePending(errno unix.Errno) bool {
	switch errno {
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EMSGSIZE, unix.EPROTO, unix.EACCES,
		unix.ENOPROTOOPT, unix.EOPNOTSUPP, unix.EHOSTDOWN, unix.ENONET:
		return true
	}
	return false
}

// pendingRetries is how often a call that failed for errno is made again. Most of these errors may as well be the datagram's
// own, so that one retry has to tell. An unconnected socket refuses nothing itself, though: ECONNREFUSED is always another
// datagram's, and on the loopback device such errors can arrive as fast as calls are made.
func pendingRetries(errno unix.Errno) int {
	switch {
	case errno == unix.ECONNREFUSED:
		return 8
	case mayBePending(errno):
		return 1
	}
	return 0
}
