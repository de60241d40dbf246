package relay

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

var benchAlternate = netip.MustParseAddrPort("93.184.216.7:3479")

func withDiscovery(c *Config) { c.Discovery = []DiscoveryAddress{{Bind: benchAlternate}} }

// An alternate that could never answer as RFC 5780 §6 wants is a fault of the
// configuration.
func TestDiscoveryConfiguration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, listener, alternate, problem string }{
		{"the same address", "127.0.0.1:0", "127.0.0.1:1", "both differ"},
		{"no listener of the family", "127.0.0.1:0", "[::1]:1", "no udp listener"},
		{"a listener on every address", "0.0.0.0:0", "127.0.0.2:1", "no single address"},
	} {
		_, err := New(Config{
			Realm: "bench", Network: netio.NewMemory(), Verifier: newBench(t).w.verifier,
			Listeners:      []Listener{{allocation.TCP, netip.MustParseAddrPort("127.0.0.2:0")}, {allocation.UDP, netip.MustParseAddrPort(tt.listener)}},
			RelayAddresses: relayAddresses("127.0.0.1"),
			Discovery:      []DiscoveryAddress{{Bind: netip.MustParseAddrPort(tt.alternate)}},
		})
		if err == nil || !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.problem)
		}
	}
	_, err := New(Config{
		Realm: "bench", Network: netio.NewMemory(), Verifier: newBench(t).w.verifier,
		Listeners:      []Listener{{allocation.UDP, netip.MustParseAddrPort("127.0.0.1:3478")}},
		RelayAddresses: relayAddresses("127.0.0.1"),
		Discovery:      []DiscoveryAddress{{Bind: netip.MustParseAddrPort("127.0.0.2:3478")}},
	})
	if err == nil || !strings.Contains(err.Error(), "both differ") {
		t.Errorf("the same port: %v", err)
	}
	_, err = New(Config{
		Realm: "bench", Network: netio.NewMemory(), Verifier: newBench(t).w.verifier,
		Listeners:      []Listener{{allocation.UDP, netip.MustParseAddrPort("127.0.0.1:3478")}},
		RelayAddresses: relayAddresses("127.0.0.1"),
		Discovery:      []DiscoveryAddress{{Bind: netip.MustParseAddrPort("127.0.0.2:3479")}, {Bind: netip.MustParseAddrPort("127.0.0.3:3480")}},
	})
	if err == nil || !strings.Contains(err.Error(), "one already") {
		t.Errorf("two of a family: %v", err)
	}
}

// Whatever a Binding request asks for, it is answered once, from one of the four
// addresses, to its own address, and with hardly more bytes than it has.
func FuzzDiscovery(f *testing.F) {
	attributes := func(add func(*stun.Builder)) []byte { return message(0, add)[stun.HeaderSize:] }
	f.Add(uint8(0), attributes(func(b *stun.Builder) { b.AddChangeRequest(true, true) }))
	f.Add(uint8(1), attributes(func(b *stun.Builder) { b.AddResponsePort(9); b.AddChangeRequest(true, false) }))
	f.Add(uint8(2), attributes(func(b *stun.Builder) { b.Add(stun.AttrPadding, make([]byte, 1500)) }))
	f.Add(uint8(3), attributes(func(b *stun.Builder) { b.Add(stun.AttrPadding, nil); b.AddResponsePort(9) }))
	f.Fuzz(func(t *testing.T, at uint8, attributes []byte) {
		request := append(message(stun.MethodBinding, func(*stun.Builder) {}), attributes...)
		request[2], request[3] = byte(len(attributes)>>8), byte(len(attributes))
		m, err := stun.Parse(request)
		if err != nil || len(attributes) > 60000 || m.CheckFingerprint() != nil {
			return
		}
		b := newBench(t, withDiscovery)
		b.deliver(b.w.listeners[at%4], netio.Packet{Addr: benchClient(1), Local: b.udp()[at%4], Payload: request})
		answer := b.response(t)
		out := b.poller.outs[0]
		origin, err := answer.AddrPort(stun.AttrResponseOrigin)
		if answer.Class() == stun.ClassError {
			origin = b.udp()[at%4]
			err = nil
		}
		if err != nil || out.Socket.Local() != origin || out.Dst.Addr() != benchClient(1).Addr() {
			t.Fatalf("answered from %v to %v, by its own word from %v (%v)", out.Socket.Local(), out.Dst, origin, err)
		}
		if m.Has(stun.AttrPadding) && m.Has(stun.AttrResponsePort) && answer.Class() != stun.ClassError {
			t.Fatal("PADDING and RESPONSE-PORT were served together")
		}
		const overhead = 20 + 4*24 + 12 + 40 // header, four addresses, SOFTWARE, an error's reason
		if len(answer.Bytes()) > len(request)+overhead {
			t.Fatalf("%d bytes for %d", len(answer.Bytes()), len(request))
		}
	})
}

