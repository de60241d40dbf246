package netio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// messages are message headers for recvmmsg and sendmmsg. They and all they point to are made once; a call changes lengths
// and, to send, where the iovecs point.
type messages struct {
	headers  []unix.Mmsghdr
	names    []sockaddr
	iovecs   []unix.Iovec // per message, as many as newMessages was told
	controls []control
}

func newMessages(n, iovecs int) messages {
	m := messages{
		headers:  make([]unix.Mmsghdr, n),
		names:    make([]sockaddr, n),
		iovecs:   make([]unix.Iovec, n*iovecs),
		controls: make([]control, n),
	}
	for i := range m.headers {
		h := &m.headers[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&m.names[i]))
		h.Control = (*byte)(unsafe.Pointer(&m.controls[i]))
		if iovecs > 0 {
			h.Iov = &m.iovecs[i*iovecs]
		}
		m.reset(i)
	}
	return m
}

// reset makes message i ready to be received into: the kernel overwrote what it had been told of the room there is.
func (m *messages) reset(i int) {
	h := &m.headers[i].Hdr
	h.Namelen = uint32(unsafe.Sizeof(m.names[i]))
	h.SetControllen(controlSize)
	h.Flags = 0
}

// control is the control data of the received message i.
func (m *messages) control(i int) []byte {
	n := uint64(m.headers[i].Hdr.Controllen)
	return m.controls[i].bytes()[:min(n, controlSize)]
}

// recvmmsg fills the messages and returns how many. It never blocks, so the scheduler need not be told. For one message
// recvmsg does the same: recvmmsg would look whether there is another.
func recvmmsg(fd int, m []unix.Mmsghdr, flags int) (int, unix.Errno) {
	if len(m) == 1 {
		n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m[0].Hdr)), uintptr(flags|unix.MSG_DONTWAIT))
		if errno != 0 {
			return 0, errno
		}
		m[0].Len = uint32(n)
		return 1, 0
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)),
		uintptr(flags|unix.MSG_DONTWAIT), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// sendmmsg sends the messages in order up to the first that fails, and returns how many; its error is the first one's. It
// never blocks, so the scheduler need not be told. One message that needs no more than an address leaves by sendto, for
// which the kernel reads no header and no list of parts: so does every datagram of many flows that a peer gets.
func sendmmsg(fd int, m []unix.Mmsghdr) (int, unix.Errno) {
	if h := &m[0].Hdr; len(m) == 1 && h.Iovlen == 1 && h.Controllen == 0 {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(h.Iov.Base)), uintptr(h.Iov.Len),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(h.Name)), uintptr(h.Namelen))
		if errno != 0 {
			return 0, errno
		}
		return 1, 0
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
