package netio

import "syscall"

// Windows Sockets error codes. The names package syscall has for them stand for numbers of its own, which no call returns.
var (
	portableOpenErrors = errnoTable{
		{syscall.Errno(10048), ErrAddrInUse},        // WSAEADDRINUSE
		{syscall.Errno(10049), ErrAddrNotAvailable}, // WSAEADDRNOTAVAIL
		{syscall.Errno(10013), ErrPermission},       // WSAEACCES
		{syscall.Errno(10024), ErrTooManyFiles},     // WSAEMFILE
	}
	portableSendErrors = errnoTable{
		{syscall.Errno(10035), ErrWouldBlock},   // WSAEWOULDBLOCK
		{syscall.Errno(10055), ErrWouldBlock},   // WSAENOBUFS
		{syscall.Errno(10013), ErrNotPermitted}, // WSAEACCES
		{syscall.Errno(10040), ErrMessageSize},  // WSAEMSGSIZE
		{syscall.Errno(10047), ErrUnreachable},  // WSAEAFNOSUPPORT
		{syscall.Errno(10049), ErrUnreachable},  // WSAEADDRNOTAVAIL
		{syscall.Errno(10050), ErrUnreachable},  // WSAENETDOWN
		{syscall.Errno(10051), ErrUnreachable},  // WSAENETUNREACH
		{syscall.Errno(10064), ErrUnreachable},  // WSAEHOSTDOWN
		{syscall.Errno(10065), ErrUnreachable},  // WSAEHOSTUNREACH
	}
)

// errnoRefused is what connecting to a port returns that nobody listens on.
const errnoRefused = syscall.Errno(10061) // WSAECONNREFUSED
