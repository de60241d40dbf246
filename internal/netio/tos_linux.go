package netio

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// keepSYN has a listener's connections keep the headers of the segment that opened them.
func keepSYN(fd int) error {
	return os.NewSyscallError("setsockopt TCP_SAVE_SYN", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_SAVE_SYN, 1))
}

// openedTOS takes those headers, which the kernel frees then.
func openedTOS(conn syscall.Conn) (tos uint8) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // a closed connection has none
		var headers [128]byte // IPv6 with options, and TCP with its own
		size := uint32(len(headers))
		_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.IPPROTO_TCP, unix.TCP_SAVED_SYN,
			uintptr(unsafe.Pointer(&headers)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			tos = packetTOS(headers[:size])
		}
	})
	return tos
}
