package allocation

// A Handover is an allocation on its way from one table to another: everything but the sockets, which the caller moves.
// While it is in none its ports stay held and its user charged. It is a value of whoever has it: Adopt or Discard it once.
type Handover struct {
	ports       *Ports
	ledger      *Ledger
	state       Allocation
	token       [8]byte
	permissions [2][]handedPermission
	channels    [2][]handedChannel
}

type handedPermission struct {
	peer       endpoint
	expires    Time
	restricted bool
}

type handedChannel struct {
	peer    endpoint
	expires Time
	number  ChannelNumber
}

// Take removes an allocation from the table, for another one to adopt. A move that has begun is cancelled: the table that
// adopts it begins its own.
func (t *Table) Take(a *Allocation) *Handover {
	t.dropNext(a)
	t.dropTuple(a)
	h := &Handover{ports: t.ports, ledger: t.ledger, state: *a, token: t.tokens[a.ref()]}
	for i := range a.relayed {
		f := family(i + 1)
		r := &a.relayed[i]
		for n := r.channels.head; n != 0; n = r.channels.head {
			c := t.channels.at(n)
			h.channels[i] = append(h.channels[i], handedChannel{c.key.peer, c.timer.expires, c.number})
			t.removeChannel(n)
		}
		for n := r.permissions.head; n != 0; n = r.permissions.head {
			p := t.permissions.at(n)
			h.permissions[i] = append(h.permissions[i], handedPermission{p.key.peer, p.timer.expires, p.restricted})
			t.removePermission(n)
		}
		if r.has {
			t.byRelayed.remove(r.place, a.ref())
		}
		t.wheel.clear(familyNode(a, f))
		h.state.relayed[i].timer = timer{expires: r.timer.expires}
		h.state.relayed[i].permissions, h.state.relayed[i].channels = list{}, list{}
	}
	n := a.ref()
	delete(t.tokens, n)
	*a = Allocation{generation: a.generation + 1}
	t.allocations.give(n)
	return h
}

// Adopt makes the allocation one of this table's, with another ID and all else as it was: relayed addresses, permissions,
// channels, counters, key and times to expiry. The table must share the Ports and the Ledger of the one it was taken from.
//
// Errors, after which the Handover is as it was: ErrInUse if this table has its 5-tuple, ErrCapacity.
func (t *Table) Adopt(h *Handover, now Time) (*Allocation, error) {
	if t.ports != h.ports || t.ledger != h.ledger {
		panic("allocation: adopted by a table with other ports")
	}
	s := &h.state
	if t.byTuple.at(s.tuple) != 0 && !s.detached {
		return nil, ErrInUse
	}
	if t.allocations.len() == maxAllocations ||
		t.permissions.len()+len(h.permissions[0])+len(h.permissions[1]) > maxRef ||
		t.channels.len()+len(h.channels[0])+len(h.channels[1]) > maxRef {
		return nil, ErrCapacity
	}
	n := t.allocations.take()
	a := t.allocations.at(n)
	generation := max(a.generation, 1)
	*a = *s
	a.id, a.generation = makeID(t.worker, int(n)-1, generation), generation
	a.recent.permission, a.recent.channel = 0, 0 // slots of the other table
	if !a.detached {
		t.byTuple.put(a.tuple, n)
	}
	if a.hasToken {
		t.tokens[n] = h.token
	}
	for i := range a.relayed {
		f, r := family(i+1), &a.relayed[i]
		if !r.has {
			continue
		}
		t.byRelayed.put(r.place, n)
		t.wheel.set(familyNode(a, f), r.timer.expires, now)
		for _, p := range h.permissions[i] {
			t.adoptPermission(a, p, now)
		}
		for _, c := range h.channels[i] {
			t.adoptChannel(a, c, now)
		}
	}
	*h = Handover{} // the key too
	return a, nil
}

func (t *Table) adoptPermission(a *Allocation, h handedPermission, now Time) {
	n := t.permissions.take()
	p := t.permissions.at(n)
	p.key, p.restricted = peerKey{h.peer, a.ref()}, h.restricted
	t.permissionByPeer.put(p.key, n)
	push(&t.permissions, &a.relayed[h.peer.family.index()].permissions, n)
	t.wheel.set(nodePermission|node(n), h.expires, now)
}

func (t *Table) adoptChannel(a *Allocation, h handedChannel, now Time) {
	n := t.channels.take()
	c := t.channels.at(n)
	c.key, c.number = peerKey{h.peer, a.ref()}, h.number
	t.channelByPeer.put(c.key, n)
	t.channelByNumber.put(makeChannelKey(a.ref(), h.number), n)
	push(&t.channels, &a.relayed[h.peer.family.index()].channels, n)
	t.wheel.set(nodeChannel|node(n), h.expires, now)
}

// Allocation is what was taken, as it was then, for logs: its ID finds nothing any more. It is valid until Adopt or Discard.
func (h *Handover) Allocation() *Allocation { return &h.state }

// Subject is Request.Subject of the allocation. It is looked up in the ledger, under a lock.
func (h *Handover) Subject() string { return h.ledger.name(h.state.subject) }

// Discard ends an allocation that no table adopts: its ports go back to the pool and its user is charged no longer. After
// Adopt it does nothing.
func (h *Handover) Discard() {
	if h.ports == nil {
		return
	}
	for i := range h.state.relayed {
		if r := &h.state.relayed[i]; r.has {
			h.ports.release(r.place, true)
		}
	}
	h.ledger.release(h.state.user, h.state.subject)
	*h = Handover{}
}
