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

	// Indexes, owned by the worker. Neither keys nor values have pointers.
	byTuple          tupleIndex
	byRelayed        map[place]ref // of allocations
	permissionByPeer map[peerKey]ref
	channelByPeer    map[peerKey]ref
	channelByNumber  map[channelKey]ref
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
		worker:           c.Worker,
		ports:            c.Ports,
		ledger:           c.Ledger,
		byTuple:          newTupleIndex(),
		byRelayed:        make(map[place]ref),
		permissionByPeer: make(map[peerKey]ref),
		channelByPeer:    make(map[peerKey]ref),
		channelByNumber:  make(map[channelKey]ref),
	}
	t.SetLimits(c.MaxPermissions, c.MaxChannels)
	t.wheel.timer = t.timerOf
	return t
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
	return t.allocation(t.byRelayed[place{q.number, external.Port()}])
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
