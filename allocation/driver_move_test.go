package allocation

import "fmt"

// move begins, ends or cancels a move, or detaches the allocation from its connection.
func (d *driver) move(ft FiveTuple, a *Allocation, m *modelAllocation) {
	switch to := modelTuples[d.below(len(modelTuples))]; d.below(5) {
	case 0, 1:
		d.beginMove(a, m, to)
	case 2:
		d.log = append(d.log, fmt.Sprintf("%d end move %v", d.now, ft))
		if _, other := d.model.allocations[m.next]; other && m.next != ft {
			return // one that is detached has it for a name, and this model knows allocations by name
		}
		d.table.EndMove(a)
		if m.next != (FiveTuple{}) {
			delete(d.model.allocations, ft)
			d.model.allocations[m.next] = m
			m.next, m.detached = FiveTuple{}, false
		}
	case 3:
		d.log = append(d.log, fmt.Sprintf("%d cancel move %v", d.now, ft))
		d.table.CancelMove(a)
		m.next = FiveTuple{}
	case 4:
		d.log = append(d.log, fmt.Sprintf("%d detach %v", d.now, ft))
		d.table.Detach(a)
		m.detached = true
	}
}

// beginMove moves to a 5-tuple that no allocation of the other table has: between tables there is no such check, since
// the kernel gives each 5-tuple to one worker.
func (d *driver) beginMove(a *Allocation, m *modelAllocation, to FiveTuple) {
	_, other := d.model.find(to)
	if other != nil && other.table != m.table {
		return
	}
	err := d.table.BeginMove(a, to)
	d.log = append(d.log, fmt.Sprintf("%d begin move %v to %v: %v", d.now, a.FiveTuple(), to, err))
	if (err == ErrInUse) != (other != nil) || err != nil && err != ErrInUse {
		d.failf("begin move: %v, to the 5-tuple of %v", err, other)
	}
	if err == nil {
		m.next = to
	}
}

// handOver has the other table adopt the allocation, or nobody.
func (d *driver) handOver(ft FiveTuple, a *Allocation, m *modelAllocation) {
	id, traffic := a.ID(), *a.Traffic()
	h := d.table.Take(a)
	d.log = append(d.log, fmt.Sprintf("%d take %v", d.now, ft))
	if err := d.table.Check(); err != nil {
		d.failf("check after Take: %v", err)
	}
	// Of a detached one the 5-tuple may lead to another that is moving there.
	if !m.detached && d.table.Lookup(ft) != nil || d.table.LookupID(id) != nil || d.table.ledger.Total() != len(d.model.allocations) {
		d.failf("taken and found, or not counted")
	}
	if d.below(8) == 0 {
		h.Discard()
		delete(d.model.allocations, ft)
		return
	}
	m.table = 1 - m.table
	d.table = d.all[m.table]
	a, err := d.table.Adopt(h, d.now)
	if err != nil {
		d.failf("adopt: %v", err)
	}
	if *a.Traffic() != traffic || string(a.Key()) != string(m.Key) || a.Owner() != m.Owner || a.ID() == id || a.Detached() != m.detached {
		d.failf("adopted, but not as it was: %+v", a)
	}
	m.id, m.next = a.ID(), FiveTuple{}
	h.Discard() // has nothing left to do
}
