package relay

import (
	"strings"
	"testing"
	"unsafe"

	"turnout/internal/netio"
	"turnout/stun"
)

// The payload that leaves is the payload that arrived, in place.
func TestRelayNoCopy(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 160, 1200, 65000} {
		b := newBench(t)
		for _, w := range b.ways(t, size) {
			b.deliver(w.socket, w.packet)
			if len(b.poller.outs) != 1 {
				t.Errorf("%v: %d datagrams sent", w, len(b.poller.outs))
				continue
			}
			out := b.poller.outs[0]
			if unsafe.SliceData(out.Payload) != unsafe.SliceData(w.payload) || len(out.Payload) != size {
				t.Errorf("%v: the payload was copied", w)
			}
		}
	}
}

// A relayed datagram costs no allocation, whichever way it takes.
func TestRelayAllocations(t *testing.T) {
	b := newBench(t)
	for _, w := range b.ways(t, 160) {
		b.deliver(w.socket, w.packet)
		if n := testing.AllocsPerRun(200, func() { b.deliver(w.socket, w.packet) }); n > 0 && !raceEnabled {
			t.Errorf("%v: %v allocations", w, n)
		}
	}
}

// Nor does a request on an allocation, or one that is challenged.
func TestRequestAllocations(t *testing.T) {
	b := newBench(t)
	client := benchClient(1)
	b.allocate(t, client)
	b.permit(t, client, benchPeer)
	for name, m := range map[string][]byte{
		"Binding":          message(stun.MethodBinding, func(*stun.Builder) {}),
		"Refresh":          b.signed(client, stun.MethodRefresh, func(*stun.Builder) {}),
		"CreatePermission": b.signed(client, stun.MethodCreatePermission, func(rs *stun.Builder) { rs.AddXORAddrPort(stun.AttrXORPeerAddress, benchPeer) }),
		"ChannelBind": b.signed(client, stun.MethodChannelBind, func(rs *stun.Builder) {
			rs.AddChannelNumber(0x4000)
			rs.AddXORAddrPort(stun.AttrXORPeerAddress, benchPeer)
		}),
		"Refresh, challenge": message(stun.MethodRefresh, func(*stun.Builder) {}),
	} {
		b.fromClient(client, m)
		if n := testing.AllocsPerRun(200, func() { b.fromClient(client, m) }); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A panic in a handler drops the datagram and ends its allocation, and nothing else.
func TestPanicIsSurvived(t *testing.T) {
	panicsOn = false
	defer func() { panicsOn = true }()
	b := newBench(t)
	ways := b.ways(t, 100)
	_, own := b.allocate(t, benchClient(4)) // a peer that the policy is asked about at every datagram
	permitting, _ := b.allocate(t, benchClient(5))
	b.permit(t, benchClient(5), own)
	live := b.Stats().Allocations
	good := b.w.policy
	b.w.settings.policy = nil // any look at it panics
	b.deliver(ways[0].socket, ways[0].packet)
	b.deliver(permitting, netio.Packet{Addr: own, Local: permitting.Local(), Payload: []byte("x")})
	b.w.settings.policy = good
	stats := b.Stats()
	if stats.Panics != 2 || stats.Dropped(DropPanic) != 2 || stats.Allocations != live-2 {
		t.Errorf("panics %d, drops %d, allocations %d of %d", stats.Panics, stats.Dropped(DropPanic), stats.Allocations, live)
	}
	b.deliver(ways[3].socket, ways[3].packet)
	if len(b.poller.outs) != 1 {
		t.Error("another allocation suffered")
	}
}

// Every drop reason has a name of its own and a sentence.
func TestDropsAreNamed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, d := range Drops() {
		if d.String() == "" || seen[d.String()] || !strings.HasSuffix(d.Sentence(), ".") {
			t.Errorf("drop %d: name %q, sentence %q", d, d, d.Sentence())
		}
		seen[d.String()] = true
	}
}

func BenchmarkRelay(b *testing.B) {
	for _, size := range []int{160, 1200} {
		bench := newBench(b)
		for _, w := range bench.ways(b, size) {
			b.Run(strings.ReplaceAll(w.String(), " ", "_"), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					bench.deliver(w.socket, w.packet)
				}
			})
		}
	}
}

// BenchmarkRelayBatch relays 64 datagrams a round, as under load.
func BenchmarkRelayBatch(b *testing.B) {
	benchmarkBatch(b, newBench(b))
}

func benchmarkBatch(b *testing.B, bench *bench) {
	b.Helper()
	w := bench.ways(b, 160)[0]
	for range 64 {
		bench.poller.packets = append(bench.poller.packets, w.packet)
	}
	bench.poller.packets = bench.poller.packets[len(bench.poller.packets)-64:]
	event := []netio.Event{{ID: bench.poller.ids[w.socket], Readable: true}}
	b.ReportAllocs()
	for b.Loop() {
		bench.w.round(event)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/packet")
}

func BenchmarkAllocate(b *testing.B) {
	bench := newBench(b)
	client := benchClient(1)
	bench.allocate(b, client)
	release := bench.signed(client, stun.MethodRefresh, func(rs *stun.Builder) { rs.AddUint32(stun.AttrLifetime, 0) })
	allocate := bench.signed(client, stun.MethodAllocate, func(rs *stun.Builder) { rs.AddUint8(stun.AttrRequestedTransport, 17, 4) })
	b.ReportAllocs()
	for b.Loop() {
		bench.fromClient(client, release)
		bench.fromClient(client, allocate)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	bench := newBench(b)
	client := benchClient(1)
	bench.allocate(b, client)
	other := benchClient(2)
	bench.nonces[other] = bench.w.nonces.Append(&bench.w.nonceState, nil, other, bench.w.wall)
	for name, c := range map[string]struct {
		message []byte
		client  int
	}{
		"with_the_key_of_the_allocation": {bench.signed(client, stun.MethodRefresh, func(*stun.Builder) {}), 1},
		"by_the_verifier":                {bench.signed(other, stun.MethodRefresh, func(*stun.Builder) {}), 2},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bench.fromClient(benchClient(c.client), c.message)
			}
		})
	}
}
