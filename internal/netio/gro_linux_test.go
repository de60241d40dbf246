package netio

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"turnout/internal/ci"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bytes, segment int
		want           []int
	}{
		{0, 0, []int{0}},
		{0, 100, []int{0}},
		{100, 0, []int{100}},
		{100, -1, []int{100}},
		{100, 100, []int{100}},
		{100, 1000, []int{100}},
		{300, 100, []int{100, 100, 100}},
		{301, 100, []int{100, 100, 100, 1}},
		{3, 1, []int{1, 1, 1}},
		{65507, 1200, append(slices.Repeat([]int{1200}, 54), 707)},
		{65520, 511, append(slices.Repeat([]int{511}, 128), 112)},
	} {
		r := newReceiver(1)
		whole := Packet{Addr: runPeer, Local: runPeer6, TOS: 3, Payload: r.slots[:c.bytes:c.bytes]}
		if n := r.split(whole, c.segment); n != len(c.want) || len(r.packets) != n {
			t.Errorf("%d bytes in segments of %d: %d datagrams and %d packets, want %d", c.bytes, c.segment, n, len(r.packets), len(c.want))
			continue
		}
		at := 0
		for i, p := range r.packets {
			if len(p.Payload) != c.want[i] || cap(p.Payload) != len(p.Payload) || p.Addr != whole.Addr || p.Local != whole.Local || p.TOS != whole.TOS {
				t.Errorf("%d bytes in segments of %d: datagram %d is %+v", c.bytes, c.segment, i, p)
			}
			if len(p.Payload) > 0 && &p.Payload[0] != &r.slots[at] {
				t.Errorf("%d bytes in segments of %d: datagram %d was copied", c.bytes, c.segment, i)
			}
			at += len(p.Payload)
		}
	}
}

// groPair is a poller with both shortcuts on, or the test's end where this kernel has none, and two sockets in it.
func groPair(t *testing.T, from, to netip.Addr) (p *poller, sender, receiver *socket) {
	t.Helper()
	p, err := newPoller(PollerConfig{GSO: SwitchOn, GRO: SwitchOn})
	if err != nil {
		ci.Lacks(t, "no GSO and GRO: %v", err)
	}
	t.Cleanup(func() { p.Close() })
	sender, receiver = linuxRelay(t, from), linuxGroup(t, to, 1)[0].(*socket)
	for i, s := range []*socket{sender, receiver} {
		if err := p.Add(s, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	return p, sender, receiver
}

// Datagrams that arrive together take one slot, and are told apart without a copy.
func TestReceiveTogether(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		for _, bound := range []netip.Addr{loopback, unspecifiedLike(loopback)} {
			p, from, to := groPair(t, loopback, bound)
			dst := netip.AddrPortFrom(loopback, to.local.Port())
			var outs []Out
			var want [][]byte
			for i, n := range []int{300, 300, 300, 300, 300, 300, 7, 300, 301} {
				payload := pattern(n, byte(i))
				want = append(want, payload)
				outs = append(outs, Out{Socket: from, Dst: dst, TOS: 0x8a, Header: payload[:4], Payload: payload[4:]})
			}
			if f := p.Send(outs); len(f) != 0 {
				t.Fatalf("failures %v", f)
			}
			first, err := p.Recv(to, 1)
			if err != nil || len(first) != 7 || p.Room() != systemSlots-1 {
				t.Fatalf("%d packets in a slot, %v, room for %d", len(first), err, p.Room())
			}
			got := slices.Clone(first)
			rest, err := p.Recv(to, 64)
			if err != nil || len(rest) != 2 || p.Room() != systemSlots-3 {
				t.Fatalf("%d packets in two slots, %v, room for %d", len(rest), err, p.Room())
			}
			got = append(got, rest...)
			for i, packet := range got {
				if !bytes.Equal(packet.Payload, want[i]) || cap(packet.Payload) != len(packet.Payload) {
					t.Errorf("%v: datagram %d: %d bytes, capacity %d", bound, i, len(packet.Payload), cap(packet.Payload))
				}
				if packet.Addr != from.local || packet.Local != dst || packet.TOS != 0x8a {
					t.Errorf("%v: datagram %d came from %v to %v with type of service %#x", bound, i, packet.Addr, packet.Local, packet.TOS)
				}
			}
			for i := range 6 {
				if &got[i].Payload[0] != &p.receive.slots[300*i] {
					t.Errorf("%v: datagram %d was copied", bound, i)
				}
			}
			n := p.Counts()
			if n.RecvDatagrams != 9 || n.RecvCalls != 2 || n.GROMessages != 1 || n.GROSegments != 7 || n.GSOMessages != 1 || n.GSOSegments != 7 {
				t.Errorf("counted %+v", n)
			}
			p.EndRound()
			if p.Room() != systemSlots {
				t.Errorf("room for %d after the round", p.Room())
			}
		}
	})
}

