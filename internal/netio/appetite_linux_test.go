package netio

import (
	"testing"
	"time"
)

// A socket whose datagrams come alone is asked for one. When several wait, one leads to the others: at the next turn.
func TestAppetite(t *testing.T) {
	t.Parallel()
	p := linuxPollerOf(t, withoutShortcuts)
	from, to := linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	if err := p.Add(to, 1); err != nil {
		t.Fatal(err)
	}
	turn := func(send, want int) {
		t.Helper()
		for range send {
			sendOne(t, p, from, to, "alone")
		}
		p.EndRound()
		events, err := p.Wait(10 * time.Second)
		if err != nil || len(events) != 1 {
			t.Fatalf("events %v, %v", events, err)
		}
		packets, err := p.Recv(to, 32)
		if err != nil || len(packets) != want {
			t.Fatalf("%d packets, %v, want %d", len(packets), err, want)
		}
	}
	idle := func() { // a turn without anything: what follows does not come right afterwards
		if events, err := p.Wait(0); err != nil || len(events) != 0 {
			t.Fatalf("events %v, %v", events, err)
		}
	}
	for range loneReads {
		turn(1, 1)
		idle()
	}
	for range 3 {
		turn(5, 1)
		turn(0, 4) // and is no longer one of those
		turn(5, 5)
		for range loneReads {
			turn(1, 1)
			idle()
		}
	}
	p.receive.used = len(p.receive.headers) // no room is no room, whatever is expected
	sendOne(t, p, from, to, "waits")
	if packets, err := p.Recv(to, 32); err != nil || packets != nil {
		t.Errorf("%v, %v without room", packets, err)
	}
}
