package netio

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// Every datagram is either read or counted as dropped, by the networks that count.
func TestNetworkDrops(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
		counter, ok := b.socket.(DropCounter)
		if ok != tn.meters {
			t.Fatalf("counts drops: %t", ok)
		}
		if !ok {
			return // its reader waits while its queue is full
		}
		drops := func() (n int) {
			fresh, err := counter.NewDrops()
			if err != nil {
				t.Fatal(err)
			}
			return int(fresh)
		}
		if n := drops(); n != 0 {
			t.Errorf("%d drops before anything was sent", n)
		}
		for round := range 2 {
			const sent = 6000
			for i := range sent { // more than a queue holds; each alone, since those that travel together count as one
				a.send(Out{Dst: b.addr(), Payload: growing(i % 1000)})
			}
			received := 0
			for b.readable(0) {
				received += len(b.recv(64))
				b.poller.EndRound()
			}
			lost := drops()
			if received == 0 || lost == 0 || received+lost != sent {
				t.Errorf("round %d: %d received and %d dropped of %d", round, received, lost, sent)
			}
			if n := drops(); n != 0 {
				t.Errorf("round %d: %d drops were told twice", round, n)
			}
		}
	})
}

// A datagram tells when it arrived if its socket is asked for that, and only then.
func TestNetworkReceived(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		for _, any := range []struct{ from, to string }{{"127.0.0.1:0", "127.0.0.1:0"}, {"[::1]:0", "[::1]:0"}, {"127.0.0.1:0", "0.0.0.0:0"}} {
			n := tn.open()
			a, b := newStation(t, n, netip.MustParseAddrPort(any.from), 0), newStation(t, n, netip.MustParseAddrPort(any.to), 0)
			to := b.addr()
			if to.Addr().IsUnspecified() {
				if !tn.wildcardLocal {
					continue
				}
				to = netip.AddrPortFrom(a.addr().Addr(), to.Port())
			}
			ask := func(payload []byte) int64 {
				a.send(Out{Dst: to, TOS: 0xb8, Payload: payload})
				return b.receive(1)[0].Received
			}
			if at := ask(number(1)); at != 0 {
				t.Errorf("%s: received at %d, and nobody asked", any.to, at)
			}
			s, ok := b.socket.(Stamper)
			if ok != tn.meters {
				t.Fatalf("stamps: %t", ok)
			}
			if !ok {
				continue
			}
			if err := s.Stamp(true); err != nil {
				t.Fatal(err)
			}
			before := time.Now().Add(-time.Millisecond) // the kernel's clock reads may be coarser
			first := ask(number(2))
			for first == 0 { // the kernel begins when it comes to it
				first = ask(number(3))
			}
			if after := time.Now(); first < before.UnixNano() || first > after.UnixNano() {
				t.Errorf("%s: received at %d, not between %d and %d", any.to, first, before.UnixNano(), after.UnixNano())
			}
			if err := s.Stamp(false); err != nil {
				t.Fatal(err)
			}
			if at := ask(number(4)); at != 0 {
				t.Errorf("%s: received at %d, and nobody asks any more", any.to, at)
			}
		}
	})
}

// ThreadTime grows by the work of this thread, where the system tells it at all.
func TestThreadTime(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the goroutine ends locked, and its thread with it
		before, ok := ThreadTime()
		if !ok {
			return
		}
		for n := 0; ; n++ {
			now, _ := ThreadTime()
			if now-before > 2*time.Millisecond {
				return
			}
			if now < before {
				t.Errorf("%v after %v", now, before)
				return
			}
		}
	}()
	<-done
}
