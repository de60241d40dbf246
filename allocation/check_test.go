package allocation

import (
	"math"
	"testing"
)

// Check is what the random tests rely on: each kind of damage must be seen.
func TestCheckFindsDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *Table, a *Allocation, p *permission, c *channel){
		"5-tuple not indexed": func(t *Table, a *Allocation, _ *permission, _ *channel) { t.byTuple.remove(a.tuple, a.ref()) },
		"second 5-tuple not indexed": func(t *Table, a *Allocation, _ *permission, _ *channel) {
			_ = t.BeginMove(a, tuple(9))
			t.byTuple.remove(t.moves[a.ref()], a.ref())
		},
		"second 5-tuple without a move": func(t *Table, a *Allocation, _ *permission, _ *channel) { t.moves[a.ref()] = a.tuple },
		"second 5-tuple of nobody":      func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.moves[1] = tupleKey{} },
		"token not asked for":           func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.tokens[1] = [8]byte{} },
		"token lost":                    func(t *Table, a *Allocation, _ *permission, _ *channel) { delete(t.tokens, a.ref()) },
		"detached and indexed":          func(_ *Table, a *Allocation, _ *permission, _ *channel) { a.detached = true },
		"5-tuple of nobody":             func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.byTuple.put(tupleKey{}, 1) },
		"5-tuple remembered": func(t *Table, a *Allocation, _ *permission, _ *channel) {
			t.byTuple.tuple, t.byTuple.recent = FiveTuple{}, a.ref()
		},
		"relayed not indexed": func(t *Table, a *Allocation, _ *permission, _ *channel) {
			t.byRelayed.remove(a.relayed[0].place, a.ref())
		},
		"relayed of nobody":     func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.byRelayed.put(place{}, 1) },
		"ID":                    func(_ *Table, a *Allocation, _ *permission, _ *channel) { a.id++ },
		"address":               func(_ *Table, a *Allocation, _ *permission, _ *channel) { a.relayed[0].bound.port++ },
		"family gone":           func(_ *Table, a *Allocation, _ *permission, _ *channel) { a.relayed[0].has = false },
		"port released":         func(t *Table, a *Allocation, _ *permission, _ *channel) { t.ports.release(a.relayed[0].place, true) },
		"not in the wheel":      func(t *Table, a *Allocation, _ *permission, _ *channel) { t.wheel.clear(familyNode(a, familyIPv4)) },
		"too late in the wheel": func(_ *Table, a *Allocation, _ *permission, _ *channel) { a.relayed[0].timer.expires = 0 },
		"wheel not marked":      func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.wheel.occupied = [levels]uint64{} },
		"wheel counts wrong":    func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.wheel.len++ },
		"wheel is behind": func(t *Table, _ *Allocation, _ *permission, _ *channel) {
			t.wheel.elapsed = ceilTick(math.MaxInt64) - 1
		},
		"permission not indexed": func(t *Table, _ *Allocation, p *permission, _ *channel) { t.permissionByPeer.remove(p.key, 1) },
		"permission of another":  func(_ *Table, _ *Allocation, p *permission, _ *channel) { p.key.allocation++ },
		"permission not timed":   func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.wheel.clear(nodePermission | 1) },
		"permission list length": func(_ *Table, a *Allocation, _ *permission, _ *channel) { a.relayed[0].permissions.len++ },
		"permission list link":   func(_ *Table, _ *Allocation, p *permission, _ *channel) { p.order.prev = 1 },
		"permission limit":       func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.mostPermissions = 0 },
		"channel by peer":        func(t *Table, _ *Allocation, _ *permission, c *channel) { t.channelByPeer.remove(c.key, 1) },
		"channel by number":      func(_ *Table, _ *Allocation, _ *permission, c *channel) { c.number++ },
		"channel not timed":      func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.wheel.clear(nodeChannel | 1) },
		"channel list end":       func(_ *Table, a *Allocation, _ *permission, _ *channel) { a.relayed[0].channels.tail = 0 },
		"channel limit":          func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.mostChannels = 0 },
		"free list":              func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.allocations.give(1) },
		"free slot not empty":    func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.channels.take() },
		"total":                  func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ledger.total = 0 },
		"user's count":           func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ledger.entries[1].charged-- },
		"name not indexed":       func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ledger.index.remove("alice", 1) },
		"name lost": func(t *Table, _ *Allocation, _ *permission, _ *channel) {
			t.ledger.entries = append(t.ledger.entries, ledgerEntry{})
		},
		"references":   func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ledger.entries[1].refs = 0 },
		"live bit":     func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ports.pools[1].live.set(50000) },
		"free bit":     func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ports.pools[1].freeBits.clear(50000) },
		"cooling bit":  func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ports.pools[1].coolingBits.set(50000) },
		"free place":   func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ports.pools[1].at(50000).at = 1 },
		"refused mark": func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ports.pools[1].at(50000).refuse = true },
		"port state": func(t *Table, _ *Allocation, _ *permission, _ *channel) {
			t.ports.pools[1].hold(50000)
			t.ports.pools[1].held--
		},
		"cooling queue": func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ports.pools[0].cooling[0] = queue{} },
		"cooling queue stamped twice": func(t *Table, _ *Allocation, _ *permission, _ *channel) {
			t.ports.Expire(start)
			t.ports.pools[0].cooling[0].unstamped = t.ports.pools[0].cooling[0].head
		},
		"reservation forgotten":   func(t *Table, _ *Allocation, _ *permission, _ *channel) { clear(t.ports.reservations.byToken) },
		"reservation without end": func(t *Table, _ *Allocation, _ *permission, _ *channel) { t.ports.reservations.queue = nil },
	} {
		table := NewTable(Config{Ports: mustPorts(t, []RelayAddress{{Bind: ipv4Other}, {Bind: ipv6Relay}}, 50000, 50003), Ledger: NewLedger(0)})
		r := single()
		r.EvenPort = true
		b := mustCreate(t, table, 1, r, start)
		r.ReserveNext, r.User = true, "alice"
		a := mustCreate(t, table, 2, r, start)
		table.Delete(b) // leaves a cooling port and a free slot
		must(t, table.BindChannel(a, 0x4000, peer4, false, start))
		must(t, table.Check())
		damage(table, a, table.permissions.at(1), table.channels.at(1))
		if table.Check() == nil {
			t.Errorf("%s: not seen", name)
		}
	}
}

func TestTimeAdd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		t    Time
		d    Duration
		want Time
	}{
		{5, 7, 12}, {5, -7, -2}, {math.MaxInt64 - 1, 1, math.MaxInt64}, {math.MaxInt64 - 1, 2, math.MaxInt64}, {math.MinInt64 + 1, -2, math.MinInt64}, {1, math.MaxInt64, math.MaxInt64}, {-1, math.MaxInt64, math.MaxInt64 - 1},
	} {
		if got := tt.t.add(tt.d); got != tt.want {
			t.Errorf("%d + %d: %d, want %d", tt.t, tt.d, got, tt.want)
		}
	}
}
