package allocation

import (
	"math"
	"math/bits"
)

// Tick is the resolution of Expire and Next: what has expired is removed at most one tick later. Look-ups compare with
// now and are exact. 17 ms keeps an idle worker below 60 wake-ups a second however many clients it has.
const Tick = Duration(1 << tickBits)

const (
	tickBits  = 24
	levelBits = 6
	slots     = 1 << levelBits
	// levels cover every tick that a Time can name: 64-24 bits, and one more for rounding up.
	levels   = 7
	lastTick = 1<<(64-tickBits) - 1

	nodeBits = 30
)

// A node names something with a timer: two bits of kind above a ref of that kind's slab. 0 is none.
type node uint32

const (
	nodeIPv4       node = 0 << nodeBits // relayed address of an allocation
	nodeIPv6       node = 1 << nodeBits
	nodePermission node = 2 << nodeBits
	nodeChannel    node = 3 << nodeBits
	nodeKind       node = 3 << nodeBits
)

func (n node) kind() node { return n & nodeKind }
func (n node) ref() ref   { return ref(n &^ nodeKind) }

// A timer is a node's time to expiry and its place in the wheel.
type timer struct {
	expires    Time
	next, prev node
	slot       uint16 // level*slots + slot + 1, 0 while not in the wheel
}

// A wheel is a hierarchical timing wheel: each level has 64 slots, each slot of a level spans one turn of the level
// below. Insertion is O(1), a node moves down at most once per level, and occupied finds the next work at any
// distance, so that a long idle time costs nothing. Refreshing only writes expires: the node is found too early at
// its old place and moved then.
type wheel struct {
	timer    func(node) *timer
	heads    [levels][slots]node
	occupied [levels]uint64
	elapsed  uint64 // the tick up to which all is done; no node lies before it
	len      int
}

// floorTick and ceilTick number ticks from the smallest Time, so that negative times need no special case.
func floorTick(t Time) uint64 { return (uint64(t) ^ 1<<63) >> tickBits }

func ceilTick(t Time) uint64 {
	u := uint64(t) ^ 1<<63
	if u&(1<<tickBits-1) == 0 {
		return u >> tickBits
	}
	return u>>tickBits + 1
}

func tickTime(tick uint64) Time {
	if tick > lastTick {
		return math.MaxInt64
	}
	return Time(tick<<tickBits ^ 1<<63)
}

// set makes n due at expires. A later time than before is only noted.
func (w *wheel) set(n node, expires, now Time) {
	t := w.timer(n)
	if t.slot != 0 {
		if expires >= t.expires {
			t.expires = expires
			return
		}
		w.unlink(n, t)
	}
	if w.len == 0 {
		w.elapsed = max(w.elapsed, floorTick(now)) // nothing lies in between: skip the levels that would be walked down
	}
	t.expires = expires
	w.link(n, t)
}

// clear takes n out, if it is in.
func (w *wheel) clear(n node) {
	if t := w.timer(n); t.slot != 0 {
		w.unlink(n, t)
	}
}

// place is the slot for a node that is due at tick: on the lowest level where its slot and the current one have the same parent.
func (w *wheel) place(tick uint64) (level, slot uint) {
	tick = max(tick, w.elapsed)
	if differ := tick ^ w.elapsed; differ != 0 {
		level = uint(bits.Len64(differ)-1) / levelBits
	}
	return level, uint(tick>>(level*levelBits)) % slots
}

func (w *wheel) link(n node, t *timer) {
	level, slot := w.place(ceilTick(t.expires))
	head := &w.heads[level][slot]
	t.next, t.prev = *head, 0
	if *head != 0 {
		w.timer(*head).prev = n
	}
	*head = n
	t.slot = uint16(level*slots + slot + 1)
	w.occupied[level] |= 1 << slot
	w.len++
}

func (w *wheel) unlink(n node, t *timer) {
	level, slot := (t.slot-1)/slots, (t.slot-1)%slots
	if t.next != 0 {
		w.timer(t.next).prev = t.prev
	}
	if t.prev != 0 {
		w.timer(t.prev).next = t.next
	} else {
		w.heads[level][slot] = t.next
		if t.next == 0 {
			w.occupied[level] &^= 1 << slot
		}
	}
	t.next, t.prev, t.slot = 0, 0, 0
	w.len--
}

// first is the earliest occupied slot and the tick at which it starts.
func (w *wheel) first() (level, slot uint, tick uint64, ok bool) {
	if w.len == 0 {
		return 0, 0, 0, false
	}
	for level := range uint(levels) {
		// Nodes lie at or after the current slot, and those of a lower level lie before those of a higher one.
		if o := w.occupied[level]; o != 0 {
			slot := uint(bits.TrailingZeros64(o))
			shift := level * levelBits
			return level, slot, (w.elapsed>>shift&^(slots-1) | uint64(slot)) << shift, true
		}
	}
	panic("allocation: the wheel has nodes in no slot")
}

// next is when due has something to do at the earliest.
func (w *wheel) next() (Time, bool) {
	_, _, tick, ok := w.first()
	return tickTime(tick), ok
}

// due takes one node out that has expired by now. Call it until it returns false.
func (w *wheel) due(now Time) (node, bool) {
	reached := floorTick(now)
	for {
		level, slot, tick, ok := w.first()
		if !ok || tick > reached {
			w.elapsed = max(w.elapsed, reached)
			return 0, false
		}
		w.elapsed = max(w.elapsed, tick)
		if level > 0 {
			w.spread(level, slot)
			continue
		}
		n := w.heads[0][slot]
		t := w.timer(n)
		w.unlink(n, t)
		if t.expires <= now {
			return n, true
		}
		w.link(n, t) // it was refreshed: later, never in the same slot
	}
}

// spread moves all nodes of a slot that time has reached to lower levels, or further on if they were refreshed. All at
// once: those left behind would come after what is on the lower levels then.
func (w *wheel) spread(level, slot uint) {
	for n := w.heads[level][slot]; n != 0; n = w.heads[level][slot] {
		t := w.timer(n)
		w.unlink(n, t)
		w.link(n, t)
	}
}
