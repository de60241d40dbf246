package allocation

import (
	"fmt"
	"net/netip"
)

// A Config says what a Table is made of.
type Config struct {
	Worker         int     // 0 to MaxWorkers-1
	Ports          *Ports  // shared by the tables of all workers
	Ledger         *Ledger // shared by the tables of all workers
	MaxPermissions int     // Per allocation, both families together. If zero, 1024.
	MaxChannels    int     // Per allocation, both families together. If zero, 1024.
}

const (
	defaultPermissions = 1024
	defaultChannels    = 1024
)

// A Table holds one worker's allocations. Only that worker may call its methods and those of its allocations.
//
// Times come from one monotonic clock. A time before one that was given earlier does no harm: things end later then.
type Table struct {
	worker int // immutable after NewTable

	// Shared with the tables of other workers, with locks of their own. A table calls one at a time and holds none;
	// Ports calls the ledger when a reservation ends.
	ports  *Ports
	ledger *Ledger

	// Owned by the worker.
	maxPermissions  int // SetLimits changes it
	maxChannels     int // likewise
	mostPermissions int // that maxPermissions ever was, for Check
	mostChannels    int // likewise

	allocations slab[Allocation]
	permissions slab[permission]
	channels    slab[channel]
	wheel       wheel

	// What few allocations have, by slot. Owned by the worker.
	moves  map[ref]tupleKey // where a client is moving to
	tokens map[ref][8]byte  // RESERVATION-TOKEN of the port behind

	// Indexes, owned by the worker.
	byTuple          tupleIndex
	byRelayed        slotIndex[place] // of allocations
	permissionByPeer slotIndex[peerKey]
	channelByPeer    slotIndex[peerKey]
	channelByNumber  slotIndex[channelKey]
}

// NewTable makes an empty table. It panics if the worker's number is out of range, or Ports or Ledger is missing.
func NewTable(c Config) *Table {
	if c.Worker < 0 || c.Worker >= MaxWorkers {
		panic(fmt.Sprintf("allocation: worker %d is not in 0 to %d", c.Worker, MaxWorkers-1))
	}
	if c.Ports == nil || c.Ledger == nil {
		panic("allocation: a table needs ports and a ledger")
	}
	t := &Table{
		worker: c.Worker,
		ports:  c.Ports,
		ledger: c.Ledger,
		moves:  make(map[ref]tupleKey),
		tokens: make(map[ref][8]byte),
	}
	t.makeIndexes()
	t.SetLimits(c.MaxPermissions, c.MaxChannels)
	t.wheel.timer = t.timerOf
	return t
}

// makeIndexes makes the indexes empty, and says which slots they find by a key.
func (t *Table) makeIndexes() {
	t.byTuple = newTupleIndex(func(r ref, k tupleKey) bool {
		a := t.allocations.at(r)
		return a.tuple == k && !a.detached || a.moving && t.moves[r] == k
	})
	t.byRelayed = newSlotIndex(func(r ref, k place) bool {
		a := t.allocations.at(r)
		return a.relayed[0].has && a.relayed[0].place == k || a.relayed[1].has && a.relayed[1].place == k
	})
	t.permissionByPeer = newSlotIndex(func(r ref, k peerKey) bool { return t.permissions.at(r).key == k })
	t.channelByPeer = newSlotIndex(func(r ref, k peerKey) bool { return t.channels.at(r).key == k })
	t.channelByNumber = newSlotIndex(func(r ref, k channelKey) bool {
		c := t.channels.at(r)
		return makeChannelKey(c.key.allocation, c.number) == k
	})
}

// Lookup finds the allocation of a 5-tuple, nil if there is none. It knows no time: an allocation that has expired is
// found until Expire has told so.
func (t *Table) Lookup(ft FiveTuple) *Allocation {
	return t.allocation(t.byTuple.find(ft))
}

// LookupID finds an allocation that is still the one that had the ID, nil otherwise.
func (t *Table) LookupID(id ID) *Allocation {
	r := ref(id.Index() + 1)
	if id == 0 || r > t.allocations.used {
		return nil
	}
	if a := t.allocations.at(r); a.id == id {
		return a
	}
	return nil
}

// LookupRelayed finds the UDP allocation that has the relayed transport address, external or bound; nil if none of this table
// has. A family that was dropped is not found.
func (t *Table) LookupRelayed(external netip.AddrPort) *Allocation {
	q := t.ports.byAddr[external.Addr()]
	if q == nil {
		return nil
	}
	return t.allocation(t.byRelayed.at(place{q.number, external.Port()}))
}

func (t *Table) allocation(r ref) *Allocation {
	if r == 0 {
		return nil
	}
	return t.allocations.at(r)
}

// Worker is Config.Worker.
func (t *Table) Worker() int { return t.worker }

// Len is how many allocations there are; a dual allocation is one.
func (t *Table) Len() int { return t.allocations.len() }

// All yields every allocation, in no useful order. The one that was yielded last may be deleted meanwhile, and so may
// others; one that is created meanwhile may be yielded or not.
func (t *Table) All() func(yield func(*Allocation) bool) {
	return func(yield func(*Allocation) bool) {
		for r := ref(1); r <= t.allocations.used; r++ {
			if a := t.allocations.at(r); a.id != 0 && !yield(a) {
				return
			}
		}
	}
}

// Subject is Request.Subject. It is looked up in the ledger, under a lock: for logs and lists, not for every packet.
func (t *Table) Subject(a *Allocation) string { return t.ledger.name(a.subject) }

// Token is the RESERVATION-TOKEN of the port after the allocation's, if the Allocate asked for it. It stays readable when
// the reservation has been taken or has lapsed, since retransmitted answers carry it too (RFC 8656 §7.2).
func (t *Table) Token(a *Allocation) (token [8]byte, ok bool) {
	if !a.hasToken {
		return token, false // nearly always, and without a look into the map
	}
	return t.tokens[a.ref()], true
}

// User is Request.User: who is charged for the allocation, "" for nobody. It is looked up as Subject is.
func (t *Table) User(a *Allocation) string { return t.ledger.name(a.user) }

// timerOf finds the timer of what the wheel knows as n.
func (t *Table) timerOf(n node) *timer {
	switch n.kind() {
	case nodePermission:
		return &t.permissions.at(n.ref()).timer
	case nodeChannel:
		return &t.channels.at(n.ref()).timer
	case nodeIPv6:
		return &t.allocations.at(n.ref()).relayed[1].timer
	}
	return &t.allocations.at(n.ref()).relayed[0].timer
}

func familyNode(a *Allocation, f family) node {
	if f == familyIPv6 {
		return nodeIPv6 | node(a.ref())
	}
	return nodeIPv4 | node(a.ref())
}
