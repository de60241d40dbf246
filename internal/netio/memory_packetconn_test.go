package netio

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryPacketConn(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		server := newStation(t, m, netip.MustParseAddrPort("192.0.2.1:3478"), 0)
		if _, err := m.ListenPacket(netip.MustParseAddrPort("0.0.0.0:0")); !errors.Is(err, ErrAddrNotAvailable) {
			t.Errorf("a wildcard: %v", err)
		}
		c, err := m.ListenPacket(netip.MustParseAddrPort("198.51.100.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		c.SetTOS(0xb8)
		if _, err := c.WriteToAddrPort([]byte("one"), server.addr()); err != nil {
			t.Fatal(err)
		}
		c.SetTOS(0)
		if _, err := c.WriteTo([]byte("two"), net.UDPAddrFromAddrPort(server.addr())); err != nil {
			t.Fatal(err)
		}
		got := server.receive(2)
		if got[0].TOS != 0xb8 || got[1].TOS != 0 || string(got[0].Payload) != "one" || string(got[1].Payload) != "two" || got[0].Addr != c.LocalAddrPort() {
			t.Fatalf("received %v", got)
		}
		m.SetMTU(100)
		c.SetDF(true)
		if _, err := c.WriteToAddrPort(pattern(73, 0), server.addr()); !errors.Is(err, ErrMessageSize) {
			t.Errorf("over the MTU with DF: %v", err)
		}
		server.send(Out{Dst: c.LocalAddrPort(), Payload: []byte("answer")}, Out{Dst: c.LocalAddrPort(), Payload: []byte("again")})
		b := make([]byte, 3)
		if n, from, err := c.ReadFrom(b); err != nil || string(b[:n]) != "ans" || from.String() != server.addr().String() {
			t.Errorf("read %q from %v, %v", b[:n], from, err)
		}
		if n, from, err := c.ReadFromAddrPort(b); err != nil || string(b[:n]) != "aga" || from != server.addr() {
			t.Errorf("read %q from %v, %v", b[:n], from, err)
		}
		testPacketConnWaits(t, c)
	})
}

// testPacketConnWaits reads where nothing comes: until a deadline, one that is moved, and Close.
func testPacketConnWaits(t *testing.T, c *MemoryPacketConn) {
	start := time.Now()
	if err := c.SetReadDeadline(start.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a deadline that has passed stays passed
		var timeout interface{ Timeout() bool }
		if _, err := c.ReadPacket(); !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(start) != time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
	}
	ended := make(chan error, 1)
	read := func() {
		_, err := c.ReadPacket()
		ended <- err
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	go read()
	synctest.Wait()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	if err := <-ended; err == nil || time.Since(start) != time.Minute {
		t.Fatalf("after %v: %v", time.Since(start), err)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go read()
	synctest.Wait()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Fatal("read after Close")
	}
	if c.Close() == nil || c.SetReadDeadline(time.Time{}) == nil {
		t.Error("a closed connection is as open as ever")
	}
	if _, err := c.WriteToAddrPort(nil, c.LocalAddrPort()); err == nil {
		t.Error("written after Close")
	}
}
