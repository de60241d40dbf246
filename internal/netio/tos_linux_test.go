package netio

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openMarked connects with a Type of Service of its own, from the first segment on.
func openMarked(t *testing.T, to netip.AddrPort, tos int) net.Conn {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return control1(raw, func(fd int) error {
			if to.Addr().Is4() {
				return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, tos)
			}
			return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, tos)
		})
	}}
	conn, err := d.DialContext(context.Background(), "tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestConnectionTOS(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		l, err := System().ListenTCP(netip.AddrPortFrom(loopback, 0))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, tos := range []uint8{0, 0xb8, 0x28, 0} {
			openMarked(t, addrPortOf(l.Addr()), int(tos))
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			// Through TLS as well: the layers above have a method NetConn.
			if got := ConnectionTOS(tls.Server(conn, &tls.Config{})); got != tos {
				t.Errorf("%v: %#x, want %#x", loopback, got, tos)
			}
			if got := ConnectionTOS(conn); got != 0 {
				t.Errorf("the system tells a second time: %#x", got)
			}
			conn.Close()
			if got := ConnectionTOS(conn); got != 0 {
				t.Errorf("of a closed connection: %#x", got)
			}
		}
	})
}

func addrPortOf(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

func TestPacketTOS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header []byte
		want   uint8
	}{
		{nil, 0}, {[]byte{0x45}, 0}, {[]byte{0x45, 0xb8}, 0xb8}, {[]byte{0x6b, 0x80, 0, 0}, 0xb8}, {[]byte{0x15, 0xff}, 0},
	} {
		if got := packetTOS(c.header); got != c.want {
			t.Errorf("%x: %#x, want %#x", c.header, got, c.want)
		}
	}
	near, _ := net.Pipe()
	defer near.Close()
	if got := ConnectionTOS(near); got != 0 {
		t.Errorf("of a pipe: %#x", got)
	}
}
