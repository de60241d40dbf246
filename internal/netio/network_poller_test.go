package netio

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestNetworkLevelTriggered(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
		a.send(Out{Dst: b.addr(), Payload: number(0)})
		for range 3 {
			if !b.readable(patience) {
				t.Fatal("an unread socket is not reported again")
			}
		}
		if got := b.recv(64); len(got) != 1 {
			t.Fatalf("%d datagrams", len(got))
		}
		if b.readable(0) {
			t.Fatal("a socket that was read is reported")
		}
		a.send(Out{Dst: b.addr(), Payload: number(1)})
		if !b.readable(patience) {
			t.Fatal("a socket that was read once is not reported again")
		}
	})
}

func TestNetworkRecvMaxRoomAndEndRound(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 8)
		outs := make([]Out, 20)
		for i := range outs {
			outs[i] = Out{Dst: b.addr(), Payload: growing(i)} // each takes a slot of its own
		}
		if got := b.recv(5); len(got) != 0 {
			t.Fatalf("%d datagrams before any was sent", len(got))
		}
		a.send(outs...)
		if b.poller.Room() != 8 {
			t.Fatalf("room %d of 8", b.poller.Room())
		}
		if got := b.recv(0); len(got) != 0 {
			t.Fatalf("%d datagrams where at most 0 are asked for", len(got))
		}
		var round [][]byte
		next := 0
		for next < 20 {
			round = round[:0]
			start := next
			for b.poller.Room() > 0 && next < 20 {
				if !b.readable(patience) {
					t.Fatalf("%d datagrams, then none", next)
				}
				room := b.poller.Room()
				got := b.recv(3)
				if len(got) > 3 || b.poller.Room() != room-len(got) {
					t.Fatalf("%d datagrams, room %d then %d", len(got), room, b.poller.Room())
				}
				for _, p := range got {
					round = append(round, p.Payload)
					next++
				}
			}
			if got := b.recv(3); b.poller.Room() == 0 && len(got) != 0 {
				t.Fatalf("%d datagrams without room", len(got))
			}
			for i, payload := range round { // all of them hold until the round ends
				if !bytes.Equal(payload, growing(start+i)) {
					t.Fatalf("datagram %d is %x", start+i, payload)
				}
			}
			b.poller.EndRound()
			if b.poller.Room() != 8 {
				t.Fatalf("room %d after the round", b.poller.Room())
			}
		}
	})
}

func TestNetworkFairness(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a := newStation(t, n, anyPort4, 0)
		p, err := n.NewPoller(PollerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		const sockets = 300
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		for i := range sockets {
			s, err := n.OpenUDP(anyPort4)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Add(s, uint64(i)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := errors.Join(p.Remove(s), s.Close()); err != nil {
					t.Error(err)
				}
			})
			a.send(Out{Dst: s.Local(), Payload: number(i)})
		}
		// Nothing is read: every socket stays ready, and none may hide another for good.
		seen := make(map[uint64]bool)
		for deadline := time.Now().Add(patience); len(seen) < sockets; {
			if time.Now().After(deadline) {
				t.Fatalf("%d sockets of %d were reported", len(seen), sockets)
			}
			events, err := p.Wait(patience)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				seen[e.ID] = e.Readable
			}
		}
	})
}

func TestNetworkWaitTimeout(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		a := newStation(t, tn.open(), anyPort4, 0)
		start := time.Now()
		if a.readable(0) || a.readable(silence) {
			t.Fatal("readable without a datagram")
		}
		took := time.Since(start)
		if took < silence || tn.virtual && took != silence {
			t.Fatalf("Wait took %v, asked for %v", took, silence)
		}
	})
}

