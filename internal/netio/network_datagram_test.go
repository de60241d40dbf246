package netio

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
)

func TestNetworkDatagramsBothWays(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		for _, family := range []struct {
			any     netip.AddrPort
			largest int
		}{{anyPort4, 65507}, {anyPort6, 65507}} {
			n := tn.open()
			a, b := newStation(t, n, family.any, 0), newStation(t, n, family.any, 0)
			if a.addr().Port() == 0 || a.addr() == b.addr() {
				t.Fatalf("bound %v and %v", a.addr(), b.addr())
			}
			for i, size := range []int{0, 1, 172, 1200, 1472, 1473, 9000, family.largest} {
				there, back := pattern(size, byte(i)), pattern(size, byte(i)+100)
				a.send(Out{Dst: b.addr(), Payload: there})
				p := b.receive(1)[0]
				if p.Addr != a.addr() || p.Local != b.addr() || !bytes.Equal(p.Payload, there) {
					t.Fatalf("%d bytes there: %d bytes from %v to %v", size, len(p.Payload), p.Addr, p.Local)
				}
				b.send(Out{Dst: p.Addr, Payload: back})
				if p := a.receive(1)[0]; p.Addr != b.addr() || !bytes.Equal(p.Payload, back) {
					t.Fatalf("%d bytes back: %d bytes from %v", size, len(p.Payload), p.Addr)
				}
			}
		}
	})
}

func TestNetworkTooLargeForUDP(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
		failures := a.poller.Send([]Out{
			{Socket: a.socket, Dst: b.addr(), Payload: number(0)},
			{Socket: a.socket, Dst: b.addr(), Header: number(1), Payload: pattern(65507-3, 0)},
			{Socket: a.socket, Dst: b.addr(), Payload: number(2)},
		})
		if len(failures) != 1 || failures[0].Index != 1 || !errors.Is(failures[0].Err, ErrMessageSize) {
			t.Fatalf("failures %v", failures)
		}
		for i, p := range b.receive(2) {
			if !bytes.Equal(p.Payload, number(2*i)) {
				t.Fatalf("datagram %d is %x", i, p.Payload)
			}
		}
	})
}

func TestNetworkOtherFamilyIsUnreachable(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort6, 0)
		for _, way := range [][2]*station{{a, b}, {b, a}} {
			failures := way[0].poller.Send([]Out{{Socket: way[0].socket, Dst: way[1].addr(), Payload: number(1)}})
			if len(failures) != 1 || !errors.Is(failures[0].Err, ErrUnreachable) {
				t.Fatalf("from %v to %v: failures %v", way[0].addr(), way[1].addr(), failures)
			}
		}
	})
}

func TestNetworkGathered(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
		header, payload, padding := []byte{0x40, 0, 0, 5}, []byte("hello"), []byte{0, 0, 0}
		outs := []Out{
			{Dst: b.addr(), Header: header, Payload: payload, Padding: padding},
			{Dst: b.addr(), Header: header, Payload: payload},
			{Dst: b.addr(), Header: header},
			{Dst: b.addr(), Payload: payload, Padding: padding},
			{Dst: b.addr()},
			{Dst: b.addr(), Header: header, Payload: pattern(65500-4, 1), Padding: padding},
		}
		a.send(outs...)
		for i, p := range b.receive(len(outs)) {
			if want := bytes.Join([][]byte{outs[i].Header, outs[i].Payload, outs[i].Padding}, nil); !bytes.Equal(p.Payload, want) {
				t.Errorf("out %d arrived as %d bytes, want %d", i, len(p.Payload), len(want))
			}
		}
	})
}

