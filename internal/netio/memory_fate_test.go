package netio

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestMemoryLoss(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		a, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
		n := 0
		m.SetFate(func(tr Transit) Fate {
			n++
			if tr.From != a.addr() || tr.To != b.addr() || tr.TOS != 4 || !tr.DF || string(tr.Header) != "h" || string(tr.Padding) != "p" {
				t.Errorf("transit %+v", tr)
			}
			return Fate{Lost: n%3 == 0}
		})
		for i := range 9 {
			a.send(Out{Dst: b.addr(), TOS: 4, DF: true, Header: []byte("h"), Payload: number(i), Padding: []byte("p")})
		}
		m.SetFate(nil)
		a.send(Out{Dst: b.addr(), Payload: number(9)})
		var got []byte
		for _, p := range b.receive(7) {
			got = append(got, bytes.Trim(p.Payload, "hp")[3])
		}
		if want := []byte{0, 1, 3, 4, 6, 7, 9}; !bytes.Equal(got, want) {
			t.Fatalf("received %v, want %v", got, want)
		}
		if s := m.Stats(); s != (MemoryStats{Delivered: 7, Lost: 3}) {
			t.Fatalf("stats %+v", s)
		}
	})
}

func TestMemoryDelay(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		a, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
		delays := []time.Duration{30, 10, 20, 10, 0, 30, 10} // milliseconds
		n := 0
		m.SetFate(func(Transit) Fate {
			n++
			return Fate{Delay: delays[n-1] * time.Millisecond}
		})
		start := time.Now()
		for i := range delays {
			payload := number(i)
			a.send(Out{Dst: b.addr(), Payload: payload})
			clear(payload) // the caller's again
		}
		type arrival struct {
			after time.Duration
			which byte
		}
		var got []arrival
		for range delays {
			p := b.receive(1)[0]
			got = append(got, arrival{time.Since(start) / time.Millisecond, p.Payload[3]})
		}
		if want := []arrival{{0, 4}, {10, 1}, {10, 3}, {10, 6}, {20, 2}, {30, 0}, {30, 5}}; !slices.Equal(got, want) {
			t.Fatalf("arrivals %v, want %v", got, want)
		}
	})
}

// TestMemoryDelayKeepsOrder sends much in one moment: datagrams due together stay in order.
func TestMemoryDelayKeepsOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		a, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
		m.SetFate(func(Transit) Fate { return Fate{Delay: time.Second} })
		for i := range 500 {
			a.send(Out{Dst: b.addr(), Payload: number(i)})
		}
		for i, p := range b.receive(500) {
			if !bytes.Equal(p.Payload, number(i)) {
				t.Fatalf("datagram %d is %x", i, p.Payload)
			}
		}
	})
}

// TestMemoryDelayedToTheDead has the sockets of both ends closed while a datagram is on its way.
func TestMemoryDelayedToTheDead(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		a, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
		gone, err := m.OpenUDP(anyPort4)
		if err != nil {
			t.Fatal(err)
		}
		m.SetFate(func(Transit) Fate { return Fate{Delay: time.Second} })
		a.poller.Send([]Out{{Socket: gone, Dst: b.addr(), Payload: number(1)}, {Socket: a.socket, Dst: gone.Local(), Payload: number(2)}})
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		if p := b.receive(1)[0]; p.Addr != gone.Local() {
			t.Fatalf("received from %v", p.Addr)
		}
		events, err := a.poller.Wait(patience)
		if err != nil || len(events) != 1 || !events[0].Errored || events[0].Readable {
			t.Fatalf("events %v, %v", events, err)
		}
		if got := a.poller.RecvErrors(a.socket); !slices.Equal(got, []ICMPError{{Peer: gone.Local(), Type: 3, Code: 3}}) {
			t.Fatalf("errors %v", got)
		}
	})
}

