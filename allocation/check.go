package allocation

import "fmt"

// Check returns the first broken invariant, nil if all hold: that slabs, indexes, lists, wheel, ports and ledger agree.
// It walks everything and locks the ports meanwhile: for tests, fuzzing and /debug.
func (t *Table) Check() error {
	for _, check := range [...]func() error{
		t.checkAllocations, t.checkPermissions, t.checkChannels, t.checkWheel, t.checkLedger, t.ports.check, t.ledger.check,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) checkAllocations() error {
	relayed, permissions, channels := 0, 0, 0
	live, tuples := 0, 0
	for r := ref(1); r <= t.allocations.used; r++ {
		a := t.allocations.at(r)
		if a.id == 0 {
			if *a != (Allocation{generation: a.generation}) {
				return fmt.Errorf("slot %d is free and not empty", r-1)
			}
			continue
		}
		live++
		if a.id != makeID(t.worker, int(r-1), a.generation) || a.generation == 0 {
			return fmt.Errorf("slot %d has ID %#x", r-1, uint64(a.id))
		}
		n, err := t.checkTuples(a)
		if err != nil {
			return fmt.Errorf("allocation %d: %w", r-1, err)
		}
		tuples += n
		for i := range a.relayed {
			if err := t.checkRelayed(a, i); err != nil {
				return fmt.Errorf("allocation %d, family %d: %w", r-1, i+1, err)
			}
			if a.relayed[i].has {
				relayed++
			}
			permissions += int(a.relayed[i].permissions.len)
			channels += int(a.relayed[i].channels.len)
		}
	}
	for r := range t.moves {
		if !t.allocations.at(r).moving {
			return fmt.Errorf("slot %d has a second 5-tuple and does not move", r-1)
		}
	}
	for r := range t.tokens {
		if !t.allocations.at(r).hasToken {
			return fmt.Errorf("slot %d has a token it did not ask for", r-1)
		}
	}
	if x := &t.byTuple; x.recent != 0 && x.refs.at(x.tuple.key()) != x.recent {
		return fmt.Errorf("allocation %d is remembered by a 5-tuple it has not", x.recent-1)
	}
	switch {
	case live != t.Len() || tuples != t.byTuple.len():
		return fmt.Errorf("%d allocations of %d 5-tuples, %d by the slab, %d by 5-tuple", live, tuples, t.Len(), t.byTuple.len())
	case relayed != t.byRelayed.len():
		return fmt.Errorf("%d relayed addresses, %d indexed", relayed, t.byRelayed.len())
	case permissions != t.permissions.len():
		return fmt.Errorf("%d permissions in lists, %d in the slab", permissions, t.permissions.len())
	case channels != t.channels.len():
		return fmt.Errorf("%d channels in lists, %d in the slab", channels, t.channels.len())
	}
	return checkSlab(&t.allocations, func(a *Allocation) bool { return a.id == 0 })
}

// checkTuples counts the 5-tuples that lead to a: one, two while it is moving, none while it is detached.
func (t *Table) checkTuples(a *Allocation) (n int, err error) {
	if !a.detached {
		n++
	}
	if a.moving {
		n++
	}
	next, moving := t.moves[a.ref()]
	_, token := t.tokens[a.ref()]
	switch {
	case (t.byTuple.at(a.tuple) == a.ref()) == a.detached && next != a.tuple:
		return 0, fmt.Errorf("found or not by its 5-tuple, and detached: %v", a.detached)
	case a.moving && t.byTuple.at(next) != a.ref():
		return 0, fmt.Errorf("not found by its second 5-tuple")
	case moving != a.moving:
		return 0, fmt.Errorf("a second 5-tuple without a move")
	case token != a.hasToken:
		return 0, fmt.Errorf("has a token: %v", token)
	}
	return n, nil
}

func (t *Table) checkRelayed(a *Allocation, i int) error {
	r := &a.relayed[i]
	if !r.has {
		if r.permissions != (list{}) || r.channels != (list{}) || r.external != (endpoint{}) || r.bound != (endpoint{}) {
			return fmt.Errorf("dropped and not empty")
		}
		return nil
	}
	if t.byRelayed.at(r.place) != a.ref() {
		return fmt.Errorf("not found by its relayed address")
	}
	q := t.ports.pools[r.place.pool]
	if q.family.index() != i || q.tcp != a.tcp || r.external != endpointOf(q.address.External, r.place.port) || r.bound != endpointOf(q.address.Bind, r.place.port) {
		return fmt.Errorf("relayed address %v is not its place's", r.external.addrPort())
	}
	if !q.live.has(r.place.port) || t.ports.state(r.place) != portHeld {
		return fmt.Errorf("port %d is not held", r.place.port)
	}
	if r.timer.slot == 0 {
		return fmt.Errorf("not in the wheel")
	}
	if n := int(a.relayed[0].permissions.len + a.relayed[1].permissions.len); n > t.mostPermissions {
		return fmt.Errorf("%d permissions", n)
	}
	if n := int(a.relayed[0].channels.len + a.relayed[1].channels.len); n > t.mostChannels {
		return fmt.Errorf("%d channels", n)
	}
	if err := checkList(&t.permissions, &r.permissions); err != nil {
		return fmt.Errorf("permissions: %w", err)
	}
	if err := checkList(&t.channels, &r.channels); err != nil {
		return fmt.Errorf("channels: %w", err)
	}
	for n := r.permissions.head; n != 0; n = t.permissions.at(n).order.next {
		if k := &t.permissions.at(n).key; k.allocation != a.ref() || k.peer.family.index() != i {
			return fmt.Errorf("permission %d is of another", n)
		}
	}
	for n := r.channels.head; n != 0; n = t.channels.at(n).order.next {
		if k := &t.channels.at(n).key; k.allocation != a.ref() || k.peer.family.index() != i {
			return fmt.Errorf("channel %d is of another", n)
		}
	}
	return nil
}

func (t *Table) checkPermissions() error {
	live := 0
	for r := ref(1); r <= t.permissions.used; r++ {
		p := t.permissions.at(r)
		if *p == (permission{}) {
			continue
		}
		live++
		if t.permissionByPeer.at(p.key) != r || p.key.peer.port != 0 {
			return fmt.Errorf("permission %d is not found by its peer", r)
		}
		if p.timer.slot == 0 {
			return fmt.Errorf("permission %d is not in the wheel", r)
		}
	}
	if live != t.permissions.len() || live != t.permissionByPeer.len() {
		return fmt.Errorf("%d permissions, %d by the slab, %d by peer", live, t.permissions.len(), t.permissionByPeer.len())
	}
	return checkSlab(&t.permissions, func(p *permission) bool { return *p == permission{} })
}

func (t *Table) checkChannels() error {
	live := 0
	for r := ref(1); r <= t.channels.used; r++ {
		c := t.channels.at(r)
		if *c == (channel{}) {
			continue
		}
		live++
		if t.channelByPeer.at(c.key) != r || t.channelByNumber.at(makeChannelKey(c.key.allocation, c.number)) != r {
			return fmt.Errorf("channel %d is not found by its peer and its number", r)
		}
		if c.timer.slot == 0 {
			return fmt.Errorf("channel %d is not in the wheel", r)
		}
	}
	if live != t.channels.len() || live != t.channelByPeer.len() || live != t.channelByNumber.len() {
		return fmt.Errorf("%d channels, %d by the slab, %d by peer, %d by number", live, t.channels.len(), t.channelByPeer.len(), t.channelByNumber.len())
	}
	return checkSlab(&t.channels, func(c *channel) bool { return *c == channel{} })
}

func checkSlab[T any](s *slab[T], empty func(*T) bool) error {
	seen := make(map[ref]bool, len(s.free))
	for _, r := range s.free {
		if r == 0 || r > s.used || seen[r] || !empty(s.at(r)) {
			return fmt.Errorf("%T: slot %d is on the free list by mistake", *s, r)
		}
		seen[r] = true
	}
	return nil
}

func checkList[T any, P linked[T]](s *slab[T], l *list) error {
	n, prev := uint32(0), ref(0)
	for r := l.head; r != 0; r = P(s.at(r)).links().next {
		if P(s.at(r)).links().prev != prev {
			return fmt.Errorf("slot %d is not linked both ways", r)
		}
		if n++; n > l.len {
			break
		}
		prev = r
	}
	if n != l.len || l.tail != prev {
		return fmt.Errorf("list of %d has another length or end", l.len)
	}
	return nil
}

func (t *Table) checkWheel() error {
	w := &t.wheel
	armed := 0
	for level := range uint(levels) {
		for slot := range uint(slots) {
			head := w.heads[level][slot]
			if (head != 0) != (w.occupied[level]>>slot&1 != 0) {
				return fmt.Errorf("wheel: level %d slot %d is not marked as it is", level, slot)
			}
			start := (w.elapsed>>(level*levelBits)&^(slots-1) | uint64(slot)) << (level * levelBits)
			if head != 0 && start < w.elapsed {
				return fmt.Errorf("wheel: level %d slot %d is behind", level, slot)
			}
			prev := node(0)
			for n := head; n != 0; n = w.timer(n).next {
				x := w.timer(n)
				if armed++; armed > w.len {
					return fmt.Errorf("wheel: more than %d nodes", w.len)
				}
				if x.prev != prev || uint(x.slot) != level*slots+slot+1 {
					return fmt.Errorf("wheel: node %#x is linked elsewhere", n)
				}
				// Too early is a refresh that has not been looked at; too late would be a mistake.
				if due := ceilTick(x.expires); start > max(due, w.elapsed) {
					return fmt.Errorf("wheel: node %#x is due at tick %d and lies at %d", n, due, start)
				}
				prev = n
			}
		}
	}
	if armed != w.len {
		return fmt.Errorf("wheel: %d nodes, not %d", armed, w.len)
	}
	families := 0
	for a := range t.All() {
		for i := range a.relayed {
			if a.relayed[i].timer.slot != 0 {
				families++
			}
		}
	}
	if want := families + t.permissions.len() + t.channels.len(); armed != want {
		return fmt.Errorf("wheel: %d nodes for %d timers", armed, want)
	}
	return nil
}

// checkLedger compares with this table's allocations; other tables may have more of each user.
func (t *Table) checkLedger() error {
	charged, refs := make(map[uint32]int), make(map[uint32]int)
	for a := range t.All() {
		charged[a.user]++
		refs[a.user]++
		refs[a.subject]++
	}
	l := t.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total < t.Len() {
		return fmt.Errorf("ledger: %d allocations in all, %d in this table", l.total, t.Len())
	}
	for i, n := range refs {
		if i != 0 && (int(l.entries[i].refs) < n || int(l.entries[i].charged) < charged[i]) {
			return fmt.Errorf("ledger: %q has %d allocations, more in this table", l.entries[i].name, l.entries[i].charged)
		}
	}
	return nil
}

func (l *Ledger) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	charged, used := 0, 0
	free := make(map[uint32]bool, len(l.free))
	for _, i := range l.free {
		free[i] = true
	}
	for i, e := range l.entries {
		charged += int(e.charged)
		switch {
		case e == ledgerEntry{}:
			if i != 0 && !free[uint32(i)] {
				return fmt.Errorf("ledger: entry %d is lost", i)
			}
		case i == 0 || e.name == "" || e.refs < 1 || e.charged < 0 || e.reserved < 0 || e.charged+e.reserved > e.refs || l.index.at(e.name) != ref(i):
			return fmt.Errorf("ledger: entry %d is %+v", i, e)
		default:
			used++
		}
	}
	if used != l.index.len() || used+len(l.free)+1 != len(l.entries) {
		return fmt.Errorf("ledger: %d names, %d indexed, %d free of %d", used, l.index.len(), len(l.free), len(l.entries))
	}
	if l.total < charged {
		return fmt.Errorf("ledger: %d allocations in all, %d charged", l.total, charged)
	}
	return nil
}
