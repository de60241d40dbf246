package netio

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// No Wake from any number of goroutines is lost: what was posted before it is seen after the Wait it ends.
func TestWakeFromManyGoroutines(t *testing.T) {
	t.Parallel()
	for _, precise := range []bool{true, false} {
		p := linuxPoller(t)
		p.precise = p.precise && precise
		const posters, posts = 16, 2000
		var mu sync.Mutex
		var inbox int
		var posting sync.WaitGroup
		for range posters {
			posting.Go(func() {
				for range posts {
					mu.Lock()
					inbox++
					mu.Unlock()
					p.Wake()
				}
			})
		}
		for taken := 0; taken < posters*posts; {
			events, err := p.Wait(linuxPatience)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) != 1 || events[0] != (Event{ID: WakeID}) {
				t.Fatalf("after %d of %d posts: events %+v", taken, posters*posts, events)
			}
			mu.Lock()
			taken += inbox
			inbox = 0
			mu.Unlock()
		}
		posting.Wait()
	}
}

func TestWakeOnce(t *testing.T) {
	t.Parallel()
	p := linuxPoller(t)
	for range 3 {
		p.Wake()
		p.Wake()
		for _, timeout := range []time.Duration{-1, 0} {
			want := 1
			if timeout == 0 {
				want = 0 // reported once
			}
			if events, err := p.Wait(timeout); err != nil || len(events) != want {
				t.Fatalf("Wait(%v): events %+v, %v", timeout, events, err)
			}
		}
	}
	written := make([]byte, 8)
	if _, err := unix.Read(p.eventfd, written); err != nil || binary.NativeEndian.Uint64(written) != 3 {
		t.Errorf("6 times Wake, 3 of them pending already: %v written, %v", written, err)
	}
	p.Wake()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Wake()
	p.awake.Store(false)
	p.Wake() // writes to nothing
	if _, err := p.Wait(-1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Wait after Close: %v", err)
	}
	if err := p.Add(linuxRelay(t, linuxLoopback4), 1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Add after Close: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

func TestSystemWaitTimeout(t *testing.T) {
	t.Parallel()
	for _, precise := range []bool{true, false} {
		p := linuxPoller(t)
		p.precise = p.precise && precise
		for _, more := range []bool{false, true} {
			for _, timeout := range []time.Duration{0, 1, 300 * time.Microsecond, 20 * time.Millisecond} {
				p.more = more
				start := time.Now()
				events, err := p.Wait(timeout)
				if passed := time.Since(start); err != nil || len(events) != 0 || passed < timeout {
					t.Errorf("Wait(%v): events %+v, %v after %v", timeout, events, err, passed)
				}
			}
		}
	}
	for d, want := range map[time.Duration]int{
		1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 0: 0, math.MaxInt64: math.MaxInt32,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("milliseconds(%d) = %d, want %d", d, got, want)
		}
	}
}

// What is not read is reported again; ids come back with all their bits.
func TestSystemLevelTriggered(t *testing.T) {
	t.Parallel()
	p, from := linuxPoller(t), linuxRelay(t, linuxLoopback4)
	ids := []uint64{0, 1, 1<<63 | 5, WakeID - 1, 0xffffffff, 1 << 32}
	ready := map[uint64]*socket{}
	for _, id := range ids {
		s := linuxRelay(t, linuxLoopback4)
		if err := p.Add(s, id); err != nil {
			t.Fatal(err)
		}
		sendOne(t, p, from, s, "x")
		ready[id] = s
	}
	for len(ready) > 0 {
		events, err := p.Wait(linuxPatience)
		if err != nil || len(events) != len(ready) {
			t.Fatalf("%d events for %d sockets, %v", len(events), len(ready), err)
		}
		for _, e := range events {
			if ready[e.ID] == nil || !e.Readable || e.Errored {
				t.Fatalf("event %+v", e)
			}
		}
		if packets, err := p.Recv(ready[events[0].ID], 1); err != nil || len(packets) != 1 {
			t.Fatal(packets, err)
		}
		delete(ready, events[0].ID)
	}
	if events, err := p.Wait(0); err != nil || len(events) != 0 {
		t.Errorf("events %+v, %v", events, err)
	}
}

func TestSystemAddAndRemove(t *testing.T) {
	t.Parallel()
	p, q, s := linuxPoller(t), linuxPoller(t), linuxRelay(t, linuxLoopback4)
	type foreign struct{ Socket }
	for _, step := range []struct {
		name      string
		got, want error
	}{
		{"add under WakeID", p.Add(s, WakeID), errReservedID},
		{"add another network's", p.Add(foreign{s}, 1), errSocketNetwork},
		{"add nothing", p.Add(nil, 1), errSocketNetwork},
		{"remove before add", p.Remove(s), errSocketAbsent},
		{"add", p.Add(s, 1), nil},
		{"add again", p.Add(s, 2), errSocketAdded},
		{"add elsewhere", q.Add(s, 2), errSocketAdded},
		{"remove elsewhere", q.Remove(s), errSocketAbsent},
		{"remove", p.Remove(s), nil},
		{"hand over", q.Add(s, 2), nil},
		{"close the poller", q.Close(), nil},
		{"adopt", p.Add(s, 3), nil},
		{"close the socket", s.Close(), nil},
	} {
		if !errors.Is(step.got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, step.got, step.want)
		}
	}
	if f := p.Send([]Out{{Socket: foreign{s}}, {}}); len(f) != 2 {
		t.Errorf("failures %v", f)
	}
}