func TestNetworkWake(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		a := newStation(t, tn.open(), anyPort4, 0)
		woken := func(timeout time.Duration) bool {
			events, err := a.poller.Wait(timeout)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) > 1 || len(events) == 1 && events[0].ID != WakeID {
				t.Fatalf("events %v", events)
			}
			return len(events) == 1
		}
		a.poller.Wake()
		a.poller.Wake()
		if !woken(-1) || woken(0) {
			t.Fatal("two wakes ahead of a Wait are to be one event")
		}

		// Each of many goroutines posts and wakes, as workers' inboxes are posted to: every post must be seen.
		const goroutines, posts = 8, 500
		var mu sync.Mutex
		inbox := 0
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				for range posts {
					mu.Lock()
					inbox++
					mu.Unlock()
					a.poller.Wake()
				}
			})
		}
		for seen := 0; seen < goroutines*posts; {
			if !woken(patience) {
				t.Fatalf("%d posts of %d, then no wake", seen, goroutines*posts)
			}
			mu.Lock()
			seen += inbox
			inbox = 0
			mu.Unlock()
		}
		all.Wait()
	})
}

// TestNetworkWakeAnswered has every Wake wait for its Wait: one that is lost ends the test.
func TestNetworkWakeAnswered(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		a := newStation(t, tn.open(), anyPort4, 0)
		turn := make(chan struct{})
		go func() {
			for range turn {
				a.poller.Wake()
			}
		}()
		defer close(turn)
		for i := range 2000 {
			turn <- struct{}{}
			events, err := a.poller.Wait(patience)
			if err != nil || len(events) != 1 || events[0].ID != WakeID {
				t.Fatalf("wake %d: events %v, %v", i, events, err)
			}
		}
	})
}

func TestNetworkAddAndRemove(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
		other, err := n.NewPoller(PollerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := other.Close(); err != nil {
				t.Error(err)
			}
		})
		a.send(Out{Dst: b.addr(), Payload: number(1)})
		if !b.readable(patience) {
			t.Fatal("not readable")
		}
		if err := b.poller.Remove(b.socket); err != nil {
			t.Fatal(err)
		}
		if b.readable(0) {
			t.Fatal("a removed socket is reported")
		}
		if b.poller.Remove(b.socket) == nil {
			t.Fatal("removed twice")
		}
		// Another worker adopts the socket with what it holds.
		if err := other.Add(b.socket, 9); err != nil {
			t.Fatal(err)
		}
		events, err := other.Wait(patience)
		if err != nil || len(events) != 1 || events[0].ID != 9 || !events[0].Readable {
			t.Fatalf("events %v, %v", events, err)
		}
		got, err := other.Recv(b.socket, 64)
		if err != nil || len(got) != 1 || !bytes.Equal(got[0].Payload, number(1)) {
			t.Fatalf("received %v, %v", got, err)
		}
		other.EndRound()
		if err := other.Remove(b.socket); err != nil {
			t.Fatal(err)
		}
		if err := b.poller.Add(b.socket, stationID); err != nil {
			t.Fatal(err)
		}
		a.send(Out{Dst: b.addr(), Payload: number(2)})
		if !bytes.Equal(b.receive(1)[0].Payload, number(2)) {
			t.Fatal("not received after a second Add")
		}
	})
}

func TestNetworkCounts(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a, b := newStation(t, n, anyPort4, 0), newStation(t, n, anyPort4, 0)
		a.send(Out{Dst: b.addr(), Payload: number(1)}, Out{Dst: b.addr(), Payload: number(2)}, Out{Dst: b.addr(), Payload: number(3)})
		b.receive(3)
		if c := a.poller.Counts(); c.SendDatagrams != 3 || c.SendCalls == 0 || c.RecvDatagrams != 0 {
			t.Errorf("sender's counts %+v", c)
		}
		if c := b.poller.Counts(); c.RecvDatagrams != 3 || c.RecvCalls == 0 || c.SendDatagrams != 0 {
			t.Errorf("receiver's counts %+v", c)
		}
	})
}

func TestNetworkClosedPoller(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		p, err := n.NewPoller(PollerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if events, err := p.Wait(0); err == nil {
			t.Errorf("Wait after Close: %v", events)
		}
		p.Wake() // by someone who does not know yet
	})
}
