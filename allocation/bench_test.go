package allocation

import (
	"net/netip"
	"runtime"
	"testing"
)

const benchAllocations = 10_000

func benchTable(b *testing.B) (*Table, []*Allocation, []netip.AddrPort) {
	b.Helper()
	table := newTable(b, 40000, 60000)
	populate(b, table, benchAllocations)
	var all []*Allocation
	var peers []netip.AddrPort
	for i := range benchAllocations {
		all = append(all, table.Lookup(tuple(i)))
		peers = append(peers, netip.AddrPortFrom(addr(i), 7000))
	}
	b.ReportAllocs()
	b.ResetTimer()
	return table, all, peers
}

func BenchmarkLookup(b *testing.B) {
	table, all, _ := benchTable(b)
	tuples := make([]FiveTuple, len(all))
	for i := range tuples {
		tuples[i] = tuple(i)
	}
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if table.Lookup(tuples[i%len(tuples)]) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkLookupRelayed(b *testing.B) {
	table, all, _ := benchTable(b)
	for i := 0; b.Loop(); i++ {
		if a := all[i%len(all)]; table.LookupRelayed(a.Relayed(false)) != a {
			b.Fatal("not found")
		}
	}
}

func BenchmarkPeer(b *testing.B) {
	table, all, _ := benchTable(b)
	for i := 0; b.Loop(); i++ {
		if _, _, ok := table.Peer(all[i%len(all)], 0x4000, start); !ok {
			b.Fatal("unbound")
		}
	}
}

func BenchmarkChannel(b *testing.B) {
	table, all, peers := benchTable(b)
	for i := 0; b.Loop(); i++ {
		if _, ok := table.Channel(all[i%len(all)], peers[i%len(all)], start); !ok {
			b.Fatal("unbound")
		}
	}
}

func BenchmarkPermitted(b *testing.B) {
	table, all, peers := benchTable(b)
	for i := 0; b.Loop(); i++ {
		if ok, _ := table.Permitted(all[i%len(all)], peers[i%len(all)].Addr(), start); !ok {
			b.Fatal("not permitted")
		}
	}
}

func BenchmarkLive(b *testing.B) {
	table, all, _ := benchTable(b)
	at := all[0].Relayed(false)
	for b.Loop() {
		if !table.ports.Live(at) {
			b.Fatal("not live")
		}
	}
}

// BenchmarkCreateDelete is a whole short life: two ledger and two pool operations, a channel and its permission.
func BenchmarkCreateDelete(b *testing.B) {
	table, _, peers := benchTable(b)
	r := single()
	r.User, r.Subject, r.Key = "alice", "alice", make([]byte, 16)
	ft := tuple(benchAllocations)
	now := start
	for i := 0; b.Loop(); i++ {
		now = now.add(100_000)
		a, err := table.Create(ft, r, now)
		if err != nil {
			b.Fatal(err)
		}
		if err := table.BindChannel(a, 0x4000, peers[i%len(peers)], false, now); err != nil {
			b.Fatal(err)
		}
		table.Delete(a)
	}
}

// BenchmarkMemory reports what 10,000 allocations with a permission and a channel each need.
func BenchmarkMemory(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		table := newTable(b, 40000, 60000)
		runtime.GC()
		runtime.ReadMemStats(&before)
		populate(b, table, benchAllocations)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(table)
	}
	b.ReportMetric(float64(int64(after.HeapInuse)-int64(before.HeapInuse))/benchAllocations, "B/allocation")
}
