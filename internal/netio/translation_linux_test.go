package netio

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ipv6Flowinfo is IPV6_FLOWINFO of linux/in6.h: flow information with what arrives.
const ipv6Flowinfo = 11

// listenPlain is a socket of the standard library that shows a header field of what
// arrives as a control message.
func listenPlain(t *testing.T, loopback netip.Addr, level, option int) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), level, option, 1) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return conn
}

// readField is the header field of the next datagram.
func readField(t *testing.T, conn *net.UDPConn) []byte {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(linuxPatience)); err != nil {
		t.Fatal(err)
	}
	control := make([]byte, 64)
	_, n, _, _, err := conn.ReadMsgUDPAddrPort(make([]byte, 16), control)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		t.Fatal("control messages", messages, err)
	}
	return messages[0].Data
}

// What is sent has the system's Time to Live or Hop Limit, whatever the Type of
// Service and DF: the alternate behaviour of RFC 8656 §13.
func TestHopLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		loopback      netip.Addr
		level, option int
		setting       string
	}{
		{linuxLoopback4, unix.IPPROTO_IP, unix.IP_RECVTTL, "/proc/sys/net/ipv4/ip_default_ttl"},
		{linuxLoopback6, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, "/proc/sys/net/ipv6/conf/default/hop_limit"},
	} {
		p, from := linuxPoller(t), linuxRelay(t, c.loopback)
		to := listenPlain(t, c.loopback, c.level, c.option)
		want := setting(t, c.setting)
		for _, o := range []Out{{}, {TOS: 0xb8}, {DF: true}} {
			o.Socket, o.Dst, o.Payload = from, to.LocalAddr().(*net.UDPAddr).AddrPort(), []byte("x")
			if f := p.Send([]Out{o}); len(f) != 0 {
				t.Fatal(f[0].Err)
			}
			if got := binary.NativeEndian.Uint32(readField(t, to)); got != want {
				t.Errorf("%v: hop limit %d, want %d", c.loopback, got, want)
			}
		}
	}
}

func setting(t *testing.T, name string) (n uint32) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.TrimSpace(string(text)) {
		n = n*10 + uint32(c-'0')
	}
	return n
}

// Over IPv6 each flow has a flow label of its own, which the system makes of its
// 5-tuple: none is copied from what was received. RFC 8656 §13.1, §13.2.
func TestFlowLabels(t *testing.T) {
	t.Parallel()
	p := linuxPoller(t)
	// As relay sockets are, so that a label could be copied if anything did.
	relay, other := linuxRelay(t, linuxLoopback6), linuxRelay(t, linuxLoopback6)
	to := listenPlain(t, linuxLoopback6, unix.IPPROTO_IPV6, ipv6Flowinfo)
	label := func(from Socket) uint32 {
		t.Helper()
		dst := to.LocalAddr().(*net.UDPAddr).AddrPort()
		if f := p.Send([]Out{{Socket: from, Dst: dst, Payload: []byte("x")}}); len(f) != 0 {
			t.Fatal(f[0].Err)
		}
		return binary.BigEndian.Uint32(readField(t, to)) & 0xfffff
	}
	first := label(relay)
	sendOne(t, p, other, relay, "in between")
	if got := receiveAll(t, relay, 1); len(got) != 1 {
		t.Fatal(got)
	}
	if again := label(relay); again != first {
		t.Errorf("one flow has labels %#x and %#x", first, again)
	}
	switch automatic := setting(t, "/proc/sys/net/ipv6/auto_flowlabels") != 0; {
	case automatic && (first == 0 || label(other) == first):
		t.Errorf("two flows have the label %#x", first)
	case !automatic && first != 0:
		t.Errorf("label %#x, though the system makes none", first)
	}
}