// Later senders may put more together than this package does: 128 datagrams in a message.
func TestReceiveManyTogether(t *testing.T) {
	t.Parallel()
	p, from, to := groPair(t, linuxLoopback4, linuxLoopback4)
	var c control
	end := c.putSegment(0, 10)
	payload := pattern(1280, 5)
	_, err := unix.SendmsgN(from.fd, payload, c.bytes()[:end], &unix.SockaddrInet4{Addr: linuxLoopback4.As4(), Port: int(to.local.Port())}, 0)
	if err != nil {
		ci.Lacks(t, "this kernel sends no 128 datagrams at once: %v", err)
	}
	packets, err := p.Recv(to, 64)
	if err != nil || len(packets) != 128 {
		t.Fatalf("%d packets, %v", len(packets), err)
	}
	for i, packet := range packets {
		if !bytes.Equal(packet.Payload, payload[10*i:10*i+10]) {
			t.Errorf("datagram %d is %x", i, packet.Payload)
		}
	}
}

// A socket keeps GRO when another poller adopts it, and so does what lies in it.
func TestReceiveTogetherAfterHandover(t *testing.T) {
	t.Parallel()
	p, from, to := groPair(t, linuxLoopback4, linuxLoopback4)
	if f := p.Send(slices.Repeat([]Out{{Socket: from, Dst: to.local, Payload: []byte("x")}}, 9)); len(f) != 0 {
		t.Fatalf("failures %v", f)
	}
	if err := p.Remove(to); err != nil {
		t.Fatal(err)
	}
	other := linuxPollerOf(t, withoutShortcuts)
	if err := other.Add(to, 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		packets, err := other.Recv(to, 64)
		if err != nil || len(packets) != 9 {
			t.Errorf("%d packets, %v", len(packets), err)
		}
		if f := p.Send(slices.Repeat([]Out{{Socket: from, Dst: to.local, Payload: []byte("x")}}, 9)); len(f) != 0 {
			t.Fatalf("failures %v", f)
		}
	}
}

// One fast sender's datagrams are read a few hundred at a time, so that others have their turn, and one by one again when it
// has become slow.
func TestReadBurst(t *testing.T) {
	t.Parallel()
	p, from, to := groPair(t, linuxLoopback4, linuxLoopback4)
	send := func(lengths ...int) {
		t.Helper()
		var outs []Out
		for _, n := range lengths {
			outs = append(outs, Out{Socket: from, Dst: to.local, Payload: make([]byte, n)})
		}
		if f := p.Send(outs); len(f) != 0 {
			t.Fatalf("failures %v", f)
		}
	}
	receive := func(want int) {
		t.Helper()
		packets, err := p.Recv(to, 64)
		if err != nil || len(packets) != want {
			t.Fatalf("%d packets, %v, want %d", len(packets), err, want)
		}
		p.EndRound()
	}
	send(slices.Repeat([]int{10}, 64*20)...) // 20 runs
	receive(64 * 20)
	send(slices.Repeat([]int{10}, 64*20)...)
	receive(readBurst)
	receive(readBurst)
	receive(64*20 - 2*readBurst)
	send(1)
	receive(1)
	for n := range 30 {
		send(n + 1)
	}
	receive(30)
}
