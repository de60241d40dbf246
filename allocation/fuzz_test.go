package allocation

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// compare asks the table all that can be asked.
func (d *driver) compare() {
	d.t.Helper()
	n := 0
	for _, table := range d.all {
		if err := table.Check(); err != nil {
			d.failf("check: %v", err)
		}
		n += table.Len()
	}
	if n != len(d.model.allocations) || d.table.ledger.Total() != len(d.model.allocations) {
		d.failf("%d allocations, %d in the ledger, want %d", n, d.table.ledger.Total(), len(d.model.allocations))
	}
	for ft, m := range d.model.allocations {
		d.table = d.all[m.table]
		a := d.table.LookupID(m.id)
		if a == nil || a.FiveTuple() != ft || d.table.Subject(a) != m.Subject {
			d.failf("%v: found %v", ft, a)
		}
		d.compareTuples(ft, a, m)
		for i, at := range m.relayed {
			if a.Has(i == 1) != at.IsValid() || a.Relayed(i == 1) != at {
				d.failf("%v: relayed address %v, want %v", ft, a.Relayed(i == 1), at)
			}
			live, found := d.model.ports.Live, d.table.LookupRelayed(at) == a
			if m.TCP {
				live, found = d.model.ports.LiveTCP, !found && a.TCP()
			}
			if at.IsValid() && (!found || !live(at) || !live(a.Bound(i == 1)) || a.Expires(i == 1) != m.expires[i]) {
				d.failf("%v: relayed address %v is not live", ft, at)
			}
		}
		for _, peer := range modelPeers {
			ok, restricted := d.table.Permitted(a, peer, d.now)
			if wok, wr := m.permitted(peer, d.now); ok != wok || restricted != wr {
				d.failf("%v: %v permitted %v %v, want %v %v", ft, peer, ok, restricted, wok, wr)
			}
		}
		d.compareChannels(a, m)
	}
}

func (d *driver) compareTuples(ft FiveTuple, a *Allocation, m *modelAllocation) {
	d.t.Helper()
	if (d.table.Lookup(ft) == a) == m.detached && m.next != ft {
		d.failf("%v: found or not, and detached: %v", ft, m.detached)
	}
	moving := m.next != (FiveTuple{})
	if a.Moving() != moving || d.table.MovesTo(a) != m.next || moving && d.table.Lookup(m.next) != a {
		d.failf("%v: moving to %v, want %v", ft, d.table.MovesTo(a), m.next)
	}
}

func (d *driver) compareChannels(a *Allocation, m *modelAllocation) {
	d.t.Helper()
	byPeer := make(map[netip.AddrPort]ChannelNumber)
	for n := minChannel; n < minChannel+3; n++ {
		c, bound := m.channels[n]
		live := bound && d.now < c.until && m.lives(c.peer.Addr(), d.now)
		peer, permitted, ok := d.table.Peer(a, n, d.now)
		if want, _ := m.permitted(c.peer.Addr(), d.now); ok != live || ok && (peer != c.peer || permitted != want) {
			d.failf("channel %#x: %v %v %v, want %v %v", n, peer, permitted, ok, c.peer, live)
		}
		if live {
			byPeer[c.peer] = n
		}
	}
	for _, addr := range modelPeers {
		for port := range uint16(2) {
			peer := netip.AddrPortFrom(addr, port)
			if n, ok := d.table.Channel(a, peer, d.now); n != byPeer[peer] || ok != (n != 0) {
				d.failf("peer %v: channel %#x, want %#x", peer, n, byPeer[peer])
			}
		}
	}
}

// finish empties the table and looks for what was left behind.
func (d *driver) finish() {
	next := Time(0)
	for _, table := range d.all {
		for a := range table.All() {
			table.Delete(a)
		}
		next += table.Next()
	}
	clear(d.model.allocations)
	d.compare()
	p := d.table.ports
	p.Expire(d.now)
	p.Expire(d.now.add(PortCooldown + ReservationHold))
	if p.InUse() != 0 || p.InUseTCP() != 0 || next != 0 || d.table.ledger.index.len() != 0 {
		d.failf("left behind: %d ports, %d names, next %d", p.InUse(), d.table.ledger.index.len(), next)
	}
	for _, q := range p.pools {
		if q.freeLen() != len(q.ports) {
			d.failf("%v: %d ports are free of %d", q.address.Bind, q.freeLen(), len(q.ports))
		}
	}
}

func TestTableFollowsModel(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(40) {
		data := make([]byte, 12000)
		var key [32]byte
		binary.LittleEndian.PutUint64(key[:], seed)
		binary.LittleEndian.PutUint64(key[8:], i)
		rand.NewChaCha8(key).Read(data)
		d := newDriver(t, data)
		for len(d.bytes) > 0 {
			d.step()
		}
		d.finish()
	}
}

func FuzzTable(f *testing.F) {
	for seed := range byte(8) {
		data := make([]byte, 400)
		rand.NewChaCha8([32]byte{seed}).Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDriver(t, data[:min(len(data), 4000)])
		for len(d.bytes) > 0 {
			d.step()
		}
		d.finish()
	})
}
