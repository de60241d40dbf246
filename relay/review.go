package relay

import (
	"context"
	"reflect"
)

// reviewBatch is about how many permissions are looked at in one post: some 0.1 ms.
const reviewBatch = 256

// same says whether two policies decide alike.
func (p *policy) same(q *policy) bool {
	a, b := *p, *q
	a.live, b.live = nil, nil
	return reflect.DeepEqual(a, b)
}

// review takes the permissions away that the policy does not allow any more, and ends the connections to such peers: a
// permission may be refreshed for hours, and an operator who denies a network means now. It returns when all workers
// have.
func (s *Server) review() {
	// Without an end of waiting there is no error.
	_ = s.askAll(context.Background(), func(w *worker, answer func()) { w.reviewFrom(0, answer) })
}

// reviewFrom looks at the allocations from one slot on, and posts the next.
func (w *worker) reviewFrom(next int, answer func()) {
	for looked := 0; next < len(w.links) && looked < reviewBatch; next++ {
		looked += 1 + w.reviewOne(next)
	}
	if next == len(w.links) || !w.inbox.put(post{do: func(w *worker) { w.reviewFrom(next, answer) }}) {
		answer()
	}
}

// reviewOne looks at the allocation in a slot, if there is one, and says how many permissions it had.
func (w *worker) reviewOne(slot int) int {
	l := w.links[slot]
	a := w.table.LookupID(l.id)
	if !l.live || a == nil {
		return 0
	}
	had := a.Permissions()
	w.table.Review(a, w.policy.AllowedAddr)
	for peer, c := range l.connections() {
		if !w.policy.AllowedTCP(peer) {
			c.end()
		}
	}
	return had
}