func TestNetworkOrder(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b, c := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
		var outs []Out
		for i := range 40 { // lengths and destinations that break runs
			outs = append(outs, Out{Dst: b.addr(), Payload: append(number(i), pattern(i%3*100, 0)...)})
			if i%5 == 0 {
				outs = append(outs, Out{Dst: c.addr(), Payload: number(i)})
			}
		}
		a.send(outs...)
		for i, p := range b.receive(40) {
			if want := append(number(i), pattern(i%3*100, 0)...); !bytes.Equal(p.Payload, want) {
				t.Fatalf("datagram %d begins %x and has %d bytes", i, p.Payload[:4], len(p.Payload))
			}
		}
		for i, p := range c.receive(8) {
			if !bytes.Equal(p.Payload, number(5*i)) {
				t.Fatalf("datagram %d to the other is %x", i, p.Payload)
			}
		}
	})
}

func TestNetworkWildcard(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		for _, c := range []struct{ wildcard, host netip.Addr }{
			{netip.IPv4Unspecified(), netip.MustParseAddr("127.0.0.2")},
			{netip.IPv6Unspecified(), loopback6},
		} {
			group, err := n.ListenUDP(netip.AddrPortFrom(c.wildcard, 0), 1)
			if err != nil {
				t.Fatal(err)
			}
			server := newStationOn(t, n, group[0], 0)
			if !tn.wildcardLocal && c.host.Is4() {
				c.host = loopback4 // other addresses of the loopback network are Linux's alone
			}
			client := newStation(t, n, netip.AddrPortFrom(c.host, 0), 0)
			to := netip.AddrPortFrom(c.host, server.addr().Port())
			client.send(Out{Dst: to, Payload: number(1)})
			p := server.receive(1)[0]
			if want := to; tn.wildcardLocal && p.Local != want {
				t.Errorf("sent to %v, received at %v", want, p.Local)
			}
			server.send(Out{Local: p.Local.Addr(), Dst: p.Addr, Payload: number(2)})
			if p := client.receive(1)[0]; p.Addr != to {
				t.Errorf("the answer of %v comes from %v", to, p.Addr)
			}
		}
	})
}

func TestNetworkTOS(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		for _, any := range []netip.AddrPort{anyPort4, anyPort6} {
			n := tn.open()
			a, b := newStation(t, n, any, 0), newStation(t, n, any, 0)
			a.send(Out{Dst: b.addr(), TOS: 0xb9, Payload: number(1)}, Out{Dst: b.addr(), Payload: number(2)})
			want := []uint8{0xb9, 0}
			if !tn.tos {
				want[0] = 0
			}
			for i, p := range b.receive(2) {
				if p.TOS != want[i] {
					t.Errorf("datagram %d has TOS %#x, want %#x", i, p.TOS, want[i])
				}
			}
		}
	})
}

// TestNetworkDeadPeer has a peer without a socket cost another peer nothing, and its ICMP error told where it can be.
func TestNetworkDeadPeer(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		for _, c := range []struct {
			any        netip.AddrPort
			kind, code uint8
		}{{anyPort4, 3, 3}, {anyPort6, 1, 4}} {
			n := tn.open()
			a, b := newStation(t, n, c.any, 0), newStation(t, n, c.any, 0)
			dead := netip.AddrPortFrom(c.any.Addr(), unboundPort)
			const rounds = 5
			for i := range rounds {
				a.send(Out{Dst: dead, Payload: number(i)}, Out{Dst: b.addr(), Payload: number(i)})
			}
			for i, p := range b.receive(rounds) {
				if !bytes.Equal(p.Payload, number(i)) {
					t.Fatalf("datagram %d is %x", i, p.Payload)
				}
			}
			if !tn.icmp {
				if got := a.poller.RecvErrors(a.socket); len(got) != 0 {
					t.Fatalf("errors %v", got)
				}
				continue
			}
			events, err := a.poller.Wait(patience)
			if err != nil || len(events) != 1 || events[0].ID != stationID || !events[0].Errored {
				t.Fatalf("events %+v, %v", events, err)
			}
			got := a.poller.RecvErrors(a.socket)
			if len(got) == 0 || got[0] != (ICMPError{Peer: dead, Type: c.kind, Code: c.code}) {
				t.Fatalf("errors %v, want of %v", got, dead)
			}
		}
	})
}
