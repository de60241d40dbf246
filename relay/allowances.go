package relay

import (
	"sync"
	"sync/atomic"

	"turnout/allocation"
)

// allowances are those of every user with a live allocation. They are locked when allocations begin and end, and on
// reload; packets go by the allowance that their allocation's link names.
//
// A user whose last allocation ends is remembered until its bucket is full again: or ending allocations and making new
// ones would be a way around the limit.
type allowances struct {
	workers int // immutable

	// always is set by the first credential with a bandwidth of its own: from then on every user's traffic is counted, since
	// whose allocations are to share one is not known before.
	always atomic.Bool

	mu      sync.Mutex
	quotas  *quotas               // guarded by mu
	byName  map[string]*allowance // guarded by mu
	waiting []*allowance          // guarded by mu: those that had no allocation, the first of them first
}

func newAllowances(workers int, q *quotas) *allowances {
	return &allowances{workers: workers, quotas: q, byName: map[string]*allowance{}}
}

// join is the allowance of a user that has an allocation, with what its credential grants and when that was issued, in unix
// milliseconds; begins says that it was made just now. What the youngest credential grants is the user's: the service has put the
// user into another class, or gave it another bandwidth. An older one, which the user has kept, takes none of that back.
func (s *allowances) join(name string, g grant, issued int64, now allocation.Time, begins bool) *allowance {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(now)
	a := s.byName[name]
	if a == nil {
		a = &allowance{name: name, issued: -1, leases: make([]*lease, s.workers)}
		s.byName[name] = a
	}
	a.allocations++
	if issued > a.issued || issued == a.issued && begins {
		a.grant, a.issued = g, issued
		a.take(s.quotas, now)
	}
	return a
}

// take makes the rate that of the quotas. The caller holds allowances.mu.
func (a *allowance) take(q *quotas, now allocation.Time) {
	a.setRate(rateOf(q.bandwidth(a.grant)), now)
}

// replace puts other quotas into effect.
func (s *allowances) replace(q *quotas, now allocation.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quotas = q
	for _, a := range s.byName {
		a.take(q, now)
	}
}

// leave says that an allocation of the user has ended.
func (s *allowances) leave(a *allowance, now allocation.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.allocations--
	if a.allocations == 0 && !a.waits {
		a.waits = true
		s.waiting = append(s.waiting, a)
	}
	s.sweepLocked(now)
}

// sweepLocked forgets users who have no allocation and whose bucket is full.
func (s *allowances) sweepLocked(now allocation.Time) {
	for len(s.waiting) > 0 {
		a := s.waiting[0]
		if a.allocations == 0 && !a.full(now) {
			return
		}
		s.waiting[0], a.waits = nil, false
		s.waiting = s.waiting[1:]
		if a.allocations == 0 {
			delete(s.byName, a.name)
		}
	}
	s.waiting = nil
}

// len is how many users are known.
func (s *allowances) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byName)
}

// join gives an allocation its user's allowance, where a user's traffic is counted. It begins, or it has lived elsewhere, or
// uncounted, until now.
func (w *worker) join(a *allocation.Allocation, l *link, begins bool) {
	user, g := w.table.User(a), l.grant.read()
	if user == "" {
		return
	}
	if g.bandwidth > 0 && w.allowances.always.CompareAndSwap(false, true) {
		joinAll(w.workers)
	}
	if !w.allowances.always.Load() && !w.quotas.Load().meter() {
		return
	}
	l.allowance = w.allowances.join(user, g, l.issued, w.now, begins)
	w.view(l.allowance)
	for _, c := range l.connections() {
		c.allowance.Store(l.allowance)
	}
}

// setQuotas puts other quotas into effect: the number of allocations for the next ones, the bandwidth at once. Safe for
// concurrent use.
func (s *Server) setQuotas(q *quotas) {
	s.quotas.Store(q)
	s.allowances.replace(q, s.now())
	joinAll(s.workers)
}

// joinAll has every worker give allocations that were made when no user's traffic was counted their user's allowance.
func joinAll(workers []*worker) {
	for _, w := range workers {
		w.inbox.put(post{do: func(w *worker) { w.joinFrom(0) }})
	}
}

// joinBatch is how many allocations are looked at in one post: some 0.1 ms.
const joinBatch = 256

// joinFrom gives one batch of allocations that were made when no user's traffic was counted their user's allowance, and posts
// the next.
func (w *worker) joinFrom(first int) {
	end := min(first+joinBatch, w.table.Slots())
	for i := first; i < end; i++ {
		if a := w.table.At(i); a != nil {
			if l := w.links[i]; l.live && l.allowance == nil {
				w.join(a, l, false)
			}
		}
	}
	if end < w.table.Slots() {
		w.inbox.put(post{do: func(w *worker) { w.joinFrom(end) }})
	}
}

// leave takes it away again. What it relayed in this round is charged first: else the user would be forgotten as one who
// owes nothing.
func (w *worker) leave(l *link) {
	a := l.allowance
	if a == nil {
		return
	}
	if used := a.leases[w.index]; used != nil && used.spent > 0 {
		a.charge(used.spent, w.now)
		used.spent = 0
	}
	w.allowances.leave(a, w.now)
	l.allowance = nil
}

// view makes this worker's view of an allowance, once and not while packets are relayed.
func (w *worker) view(a *allowance) {
	if a != nil && a.leases[w.index] == nil {
		a.leases[w.index] = &lease{of: a}
	}
}
