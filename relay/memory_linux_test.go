package relay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"syscall"
	"testing"

	"turnout/internal/netio"
	"turnout/stun"
)

// A systemSockets network has the system's relay sockets, and the fake poller.
type systemSockets struct {
	fakeNetwork
	system netio.Network
}

func (n *systemSockets) OpenUDP(addr netip.AddrPort) (netio.Socket, error) {
	return n.system.OpenUDP(addr)
}

// An idlePoller keeps no account of the sockets added: the system's has it in the kernel.
type idlePoller struct{ *fakePoller }

func (p idlePoller) Add(netio.Socket, uint64) error { return nil }
func (p idlePoller) Remove(netio.Socket) error      { return nil }

// An idle allocation with a permission and a channel takes at most 1,024 bytes of the process's own memory, what the
// operating system's socket takes in it and the name of its user included; each is another user's.
//
// What is told is the live heap after many allocations less that after one: what a worker has once (cache of keys,
// space of a round) is not counted, and is there before. HeapInuse tells it with the rounding of size classes and pages
// that are partly used. Not parallel, since it reads how much memory the process has.
func TestMemoryPerAllocation(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	n := min(10000, int(files.Cur)-200)
	// At an address of this test alone: of the ports at 127.0.0.1 it would leave too few, to itself and to others.
	own := netip.AddrFrom4([4]byte{127, byte(64 + rand.IntN(128)), byte(rand.IntN(256)), byte(1 + rand.IntN(254))})
	b := newBench(t, derivedUsers, func(c *Config) {
		c.RelayAddresses = relayAddresses(own.String())
		c.Network = &systemSockets{*c.Network.(*fakeNetwork), netio.System()}
	})
	b.w.poller = idlePoller{b.poller}
	defer func() {
		for a := range b.w.table.All() {
			b.w.end(a, EndShutdown)
		}
		b.w.endRound()
	}()
	begin := func(i int) {
		client := benchClient(i)
		b.become(t, fmt.Sprintf("acs:user-%d", i))
		b.request(t, client, stun.MethodAllocate, func(rs *stun.Builder) { rs.AddUint8(stun.AttrRequestedTransport, 17, 4) })
		b.bind(t, client, 0x4000, benchPeer)
		delete(b.nonces, client)
	}
	heap := func() (live, used int) {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc), int(m.HeapInuse)
	}
	begin(0)
	live, used := heap()
	for i := range n {
		begin(i + 1)
	}
	live2, used2 := heap()
	per := (live2 - live) / n
	t.Logf("%d bytes of heap for each of %d allocations with a channel, %d with the rounding of the heap", per, n, (used2-used)/n)
	if per > 1024 {
		t.Errorf("%d bytes an allocation, want at most 1024", per)
	}
	runtime.KeepAlive(b)
}
