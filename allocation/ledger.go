package allocation

import (
	"strings"
	"sync"
)

// A Ledger counts allocations by user and in all, and keeps the names that allocations cannot hold themselves, since
// they have no pointers. A port that a user has reserved (EVEN-PORT with R) counts as an allocation of the user, or
// reserving would be a way to hold more. It is shared by all workers and touched when allocations and reservations are
// made and ended only.
//
// LOCK ORDERING: Ports.mu, then Ledger.mu.
type Ledger struct {
	mu sync.Mutex

	// Guarded by mu.
	limit   int // of total, 0 for none
	total   int
	index   slotIndex[string] // of entries
	entries []ledgerEntry     // [0] is no name
	free    []uint32
}

// A ledgerEntry is a name that an allocation has as its user or its subject.
type ledgerEntry struct {
	name     string
	refs     int32 // allocations that name it, twice where it is both, and reservations
	charged  int32 // allocations that count as this user's
	reserved int32 // ports that are reserved for this user
}

// NewLedger makes a ledger that admits total allocations at a time; 0 is no limit.
func NewLedger(total int) *Ledger {
	l := &Ledger{limit: total, entries: make([]ledgerEntry, 1)}
	l.index = newSlotIndex(func(r ref, name string) bool { return l.entries[r].name == name })
	return l
}

// SetTotal changes the limit; 0 is none. Allocations above it live on.
func (l *Ledger) SetTotal(total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = total
}

// Total is how many allocations live, over all tables. A dual allocation is one.
func (l *Ledger) Total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// charge charges what r asks for to its user, an allocation and perhaps a reservation, unless that is more than it may
// have or the total is reached. The numbers it returns name user and subject until release.
func (l *Ledger) charge(r *Request) (user, subject uint32, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.MaxPerUser > 0 && r.User != "" && l.heldLocked(r) > r.MaxPerUser {
		return 0, 0, ErrQuota // RFC 8656 §5, §7.2
	}
	if l.limit > 0 && l.total >= l.limit {
		return 0, 0, ErrTotal
	}
	l.total++
	user = l.internLocked(r.User)
	subject = l.internLocked(r.Subject)
	if user != 0 {
		l.entries[user].charged++
	}
	if user != 0 && r.ReserveNext {
		l.internLocked(r.User)
		l.entries[user].reserved++
	}
	return user, subject, nil
}

// heldLocked is how much r's user would have along with what r asks for.
func (l *Ledger) heldLocked(r *Request) int {
	e := &l.entries[l.index.at(r.User)]
	held := int(e.charged + 1 + e.reserved)
	switch {
	case r.ReserveNext:
		held++
	case r.UseReservation && e.reserved > 0:
		held-- // a port that is reserved becomes an allocation's
	}
	return held
}

// releaseReservation says that a port which charge counted as reserved for user is so no more. 0 is nobody.
func (l *Ledger) releaseReservation(user uint32) {
	if user == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[user].reserved--
	l.dropLocked(user)
}

// release undoes a charge, but for what it reserved.
func (l *Ledger) release(user, subject uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if user != 0 {
		l.entries[user].charged--
	}
	l.dropLocked(user)
	l.dropLocked(subject)
}

// name is the text behind a number of charge; "" for 0.
func (l *Ledger) name(i uint32) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[i].name
}

func (l *Ledger) internLocked(name string) uint32 {
	if name == "" {
		return 0
	}
	i := uint32(l.index.at(name))
	if i == 0 {
		name = strings.Clone(name) // the caller's may be part of something larger
		if n := len(l.free); n > 0 {
			i = l.free[n-1]
			l.free = l.free[:n-1]
		} else {
			i = uint32(len(l.entries))
			l.entries = append(l.entries, ledgerEntry{})
		}
		l.entries[i].name = name
		l.index.put(name, ref(i))
	}
	l.entries[i].refs++
	return i
}

func (l *Ledger) dropLocked(i uint32) {
	if i == 0 {
		return
	}
	e := &l.entries[i]
	e.refs--
	if e.refs == 0 {
		l.index.remove(e.name, ref(i))
		*e = ledgerEntry{}
		l.free = append(l.free, i)
	}
}
