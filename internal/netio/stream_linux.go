package netio

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A tcpStream is the descriptor of a TCP connection. It is owned by the goroutine of the poller it is in, and handed over as
// a whole.
type tcpStream struct {
	fd     int     // -1 once closed
	poller *poller // it is added to, or nil
	id     uint64  // as given to AddStream
	events uint32  // epoll is asked for

	ready bool // a Read may find something
	kept  kept
}

// TakeStream duplicates the descriptor, since package net's own wakes up a thread of the runtime with everything that arrives.
func (p *poller) TakeStream(conn net.Conn) (Stream, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil, errSocketNetwork
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &tcpStream{fd: -1, ready: true}
	if err := control1(raw, func(fd int) (err error) {
		s.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
	}); err != nil {
		return nil, err
	}
	_ = conn.Close() // of one of two descriptors: the connection goes on
	return s, nil
}

// AddStream implements StreamPoller.
func (p *poller) AddStream(st Stream, id uint64) error {
	s, err := p.openStream(st)
	switch {
	case err != nil:
		return err
	case id == WakeID:
		return errReservedID
	case s.poller != nil && s.poller.epoll >= 0:
		return errSocketAdded
	}
	events := uint32(unix.EPOLLIN)
	if s.kept.len() > 0 {
		events |= unix.EPOLLOUT
	}
	e := epollEvent(events, id)
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, s.fd, &e); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	s.poller, s.id, s.events, s.ready = p, id, events, true
	return nil
}

// RemoveStream implements StreamPoller.
func (p *poller) RemoveStream(st Stream) error {
	s, err := p.openStream(st)
	switch {
	case err != nil:
		return err
	case s.poller != p:
		return errSocketAbsent
	}
	s.poller = nil
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, s.fd, nil))
}

// openStream is the stream, if it and the poller are open.
func (p *poller) openStream(st Stream) (*tcpStream, error) {
	s, ok := st.(*tcpStream)
	switch {
	case !ok:
		return nil, errSocketNetwork
	case s.fd < 0 || p.epoll < 0:
		return nil, net.ErrClosed
	}
	return s, nil
}

// Ready implements Stream.
func (s *tcpStream) Ready() { s.ready = true }

// Kept implements Stream.
func (s *tcpStream) Kept() int { return s.kept.len() }

// Read reads what has arrived.
func (s *tcpStream) Read(b []byte) (int, error) {
	switch {
	case s.fd < 0:
		return 0, net.ErrClosed
	case !s.ready:
		return 0, ErrNotReady
	case len(b) == 0:
		return 0, nil
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			s.ready = false
			return 0, ErrNotReady
		case errno != 0:
			return 0, os.NewSyscallError("recvfrom", errno)
		case n == 0:
			return 0, io.EOF
		}
		s.ready = int(n) == len(b)
		return int(n), nil
	}
}

// Write writes b, and keeps what the system does not take.
func (s *tcpStream) Write(b []byte) (int, error) {
	if s.fd < 0 {
		return 0, net.ErrClosed
	}
	n, err := s.kept.write(s, b)
	if err == nil && s.kept.len() > 0 {
		err = s.ask(s.events | unix.EPOLLOUT)
	}
	return n, err
}

// send writes what the system takes of b.
func (s *tcpStream) send(b []byte) (n int, err error) {
	for n < len(b) {
		rest := b[n:]
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest)),
			unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			n += int(sent)
		case unix.EINTR:
		case unix.EAGAIN:
			return n, nil
		default:
			return n, os.NewSyscallError("sendto", errno)
		}
	}
	return n, nil
}

// Flush implements Stream.
func (s *tcpStream) Flush() error {
	if s.fd < 0 {
		return net.ErrClosed
	}
	if err := s.kept.flush(s); err != nil || s.kept.len() > 0 {
		return err
	}
	return s.ask(s.events &^ unix.EPOLLOUT)
}

// Deafen implements Stream.
func (s *tcpStream) Deafen() error { return s.ask(s.events &^ unix.EPOLLIN) }

// ask has epoll tell of other events.
func (s *tcpStream) ask(events uint32) error {
	if s.poller == nil || s.events == events {
		return nil
	}
	e := epollEvent(events, s.id)
	if err := unix.EpollCtl(s.poller.epoll, unix.EPOLL_CTL_MOD, s.fd, &e); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	s.events = events
	return nil
}

// Release implements Stream.
func (s *tcpStream) Release() (net.Conn, []byte, error) {
	if s.fd < 0 {
		return nil, nil, net.ErrClosed
	}
	f := os.NewFile(uintptr(s.fd), "tcp")
	s.fd = -1
	conn, err := net.FileConn(f) // a descriptor of its own
	_ = f.Close()
	return conn, s.kept.take(), err
}

// Close closes the connection; the second time it does nothing. What was kept is lost.
func (s *tcpStream) Close() error {
	if s.fd < 0 {
		return nil
	}
	if s.poller != nil {
		_ = s.poller.RemoveStream(s)
	}
	fd := s.fd
	s.fd, s.kept = -1, kept{}
	return os.NewSyscallError("close", unix.Close(fd))
}

// LocalAddr is nil: see Stream.
func (s *tcpStream) LocalAddr() net.Addr { return nil }

// RemoteAddr is nil: see Stream.
func (s *tcpStream) RemoteAddr() net.Addr { return nil }

// SetDeadline has no effect: nothing waits.
func (s *tcpStream) SetDeadline(time.Time) error { return nil }

// SetReadDeadline has no effect.
func (s *tcpStream) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline has no effect.
func (s *tcpStream) SetWriteDeadline(time.Time) error { return nil }
