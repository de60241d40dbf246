package allocation

import (
	"math"
	"math/rand/v2"
	"testing"
)

// newWheel makes a wheel whose node n is timers[n]; touched counts what it looks at.
func newWheel(n int) (w *wheel, timers []timer, touched *int) {
	timers, touched = make([]timer, n+1), new(int)
	w = &wheel{timer: func(n node) *timer { *touched++; return &timers[n] }}
	return w, timers, touched
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for _, at := range []Time{math.MinInt64, -1, 0, 1, Time(Tick) - 1, Time(Tick), Time(Tick) + 1, 1e18, math.MaxInt64} {
		floor, ceil := floorTick(at), ceilTick(at)
		if tickTime(floor) > at || tickTime(ceil) < at || ceil-floor > 1 || ceil == floor != (at&(Time(Tick)-1) == 0) {
			t.Errorf("%d: tick %d to %d, time %d to %d", at, floor, ceil, tickTime(floor), tickTime(ceil))
		}
	}
}

// Every node comes out once, not before its time and less than a tick after it, whatever the steps in between.
func TestWheelAgainstSorting(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		const nodes = 50
		w, timers, _ := newWheel(nodes)
		now := Time(r.Int64N(1<<60) - 1<<59)
		due := make(map[node]Time)
		for range 300 {
			n := node(1 + r.IntN(nodes))
			switch r.IntN(4) {
			case 0:
				w.clear(n)
				delete(due, n)
			default:
				at := now.add(Duration(r.Int64N(1 << (1 + r.IntN(58)))))
				w.set(n, at, now)
				due[n] = at
			}
			if r.IntN(3) == 0 {
				now = now.add(Duration(r.Int64N(1 << (1 + r.IntN(50)))))
				next, any := w.next()
				for {
					n, ok := w.due(now)
					if !ok {
						break
					}
					if at, ok := due[n]; !ok || at > now || timers[n].slot != 0 || !any || next > now {
						t.Fatalf("node %d is out at %d, due %d, next %d", n, now, at, next)
					}
					delete(due, n)
				}
				for n, at := range due {
					if at.add(Tick) <= now {
						t.Fatalf("node %d is still in at %d, due %d", n, now, at)
					}
				}
			}
			if w.len != len(due) {
				t.Fatalf("%d nodes, want %d", w.len, len(due))
			}
			if next, ok := w.next(); ok != (len(due) > 0) {
				t.Fatalf("next %d at %d", next, now)
			}
		}
	}
}

// A clock that jumps by days costs as much as the nodes that are due, not as the ticks in between.
func TestWheelJumps(t *testing.T) {
	t.Parallel()
	w, _, touched := newWheel(3)
	const day = 86400 * Second
	w.set(1, start.add(600*Second), start)
	w.set(2, start.add(30*day), start)
	w.set(3, start.add(20000*day), start)
	*touched = 0
	calls := 0
	for _, now := range []Time{start.add(10 * day), start.add(29 * day), start.add(31 * day), start.add(19999 * day), start.add(20001 * day)} {
		for {
			calls++
			if _, ok := w.due(now); !ok {
				break
			}
		}
	}
	if w.len != 0 || calls != 8 {
		t.Errorf("%d nodes left after %d calls", w.len, calls)
	}
	if *touched > 3*3*levels {
		t.Errorf("%d nodes were looked at for three", *touched)
	}
}

// Refreshing writes a time and nothing else; the node is looked at again once, not once for every refresh.
func TestWheelRefreshIsLazy(t *testing.T) {
	t.Parallel()
	w, timers, touched := newWheel(1)
	w.set(1, start.add(300*Second), start)
	slot := timers[1].slot
	*touched = 0
	for i := range 1000 {
		w.set(1, start.add(300*Second+Duration(i)), start)
	}
	if *touched != 1000 || timers[1].slot != slot {
		t.Errorf("%d looks for 1000 refreshes", *touched)
	}
	*touched = 0
	if _, ok := w.due(start.add(300 * Second)); ok || *touched > 3*levels {
		t.Errorf("due %v after %d looks", ok, *touched)
	}
}