func TestMemorySendErrors(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		a, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
		reasons := []error{nil, ErrWouldBlock, nil, ErrNotPermitted, ErrUnreachable}
		n := 0
		m.SetFate(func(Transit) Fate {
			n++
			return Fate{Err: reasons[n-1]}
		})
		outs := make([]Out, len(reasons))
		for i := range outs {
			outs[i] = Out{Socket: a.socket, Dst: b.addr(), Payload: number(i)}
		}
		got := a.poller.Send(outs)
		if want := []Failure{{1, ErrWouldBlock}, {3, ErrNotPermitted}, {4, ErrUnreachable}}; !slices.Equal(got, want) {
			t.Fatalf("failures %v", got)
		}
		b.receive(2)
		for _, dst := range []netip.AddrPort{{}, netip.AddrPortFrom(loopback4, 0), netip.AddrPortFrom(netip.IPv4Unspecified(), 9)} {
			if got := a.poller.Send([]Out{{Socket: a.socket, Dst: dst}}); len(got) != 1 || !errors.Is(got[0].Err, ErrUnreachable) {
				t.Errorf("to %v: failures %v", dst, got)
			}
		}
	})
}

func TestMemoryICMP(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		a, b := newStation(t, m, anyPort4, 0), newStation(t, m, anyPort4, 0)
		if err := a.poller.Add(a.socket, 1); err == nil {
			t.Fatal("added twice")
		}
		// A router on the path answers after a while, and the datagram is lost.
		m.SetFate(func(Transit) Fate { return Fate{ICMP: ICMPError{Type: 11}, Delay: time.Second} })
		start := time.Now()
		a.send(Out{Dst: b.addr(), Payload: number(1)})
		events, err := a.poller.Wait(-1)
		if err != nil || !slices.Equal(events, []Event{{ID: stationID, Errored: true}}) || time.Since(start) != time.Second {
			t.Fatalf("after %v: events %v, %v", time.Since(start), events, err)
		}
		if got := a.poller.RecvErrors(a.socket); !slices.Equal(got, []ICMPError{{Peer: b.addr(), Type: 11}}) {
			t.Fatalf("errors %v", got)
		}
		if a.readable(0) || b.readable(0) {
			t.Fatal("something is left")
		}

		// Injected out of nothing, beyond what the queue holds.
		taken := 0
		e := ICMPError{Peer: netip.MustParseAddrPort("203.0.113.1:9"), Type: 3, Code: 1}
		for range 2 * maxQueuedErrors {
			if m.InjectICMP(a.addr(), e) {
				taken++
			}
		}
		if got := a.poller.RecvErrors(a.socket); taken != maxQueuedErrors || len(got) != maxQueuedErrors || got[0] != e {
			t.Fatalf("%d errors taken, %d read", taken, len(got))
		}
		// A listener has no error queue.
		group, err := m.ListenUDP(anyPort4, 1)
		if err != nil {
			t.Fatal(err)
		}
		if m.InjectICMP(group[0].Local(), e) || m.InjectICMP(netip.AddrPortFrom(loopback4, 1), e) {
			t.Error("injected where there is no error queue")
		}
		if err := group[0].Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMemoryMTU(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		const mtu = 1280
		m.SetMTU(mtu)
		for _, c := range []struct {
			any     netip.AddrPort
			fits    int
			problem ICMPError
		}{
			{anyPort4, mtu - 28, ICMPError{Type: 3, Code: 4, Info: mtu}},
			{anyPort6, mtu - 48, ICMPError{Type: 2, Code: 0, Info: mtu}},
		} {
			a, b := newStation(t, m, c.any, 0), newStation(t, m, c.any, 0)
			outs := []Out{
				{Socket: a.socket, Dst: b.addr(), DF: true, Payload: pattern(c.fits, 0)},
				{Socket: a.socket, Dst: b.addr(), DF: true, Header: number(0), Payload: pattern(c.fits-3, 0)},
				{Socket: a.socket, Dst: b.addr(), Payload: pattern(c.fits+1, 0)},
			}
			failures := a.poller.Send(outs)
			if len(failures) != 1 || failures[0] != (Failure{1, ErrMessageSize}) {
				t.Fatalf("failures %v", failures)
			}
			b.receive(2)
			c.problem.Peer = b.addr()
			if got := a.poller.RecvErrors(a.socket); !slices.Equal(got, []ICMPError{c.problem}) {
				t.Fatalf("errors %v", got)
			}
		}
	})
}