// The ways of NAT discovery allocate nothing either.
func TestDiscoveryAllocations(t *testing.T) {
	b := newBench(t, withDiscovery)
	for name, m := range map[string][]byte{
		"Binding":        message(stun.MethodBinding, func(*stun.Builder) {}),
		"CHANGE-REQUEST": message(stun.MethodBinding, func(rs *stun.Builder) { rs.AddChangeRequest(true, true) }),
		"PADDING":        message(stun.MethodBinding, func(rs *stun.Builder) { rs.Add(stun.AttrPadding, make([]byte, 1500)) }),
	} {
		b.fromClient(benchClient(1), m)
		if b.response(t).Class() != stun.ClassSuccess {
			t.Fatalf("%s: %s", name, describe(b.poller.outs[0].Header))
		}
		if n := testing.AllocsPerRun(200, func() { b.fromClient(benchClient(1), m) }); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Every worker answers from all four addresses, whether they were opened for NAT
// discovery or are listeners already.
func TestRealDiscovery(t *testing.T) {
	t.Parallel()
	first, second := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	s := serveReal(t, func(c *Config) {
		c.Workers = 3
		c.Discovery = []DiscoveryAddress{{Bind: netip.AddrPortFrom(second, 0)}}
	})
	udp := s.udp()
	ports := []uint16{udp[0].Port(), udp[len(udp)-1].Port()}
	if len(udp) != 4 || ports[0] == ports[1] {
		t.Fatalf("sockets at %v", udp)
	}
	for i := range 12 { // enough that every worker is asked
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, u := range udp {
			for flags := range 4 {
				ip, port := flags&1 != 0, flags&2 != 0
				want := u
				if ip {
					want = netip.AddrPortFrom(map[netip.Addr]netip.Addr{first: second, second: first}[want.Addr()], want.Port())
				}
				if port {
					want = netip.AddrPortFrom(want.Addr(), ports[1-slices.Index(ports, want.Port())])
				}
				if err := askDiscovery(conn, u, want, ip, port); err != nil {
					t.Errorf("client %d at %s, change IP %v, port %v: %v", i, u, ip, port, err)
				}
			}
		}
	}
}

// askDiscovery sends a Binding request and wants its answer from an address.
func askDiscovery(conn *net.UDPConn, to, from netip.AddrPort, ip, port bool) error {
	request := message(stun.MethodBinding, func(b *stun.Builder) { b.AddChangeRequest(ip, port) })
	if _, err := conn.WriteToUDPAddrPort(request, to); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	buf := make([]byte, 2048)
	n, source, err := conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		return err
	}
	m, err := stun.Parse(buf[:n])
	if err != nil {
		return err
	}
	origin, err := m.AddrPort(stun.AttrResponseOrigin)
	if err != nil || source != from || origin != from {
		return fmt.Errorf("answered from %s, by its own word from %s (%v), want %s", source, origin, err, from)
	}
	return nil
}

// udp is everywhere that the server hears clients by UDP.
func (s *Server) udp() (all []netip.AddrPort) {
	now := s.current.Load()
	for _, l := range slices.Concat(now.listeners, now.vantages) {
		if l.sockets != nil {
			all = append(all, l.at.Addr)
		}
	}
	return all
}
