package allocation

import (
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strconv"
	"testing"
)

// The garbage collector does not look into what has no pointers: a server with a million permissions must not make it
// walk them.
func TestNoPointers(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50000)
	for _, v := range []any{
		table.allocations.chunks, table.permissions.chunks, table.channels.chunks, // slices of pointers to arrays
		table.byTuple.refs.parts[0].entries, // those of the other indexes are alike
		table.allocations.free, table.ports.pools[0].ports, table.wheel.heads,
	} {
		kind := reflect.TypeOf(v)
		switch kind.Kind() {
		case reflect.Map:
			noPointers(t, kind.String()+" key", kind.Key())
			noPointers(t, kind.String()+" value", kind.Elem())
		case reflect.Slice:
			kind = kind.Elem()
			if kind.Kind() == reflect.Pointer {
				kind = kind.Elem()
			}
			fallthrough
		default:
			noPointers(t, kind.String(), kind)
		}
	}
}

func noPointers(t *testing.T, path string, kind reflect.Type) {
	t.Helper()
	switch kind.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
	case reflect.Array:
		noPointers(t, path+"[]", kind.Elem())
	case reflect.Struct:
		for i := range kind.NumField() {
			noPointers(t, path+"."+kind.Field(i).Name, kind.Field(i).Type)
		}
	default:
		t.Errorf("%s is a %s", path, kind.Kind())
	}
}

// Keys without padding are hashed and compared in one run.
func TestKeysHaveNoPadding(t *testing.T) {
	t.Parallel()
	for _, kind := range []reflect.Type{reflect.TypeFor[tupleKey](), reflect.TypeFor[peerKey](), reflect.TypeFor[place]()} {
		sum := uintptr(0)
		for i := range kind.NumField() {
			sum += kind.Field(i).Type.Size()
		}
		if sum != kind.Size() {
			t.Errorf("%v: %d bytes of fields in %d", kind, sum, kind.Size())
		}
	}
}

// populate makes n allocations of as many users, each with a permission and a channel to that peer.
func populate(t testing.TB, table *Table, n int) {
	r := single()
	r.Key = make([]byte, 32)
	for i := range n {
		r.User = "1790000000:8:acs:user-" + strconv.Itoa(i)
		r.Subject = r.User
		a := mustCreate(t, table, i, r, start)
		must(t, table.BindChannel(a, 0x4000, netip.AddrPortFrom(addr(i), 7000), false, start))
	}
}

// Not parallel, since it reads how much memory the process has.
func TestMemoryPerAllocation(t *testing.T) {
	const n = 10_000
	table := newTable(t, 45000, 60000)
	heap := func() (live, used uint64) {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, m.HeapInuse
	}
	live, used := heap()
	populate(t, table, n)
	live2, used2 := heap()
	perLive, perUsed := (int64(live2)-int64(live))/n, (int64(used2)-int64(used))/n
	t.Logf("%d bytes per allocation with a permission and a channel, its user's name included; %d with the heap's rounding", perLive, perUsed)
	t.Logf("slots: allocation %d, permission %d, channel %d bytes", reflect.TypeFor[Allocation]().Size(), reflect.TypeFor[permission]().Size(), reflect.TypeFor[channel]().Size())
	if perUsed > 1024 {
		t.Errorf("%d bytes per allocation, want at most 1024", perUsed)
	}
	runtime.KeepAlive(table)
}

func TestEmptyTableIsSmall(t *testing.T) {
	table := newTable(t, 50000, 50000)
	const n = 64
	tables := make([]*Table, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range tables {
		tables[i] = NewTable(Config{Worker: i, Ports: table.ports, Ledger: table.ledger})
	}
	runtime.ReadMemStats(&after)
	if size := (after.TotalAlloc - before.TotalAlloc) / n; size > 8<<10 {
		t.Errorf("an empty table has %d bytes", size)
	} else {
		t.Logf("an empty table has %d bytes", size)
	}
	runtime.KeepAlive(tables)
}

// What is asked for every packet allocates nothing, and neither do refreshes.
func TestNoAllocations(t *testing.T) {
	table := newTable(t, 50000, 50099)
	populate(t, table, 50)
	ft := tuple(7)
	a := table.Lookup(ft)
	id, relayed, peer := a.ID(), a.Relayed(false), netip.AddrPortFrom(addr(7), 7000)
	peers := []netip.Addr{peer.Addr(), addr(9)}
	ended := func(*Allocation, bool, bool) {}
	for name, f := range map[string]func() bool{
		"Lookup":        func() bool { return table.Lookup(ft) == a },
		"LookupID":      func() bool { return table.LookupID(id) == a },
		"LookupRelayed": func() bool { return table.LookupRelayed(relayed) == a },
		"Permitted":     func() bool { ok, _ := table.Permitted(a, peer.Addr(), start); return ok },
		"Peer":          func() bool { p, permitted, ok := table.Peer(a, 0x4000, start); return p == peer && permitted && ok },
		"Channel":       func() bool { n, ok := table.Channel(a, peer, start); return n == 0x4000 && ok },
		"Live":          func() bool { return table.ports.Live(relayed) },
		"Bound":         func() bool { _, ok := table.ports.Bound(relayed); return ok },
		"FiveTuple":     func() bool { return a.FiveTuple() == ft },
		"Key":           func() bool { return len(a.Key()) == 32 },
		"Subject":       func() bool { return table.Subject(a) != "" },
		"Permit":        func() bool { return table.Permit(a, peer.Addr(), false, start) == nil },
		"CanPermit":     func() bool { return table.CanPermit(a, peers, start) },
		"BindChannel":   func() bool { return table.BindChannel(a, 0x4000, peer, false, start) == nil },
		"Refresh":       func() bool { table.Refresh(a, true, true, 600*Second, start); return a.Has(false) },
		"Expire":        func() bool { table.Expire(start, ended); return table.Next() > start },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if !f() {
				panic(fmt.Sprintf("%s: wrong answer", name))
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
