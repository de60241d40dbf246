package netio

import (
	"errors"
	"net"
	"net/netip"
)

const (
	// What one socket holds beyond the system's buffer: enough that the worker finds a batch, and little enough for thousands
	// of sockets. The rest waits in the system's buffer, which drops when it is full.
	portableQueue      = 64
	portableQueueBytes = 128 << 10

	// A reader that meets so many errors in a row takes its socket for broken: it must not spin.
	maxReadErrors = 16
)

// A portableSocket is a UDP socket with a goroutine that reads it.
type portableSocket struct {
	network *portable      // immutable
	conn    *net.UDPConn   // immutable
	local   netip.AddrPort // immutable
	queue   receiveQueue
	done    chan struct{} // closed when the reader has returned
}

// openUDP binds a socket and starts its reader.
func (p *portable) openUDP(addr netip.AddrPort, buffer int) (*portableSocket, error) {
	addr = plain(addr)
	if !addr.IsValid() {
		return nil, portableOpenError("bind udp", addr, ErrAddrNotAvailable)
	}
	conn, err := net.ListenUDP("udp"+familyOf(addr), net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, portableOpenError("bind udp", addr, err)
	}
	growBuffer(conn.SetReadBuffer, buffer)
	growBuffer(conn.SetWriteBuffer, buffer)
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort() // never another type: ListenUDP made it
	s := &portableSocket{network: p, conn: conn, local: plain(bound), done: make(chan struct{})}
	s.queue.init(portableQueue, portableQueueBytes)
	go s.runReader()
	return s, nil
}

// growBuffer asks for size, and for half as much as long as the system refuses. What it has by default is enough to work with, so
// that a refusal to the end is none of the socket's. (macOS sends no datagram larger than the send buffer.)
func growBuffer(set func(int) error, size int) {
	for ; size >= 1<<16; size /= 2 {
		if set(size) == nil {
			return
		}
	}
}

// runReader moves datagrams from the system into the queue, and waits while that is full: then the system's
// buffer fills, and drops. It reads into a buffer any datagram fits, so that none is cut, and copies to one that fits
// the datagram: a waiting datagram holds no 64 KiB, and a waiting socket's buffer costs the pages that were written.
func (s *portableSocket) runReader() {
	defer close(s.done)
	buffers := &s.network.buffers
	whole := buffers.lend(maxDatagram)
	defer buffers.free(whole)
	for failures := 0; ; {
		n, _, _, from, err := s.conn.ReadMsgUDPAddrPort(whole, nil)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if failures++; failures == maxReadErrors {
				s.queue.fail(err)
				return
			}
			continue // of one datagram, as some systems tell of an earlier one sent
		}
		failures = 0
		payload := buffers.lend(n)
		copy(payload, whole)
		if s.queue.put(datagram{from: plain(from), to: s.local, payload: payload}) != nil {
			return
		}
	}
}

func (s *portableSocket) Local() netip.AddrPort   { return s.local }
func (s *portableSocket) receiver() *receiveQueue { return &s.queue }

// send gives the system o in one piece: where o has several, they are joined, which is a copy.
func (s *portableSocket) send(o *Out, join *[]byte) error {
	dst := plain(o.Dst)
	if dst.Addr().Is6() != s.local.Addr().Is6() {
		return ErrUnreachable
	}
	piece := o.Payload
	if len(o.Header) > 0 || len(o.Padding) > 0 {
		*join = append(append(append((*join)[:0], o.Header...), o.Payload...), o.Padding...)
		piece = *join
	}
	if _, err := s.conn.WriteToUDPAddrPort(piece, dst); err != nil {
		return portableSendError(err)
	}
	return nil
}

// Close returns when the reader has.
func (s *portableSocket) Close() error {
	if !s.queue.close() {
		return net.ErrClosed
	}
	err := s.conn.Close()
	<-s.done
	return err
}
