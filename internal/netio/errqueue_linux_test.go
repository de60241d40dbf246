package netio

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// deadPort is where nobody listens: discard, which no system offers any more.
const deadPort = 9

func unreachable(loopback netip.Addr) ICMPError {
	e := ICMPError{Peer: netip.AddrPortFrom(loopback, deadPort), Type: 3, Code: 3}
	if loopback.Is6() {
		e.Type, e.Code = 1, 4
	}
	return e
}

// Every second datagram of a batch goes to a peer that does not exist. No other peer loses one, and order is kept.
func TestDeadPeerCostsOthersNothing(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		p, relay := linuxPoller(t), linuxRelay(t, loopback)
		peers := []*socket{linuxRelay(t, loopback), linuxRelay(t, loopback)}
		if err := p.Add(relay, 5); err != nil {
			t.Fatal(err)
		}
		dead := unreachable(loopback)
		want := make([][]string, len(peers))
		for round := range 3 {
			var outs []Out
			for i := range 64 {
				o := Out{Socket: relay, Dst: dead.Peer, Payload: []byte("nobody")}
				if i%2 == 1 {
					k := i / 2 % len(peers)
					text := fmt.Sprint(round, i)
					o.Dst, o.Payload = peers[k].Local(), []byte(text)
					want[k] = append(want[k], text)
				}
				outs = append(outs, o)
			}
			if f := p.Send(outs); len(f) != 0 {
				t.Fatalf("round %d: %d failures, the first of out %d: %v", round, len(f), f[0].Index, f[0].Err)
			}
		}
		for k, peer := range peers {
			if got := payloads(receiveAll(t, peer, len(want[k]))); !slices.Equal(got, want[k]) {
				t.Errorf("peer %d received %q, want %q", k, got, want[k])
			}
		}

		errs := 0
		for {
			events, err := p.Wait(0)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				break // drained: the error is reported no more
			}
			if len(events) != 1 || events[0] != (Event{ID: 5, Errored: true}) {
				t.Fatalf("events %+v", events)
			}
			got := p.RecvErrors(relay)
			if len(got) > errorBatch {
				t.Fatalf("%d errors at once", len(got))
			}
			for _, e := range got {
				if e != dead {
					t.Fatalf("error %+v, want %+v", e, dead)
				}
			}
			errs += len(got)
		}
		// ICMPv6 is rate-limited by the system, to one a destination at the worst.
		if errs == 0 || errs > 3*32 {
			t.Errorf("%d ICMP errors of %d datagrams", errs, 3*32)
		}
	})
}

// A pending error does not hide a datagram from Recv.
func TestReceiveBesidePendingError(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		p, relay, peer := linuxPoller(t), linuxRelay(t, loopback), linuxRelay(t, loopback)
		if err := p.Add(relay, 5); err != nil {
			t.Fatal(err)
		}
		dead := unreachable(loopback)
		p.Send([]Out{{Socket: relay, Dst: dead.Peer, Payload: []byte("nobody")}})
		sendOne(t, p, peer, relay, "answer")
		if events, err := p.Wait(linuxPatience); err != nil || len(events) != 1 || events[0] != (Event{ID: 5, Readable: true, Errored: true}) {
			t.Fatalf("events %+v, %v", events, err)
		}
		calls := p.Counts().RecvCalls
		packets, err := p.Recv(relay, 32)
		if err != nil || len(packets) != 1 || string(packets[0].Payload) != "answer" {
			t.Errorf("received %q, %v", payloads(packets), err)
		}
		if n := p.Counts().RecvCalls - calls; n != 2 {
			t.Errorf("%d calls: the error was not pending", n)
		}
		if e := p.RecvErrors(relay); len(e) != 1 || e[0] != dead {
			t.Errorf("errors %+v, want %+v", e, dead)
		}
		if events, err := p.Wait(0); err != nil || len(events) != 0 {
			t.Errorf("after: events %+v, %v", events, err)
		}
		if e := p.RecvErrors(relay); len(e) != 0 {
			t.Errorf("errors of an empty queue: %+v", e)
		}
	})
}

// One poller reads the errors of both families, which differ in length.
func TestErrorsOfBothFamilies(t *testing.T) {
	t.Parallel()
	p := linuxPoller(t)
	for _, loopback := range []netip.Addr{linuxLoopback4, linuxLoopback6, linuxLoopback4, linuxLoopback6} {
		relay, dead := linuxRelay(t, loopback), unreachable(loopback)
		p.Send([]Out{{Socket: relay, Dst: dead.Peer}})
		if e := p.RecvErrors(relay); len(e) != 1 || e[0] != dead {
			t.Errorf("errors %+v, want %+v", e, dead)
		}
	}
}

// Sockets for clients ask for no errors: whoever sends requests from a port he closes would make work.
func TestListenerHasNoErrors(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		p, s := linuxPoller(t), linuxGroup(t, loopback, 1)[0]
		if err := p.Add(s, 5); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if f := p.Send([]Out{{Socket: s, Dst: unreachable(loopback).Peer}}); len(f) != 0 {
				t.Errorf("failures %+v", f)
			}
		}
		if events, err := p.Wait(0); err != nil || len(events) != 0 {
			t.Errorf("events %+v, %v", events, err)
		}
	})
}

// Where the receive buffer is full, the kernel cannot queue an ICMP error, but reports that there is one until somebody asks
// for it. RecvErrors does: the worker would never sleep again.
func TestErrorWithoutEntry(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		p, relay, peer := linuxPoller(t), linuxRelay(t, loopback), linuxRelay(t, loopback)
		if err := unix.SetsockoptInt(relay.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
			t.Fatal(err)
		}
		if err := p.Add(relay, 5); err != nil {
			t.Fatal(err)
		}
		for range 64 {
			sendOne(t, p, peer, relay, "more than fits")
		}
		p.Send([]Out{{Socket: relay, Dst: unreachable(loopback).Peer}})
		for _, want := range []Event{{ID: 5, Readable: true, Errored: true}, {ID: 5, Readable: true}} {
			if events, err := p.Wait(0); err != nil || len(events) != 1 || events[0] != want {
				t.Fatalf("events %+v, %v, want %+v", events, err, want)
			}
			if e := p.RecvErrors(relay); len(e) != 0 {
				t.Errorf("errors %+v: the queue was not full", e)
			}
		}
	})
}
