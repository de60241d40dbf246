package allocation

import (
	"strings"
	"sync"
)

// A Ledger counts allocations by user and in all, and keeps the names that allocations cannot hold themselves, since
// they have no pointers. It is shared by all workers and touched when allocations are made and ended only.
type Ledger struct {
	mu sync.Mutex

	// Guarded by mu.
	limit   int // of total, 0 for none
	total   int
	index   map[string]uint32
	entries []ledgerEntry // [0] is no name
	free    []uint32
}

// A ledgerEntry is a name that an allocation has as its user or its subject.
type ledgerEntry struct {
	name    string
	refs    int // allocations that name it, twice where it is both
	charged int // allocations that count as this user's
}

// NewLedger makes a ledger that admits total allocations at a time; 0 is no limit.
func NewLedger(total int) *Ledger {
	return &Ledger{limit: total, index: make(map[string]uint32), entries: make([]ledgerEntry, 1)}
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

// reserve charges an allocation to user, unless it has max of them already (0: no limit) or the total is reached. The
// numbers it returns name user and subject until release.
func (l *Ledger) reserve(user, subject string, max int) (u, s uint32, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.index[user]; i != 0 && max > 0 && l.entries[i].charged >= max {
		return 0, 0, ErrQuota // RFC 8656 §5, §7.2
	}
	if l.limit > 0 && l.total >= l.limit {
		return 0, 0, ErrCapacity
	}
	l.total++
	u = l.internLocked(user)
	s = l.internLocked(subject)
	if u != 0 {
		l.entries[u].charged++
	}
	return u, s, nil
}

// release undoes a reserve.
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

// name is the text behind a number of reserve; "" for 0.
func (l *Ledger) name(i uint32) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[i].name
}

// number is what reserve gave for a name; 0 where no allocation has it.
func (l *Ledger) number(name string) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.index[name]
}

func (l *Ledger) internLocked(name string) uint32 {
	if name == "" {
		return 0
	}
	i, ok := l.index[name]
	if !ok {
		name = strings.Clone(name) // the caller's may be part of something larger
		if n := len(l.free); n > 0 {
			i = l.free[n-1]
			l.free = l.free[:n-1]
		} else {
			i = uint32(len(l.entries))
			l.entries = append(l.entries, ledgerEntry{})
		}
		l.entries[i].name = name
		l.index[name] = i
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
		delete(l.index, e.name)
		*e = ledgerEntry{}
		l.free = append(l.free, i)
	}
}
