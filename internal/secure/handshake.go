package secure

import (
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// perSource is how many handshakes of one source may be under way.
const perSource = 8

// handshakes bounds those under way, in all and for each source: a further one
// displaces the oldest. A client that has not yet shown that it receives what is
// sent to its address goes before one that has, so that forged addresses displace
// each other; and of such clients no more begin in a second than may be under way,
// so that each has a second for its answer whoever else comes. Safe for concurrent
// use.
type handshakes struct {
	mu      sync.Mutex
	limit   int                           // guarded by mu
	spaced  time.Duration                 // guarded by mu: between those of unproven addresses, on average
	free    time.Time                     // guarded by mu: when the next of an unproven address is due; a second early at most
	byAge   [2]list.List                  // guarded by mu: of *handshake, oldest first; [1]: of proven addresses
	sources map[netip.Prefix][]*handshake // guarded by mu: oldest first, at most perSource each
}

// A handshake is one under way. Its fields are guarded by handshakes.mu.
type handshake struct {
	of       *handshakes
	source   netip.Prefix // zero: a proxy's, whose client is not known yet
	proven   bool
	displace func() // ends it, at once; called without mu
	element  *list.Element
	over     bool
}

func newHandshakes(limit int) *handshakes {
	h := &handshakes{sources: map[netip.Prefix][]*handshake{}}
	h.bound(limit)
	return h
}

// bound changes how many may be under way. What is too many then ends by itself.
func (h *handshakes) bound(limit int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limit, h.spaced = limit, time.Second/time.Duration(limit)
}

// admits says whether one of an unproven address may begin now.
func (h *handshakes) admits(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.free.Before(now) {
		h.free = now
	}
	if h.free.Sub(now) >= time.Second {
		return false
	}
	h.free = h.free.Add(h.spaced)
	return true
}

// sourceOf is the source that an address counts for: itself, or the /64 of an
// IPv6 address, since one subscriber has all of it.
func sourceOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // never fails
	return p
}

// begin takes a place, from the oldest handshake if there is none.
func (h *handshakes) begin(source netip.Prefix, proven bool, displace func()) *handshake {
	n := &handshake{of: h, source: source, proven: proven, displace: displace}
	h.mu.Lock()
	displaced := h.enterLocked(n)
	if h.byAge[0].Len()+h.byAge[1].Len() >= h.limit {
		oldest := h.oldestLocked()
		oldest.leaveLocked()
		displaced = append(displaced, oldest)
	}
	n.element = h.byAge[index(proven)].PushBack(n)
	h.mu.Unlock()
	for _, d := range displaced {
		d.displace()
	}
	return n
}

// enterLocked counts n for its source, and takes the source's oldest out if that
// is one too many.
func (h *handshakes) enterLocked(n *handshake) (displaced []*handshake) {
	if !n.source.IsValid() {
		return nil
	}
	if same := h.sources[n.source]; len(same) >= perSource {
		oldest := max(0, slices.IndexFunc(same, func(o *handshake) bool { return !o.proven }))
		displaced = append(displaced, same[oldest])
		same[oldest].leaveLocked()
	}
	h.sources[n.source] = append(h.sources[n.source], n)
	return displaced
}

func (h *handshakes) oldestLocked() *handshake {
	for i := range h.byAge {
		if first := h.byAge[i].Front(); first != nil {
			return first.Value.(*handshake)
		}
	}
	return nil
}

// leaveLocked gives the place back.
func (n *handshake) leaveLocked() {
	n.over = true
	n.of.byAge[index(n.proven)].Remove(n.element)
	same := slices.DeleteFunc(n.of.sources[n.source], func(o *handshake) bool { return o == n })
	if len(same) == 0 {
		delete(n.of.sources, n.source)
	} else {
		n.of.sources[n.source] = same
	}
}

// prove says that the client receives what is sent to its address.
func (n *handshake) prove() {
	n.of.mu.Lock()
	defer n.of.mu.Unlock()
	if n.over || n.proven {
		return
	}
	n.of.byAge[0].Remove(n.element)
	n.proven = true
	n.element = n.of.byAge[1].PushBack(n)
}

// reveal says whose handshake a proxy's connection carries.
func (n *handshake) reveal(source netip.Prefix) {
	n.of.mu.Lock()
	var displaced []*handshake
	if !n.over {
		n.source = source
		displaced = n.of.enterLocked(n)
	}
	n.of.mu.Unlock()
	for _, d := range displaced {
		d.displace()
	}
}

// end gives the place back; false if another handshake has taken it.
func (n *handshake) end() bool {
	n.of.mu.Lock()
	defer n.of.mu.Unlock()
	if n.over {
		return false
	}
	n.leaveLocked()
	return true
}

// count is how many are under way.
func (h *handshakes) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byAge[0].Len() + h.byAge[1].Len()
}

func index(proven bool) int {
	if proven {
		return 1
	}
	return 0
}
