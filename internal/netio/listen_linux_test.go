package netio

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func linuxListener(t *testing.T, addr netip.AddrPort) (net.Listener, netip.AddrPort) {
	t.Helper()
	l, err := System().ListenTCP(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().(*net.TCPAddr).AddrPort()
}

// exchange sends a word each way between a dialled connection and the one its listener accepts.
func exchange(t *testing.T, dialled net.Conn, l net.Listener) {
	t.Helper()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if accepted.RemoteAddr().String() != dialled.LocalAddr().String() {
		t.Errorf("dialled from %v, accepted from %v", dialled.LocalAddr(), accepted.RemoteAddr())
	}
	for _, way := range [][2]net.Conn{{dialled, accepted}, {accepted, dialled}} {
		if _, err := way[0].Write([]byte("word")); err != nil {
			t.Error(err)
		}
		b := make([]byte, 4)
		if _, err := io.ReadFull(way[1], b); err != nil || string(b) != "word" {
			t.Errorf("read %q, %v", b, err)
		}
	}
}

// RFC 6062 §5.2: a relayed transport address is listened on and connected from, to any number of peers, at a time.
func TestDialFromListeningAddress(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		relayed, relayedAddr := linuxListener(t, netip.AddrPortFrom(loopback, 0))
		first, firstAddr := linuxListener(t, netip.AddrPortFrom(loopback, 0))
		second, secondAddr := linuxListener(t, netip.AddrPortFrom(loopback, 0))
		ctx := t.Context()
		toFirst, err := System().DialTCP(ctx, relayedAddr, firstAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer toFirst.Close()
		toSecond, err := System().DialTCP(ctx, relayedAddr, secondAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer toSecond.Close()
		exchange(t, toFirst, first)
		exchange(t, toSecond, second)
		if got := toFirst.LocalAddr().(*net.TCPAddr).AddrPort(); got != relayedAddr {
			t.Errorf("dialled from %v, want %v", got, relayedAddr)
		}

		// A peer connects to the same address.
		inward, err := System().DialTCP(ctx, netip.AddrPortFrom(loopback, 0), relayedAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer inward.Close()
		exchange(t, inward, relayed)

		// The same pair of addresses again is in use.
		if c, err := System().DialTCP(ctx, relayedAddr, secondAddr); !errors.Is(err, ErrAddrInUse) {
			t.Errorf("the same connection again: %v, %v", c, err)
		}
		// So is the listener's address for a second instance, though the first one shares it with its own connections.
		if l, err := System().ListenTCP(relayedAddr); !errors.Is(err, ErrAddrInUse) || !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("second listener: %v, %v", l, err)
		} else if !strings.Contains(err.Error(), relayedAddr.String()) {
			t.Errorf("the error does not name the address: %v", err)
		}
	})
}

func TestTCPErrors(t *testing.T) {
	t.Parallel()
	nowhere := netip.MustParseAddrPort("192.0.2.1:0")
	if _, err := System().ListenTCP(nowhere); !errors.Is(err, ErrAddrNotAvailable) || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("ListenTCP: %v", err)
	}
	peer := netip.AddrPortFrom(linuxLoopback4, deadPort)
	if _, err := System().DialTCP(t.Context(), nowhere, peer); !errors.Is(err, ErrAddrNotAvailable) {
		t.Errorf("DialTCP from an address of nobody: %v", err)
	}
	local := netip.AddrPortFrom(linuxLoopback4, 0)
	_, err := System().DialTCP(t.Context(), local, peer)
	if !errors.Is(err, unix.ECONNREFUSED) || !strings.Contains(err.Error(), peer.String()) || errors.Is(err, ErrAddrInUse) {
		t.Errorf("DialTCP to nobody: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := System().DialTCP(ctx, local, peer); err == nil {
		t.Error("DialTCP with a cancelled context succeeded")
	}
}

// An IPv6 listener leaves the port to IPv4. (Other tests have ports of it at times, but not every time.)
func TestListenTCPFamiliesApart(t *testing.T) {
	t.Parallel()
	for range 20 {
		_, addr6 := linuxListener(t, netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
		l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(linuxLoopback4, addr6.Port())))
		if err == nil {
			l.Close()
			return
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			t.Fatal(err)
		}
	}
	t.Error("the port of an IPv6 listener is in use in IPv4")
}
