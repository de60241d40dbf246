package relay

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"turnout/allocation"
	"turnout/internal/ci"
	"turnout/stun"
)

// sendTogether sends datagrams of one size, but for a shorter last one, as one message: so they arrive on loopback.
func sendTogether(t *testing.T, conn *net.UDPConn, to netip.AddrPort, size int, datagrams ...[]byte) {
	t.Helper()
	oob := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], uint16(size))
	if _, _, err := conn.WriteMsgUDPAddrPort(slices.Concat(datagrams...), oob, to); err != nil {
		ci.Lacks(t, "this kernel sends no datagrams together: %v", err)
	}
}

// A collector is a peer that keeps what it receives.
func collector(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// What arrives together, of several channels and STUN messages in between, is served datagram by datagram; what comes back
// together reaches the client so too.
func TestRealTogether(t *testing.T) {
	t.Parallel()
	const size, rounds = 100, 10
	s := serveReal(t, func(c *Config) { c.Workers = 1 })
	client := dialReal(t, s, allocation.UDP)
	relayed := client.allocate()
	peers := []*net.UDPConn{collector(t), collector(t)}
	for i, p := range peers {
		client.bind(0x4000+stun.ChannelNumber(i), p.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	before := surveyed(t, s)

	var up [][]byte
	var want [2][]string
	data := func(channel, length int) {
		m := channelData(0x4000+stun.ChannelNumber(channel), length-stun.ChannelHeaderSize)
		copy(m[stun.ChannelHeaderSize:], fmt.Sprintf("datagram %d ", len(up)))
		up = append(up, m)
		want[channel] = append(want[channel], string(m[stun.ChannelHeaderSize:]))
	}
	for range rounds {
		data(0, size)
		data(1, size)
		up = append(up, message(stun.MethodBinding, func(b *stun.Builder) {
			b.AddString(stun.AttrSoftware, string(make([]byte, size-stun.HeaderSize-4)))
		}))
		up = append(up, slices.Repeat([]byte{0xff}, size))
	}
	data(0, 60)
	sendTogether(t, client.conn.(*net.UDPConn), netip.AddrPort{}, size, up...)
	b := make([]byte, 2000)
	for i, p := range peers {
		for k, text := range want[i] {
			if n, err := p.Read(b); err != nil || string(b[:n]) != text {
				t.Fatalf("peer %d, datagram %d: %q, %v, want %q", i, k, b[:n], err, text)
			}
		}
	}
	for range rounds {
		answer, err := client.read()
		if m, parsed := stun.Parse(answer); err != nil || parsed != nil || m.Class() != stun.ClassSuccess {
			t.Fatalf("answer %x, %v", answer, err)
		}
	}

	var down [][]byte
	for i := range 30 {
		down = append(down, []byte(fmt.Sprintf("%-*d", size, i)))
	}
	down = append(down, []byte("the last"))
	sendTogether(t, peers[1], relayed, size, down...)
	for i, payload := range down {
		got, err := client.read()
		n, data, malformed := stun.ParseChannelData(got)
		if err != nil || malformed != nil || n != 0x4001 || string(data) != string(payload) {
			t.Fatalf("datagram %d to the client: %q, %v", i, got, err)
		}
	}

	client.ask(message(stun.MethodBinding, func(*stun.Builder) {})) // in a later round: the counts of those before are out
	after := surveyed(t, s)
	if n := after.Dropped(DropNotSTUN) - before.Dropped(DropNotSTUN); n != rounds {
		t.Errorf("%d dropped as not STUN, want %d", n, rounds)
	}
	together := after.GROSegments - before.GROSegments
	if want := uint64(len(up) + len(down)); after.GRO && together != want || !after.GRO && together != 0 {
		t.Errorf("%d datagrams arrived together, want %d with GRO and none without: %v", together, want, after.GRO)
	}
	if n := after.GSOMessages - before.GSOMessages; (n > 0) != after.GSO {
		t.Errorf("%d messages of several datagrams, with GSO %v", n, after.GSO)
	}
}
