//go:build !windows

package netio

import "syscall"

var (
	portableOpenErrors = errnoTable{
		{syscall.EADDRINUSE, ErrAddrInUse},
		{syscall.EADDRNOTAVAIL, ErrAddrNotAvailable},
		{syscall.EACCES, ErrPermission},
		{syscall.EPERM, ErrPermission},
		{syscall.EMFILE, ErrTooManyFiles},
		{syscall.ENFILE, ErrTooManyFiles},
	}
	portableSendErrors = errnoTable{
		{syscall.EAGAIN, ErrWouldBlock},
		{syscall.ENOBUFS, ErrWouldBlock},
		{syscall.EPERM, ErrNotPermitted},
		{syscall.EACCES, ErrNotPermitted},
		{syscall.EMSGSIZE, ErrMessageSize},
		{syscall.EAFNOSUPPORT, ErrUnreachable},
		{syscall.EADDRNOTAVAIL, ErrUnreachable},
		{syscall.ENETDOWN, ErrUnreachable},
		{syscall.ENETUNREACH, ErrUnreachable},
		{syscall.EHOSTDOWN, ErrUnreachable},
		{syscall.EHOSTUNREACH, ErrUnreachable},
	}
)

// errnoRefused is what connecting to a port returns that nobody listens on.
const errnoRefused = syscall.ECONNREFUSED
