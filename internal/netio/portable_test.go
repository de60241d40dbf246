package netio

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// TestPortableBackpressure sends more than a socket's queue holds: the rest waits in the system's buffer, in order.
func TestPortableBackpressure(t *testing.T) {
	t.Parallel()
	n := Portable()
	a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
	const datagrams = 3 * portableQueue
	for i := range datagrams {
		a.send(Out{Dst: b.addr(), Payload: number(i)})
	}
	q := &b.socket.(*portableSocket).queue
	awaitQueue(t, q, func() bool { return q.count == portableQueue })
	for i, p := range b.receive(datagrams) {
		if !bytes.Equal(p.Payload, number(i)) {
			t.Fatalf("datagram %d is %x", i, p.Payload)
		}
	}

	// Large datagrams are bounded in bytes. The reader is left waiting, for Close to end it.
	for range 4 {
		a.send(Out{Dst: b.addr(), Payload: pattern(60000, 0)})
	}
	awaitQueue(t, q, func() bool { return q.bytes == 3*60000 })
}

// awaitQueue waits until the condition holds, which it looks at under the queue's mutex.
func awaitQueue(t *testing.T, q *receiveQueue, holds func() bool) {
	t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		late = true
		q.changed.Broadcast()
	})
	defer timer.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for !holds() {
		if late {
			t.Fatalf("%d datagrams of %d bytes are queued", q.count, q.bytes)
		}
		q.changed.Wait()
	}
}

// TestPortableMemory has a small datagram hold a small buffer.
func TestPortableMemory(t *testing.T) {
	t.Parallel()
	n := Portable()
	a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
	a.send(Out{Dst: b.addr(), Payload: pattern(172, 0)}, Out{Dst: b.addr(), Payload: pattern(1200, 0)})
	for range 2 {
		if !b.readable(patience) {
			t.Fatal("nothing received")
		}
		b.recv(1)
	}
	held := b.poller.(*queuePoller).held
	if len(held) != 2 || cap(held[0]) != 512 || cap(held[1]) != 2048 {
		t.Fatalf("%d buffers, of %d and %d bytes", len(held), cap(held[0]), cap(held[1]))
	}
}

func TestPortableOneSocketPerAddress(t *testing.T) {
	t.Parallel()
	n := Portable()
	if n.MaxWorkers() != 1 || len(n.Limitations()) == 0 {
		t.Errorf("%d workers, limitations %q", n.MaxWorkers(), n.Limitations())
	}
	for _, count := range []int{0, 2} {
		if s, err := n.ListenUDP(anyPort4, count); err == nil {
			t.Errorf("%d sockets on one address: %v", count, s)
		}
	}
	if _, err := n.OpenUDP(netip.AddrPort{}); !errors.Is(err, ErrAddrNotAvailable) {
		t.Errorf("no address: %v", err)
	}
}

func TestPortableDialsFromAnAddress(t *testing.T) {
	t.Parallel()
	n := Portable()
	l, err := n.ListenTCP(anyPort4)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer := l.Addr().(*net.TCPAddr).AddrPort()
	c, err := n.DialTCP(t.Context(), anyPort4, peer)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	local := c.LocalAddr().(*net.TCPAddr).AddrPort()
	if local.Addr() != loopback4 {
		t.Errorf("dialed from %v", local)
	}
	if _, err := n.DialTCP(t.Context(), netip.MustParseAddrPort("192.0.2.1:0"), peer); !errors.Is(err, ErrAddrNotAvailable) {
		t.Errorf("from an address of nobody: %v", err)
	}
	if _, err := n.DialTCP(t.Context(), netip.AddrPortFrom(loopback4, peer.Port()), peer); !errors.Is(err, ErrAddrInUse) {
		t.Errorf("from a port that is listened on: %v", err)
	}
}

// TestPortableErrors wraps system errors as package net does and has them come out as what callers test for.
func TestPortableErrors(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddrPort("192.0.2.1:5000")
	for _, row := range portableOpenErrors {
		err := portableOpenError("bind udp", addr, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", row.errno)})
		if !errors.Is(err, row.sentinel) || !bytes.Contains([]byte(err.Error()), []byte(addr.String())) {
			t.Errorf("%d: %v", row.errno, err)
		}
	}
	for _, row := range portableSendErrors {
		if err := portableSendError(&net.OpError{Op: "write", Err: os.NewSyscallError("sendto", row.errno)}); err != row.sentinel {
			t.Errorf("%d: %v", row.errno, err)
		}
	}
	other := errors.New("else")
	if err := portableSendError(other); err != other {
		t.Errorf("an error without a name of ours: %v", err)
	}
	if err := portableOpenError("bind udp", addr, other); !errors.Is(err, other) {
		t.Errorf("an error without a name of ours: %v", err)
	}
}
