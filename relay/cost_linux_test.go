package relay

import (
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/stun"
)

var landCost = flag.Bool("land-cost", false, "write what TestCost finds to the file that it compares with")

// landedCosts is where the figures stand that a change is compared with.
const landedCosts = "testdata/cost.json"

// A costLoad is one iteration's traffic: so many packets of each flow, sent to the peer and back.
type costLoad struct {
	name              string
	flows, each, size int
	together          bool // sent and received together (GSO, GRO), as fast senders do
	alone             bool // each packet has a round of its own, as those of calls have
	indications       bool
}

var costLoads = []costLoad{
	{name: "trains", flows: 1, each: 32, size: 1200, together: true},
	{name: "ten flows", flows: 10, each: 16, size: 160},
	{name: "many flows", flows: 200, each: 1, size: 160},
	{name: "one at a time", flows: 50, each: 1, size: 160, alone: true},
	{name: "indications", flows: 10, each: 16, size: 160, indications: true},
}

// A cost is what a relayed packet costs under a load.
type cost struct {
	NanosecondsCPU   float64 `json:"ns"`                    // of the worker's thread
	DatagramsPerCall float64 `json:"datagrams_per_call"`    // received and sent, by recvmmsg and sendmmsg or their like
	Allocations      float64 `json:"allocations_per_relay"` // memory allocations
	Bytes            float64 `json:"bytes_per_relay"`       // allocated
}

// What may differ from the landed figures: allocations and system calls do not depend on the machine, but a kernel now and
// then delivers what loopback carries a little later.
const (
	costCallsKept   = 0.9 // share of the landed datagrams a call that has to be reached
	costAllocations = 0.01
	costBytes       = 1.0
	costRounds      = 7
)

// TestCost measures what a relayed packet costs on the system's network under fixed loads, one step after the other on one
// thread. It judges what does not depend on the machine, and tells the time beside that of the landed figures:
//
//	go test ./relay -run TestCost -v
//	go test ./relay -run TestCost -v -land-cost     (writes them)
func TestCost(t *testing.T) {
	if os.Getenv("TESTNETWORK") != "" || raceEnabled {
		t.Skip("the landed figures are of the system's network with its shortcuts")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	landed, found := map[string]cost{}, map[string]cost{}
	if text, err := os.ReadFile(landedCosts); err == nil {
		if err := json.Unmarshal(text, &landed); err != nil {
			t.Fatal(err)
		}
	} else if !*landCost {
		t.Fatal(err)
	}
	for _, l := range costLoads {
		r := newCostRig(t, l)
		now, was := r.measure(t), landed[l.name]
		found[l.name] = now
		t.Logf("%-14s %6.0f ns of CPU a relayed packet (landed: %.0f), %5.2f datagrams a call (%.2f), %.4f allocations, %.2f bytes",
			l.name, now.NanosecondsCPU, was.NanosecondsCPU, now.DatagramsPerCall, was.DatagramsPerCall, now.Allocations, now.Bytes)
		if now.Allocations > costAllocations || now.Bytes > costBytes {
			t.Errorf("%s: %.4f allocations and %.2f bytes a relayed packet, want none", l.name, now.Allocations, now.Bytes)
		}
		if *landCost {
			continue
		}
		if now.DatagramsPerCall < costCallsKept*was.DatagramsPerCall || was.DatagramsPerCall == 0 {
			t.Errorf("%s: %.2f datagrams a system call, landed were %.2f", l.name, now.DatagramsPerCall, was.DatagramsPerCall)
		}
	}
	if *landCost {
		text, err := json.MarshalIndent(found, "", "\t")
		if err == nil {
			err = os.WriteFile(landedCosts, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A costRig is a worker whose rounds are the test's, with clients and a peer on the same thread.
type costRig struct {
	load    costLoad
	worker  *worker
	poller  netio.Poller // of clients and peer
	clients []netio.Socket
	nonces  [][]byte
	peer    netio.Socket
	relayed []netip.AddrPort
	up      []netio.Out
	down    []netio.Out
	spent   time.Duration // by the worker, of the thread's CPU time
}

// costPeer is the poller's id of the peer; clients count from 0.
const costPeer = 1 << 20

func newCostRig(t *testing.T, l costLoad) *costRig {
	t.Helper()
	network := netio.System()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"alice": "wonderland"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Realm: "bench", Workers: 1, Network: network, Verifier: verifier, LatencySample: -1,
		Listeners:      []Listener{{allocation.UDP, netip.MustParseAddrPort("127.0.0.1:0")}},
		RelayAddresses: relayAddresses("127.0.0.1"), PeersAllow: prefixes("127.0.0.0/8"),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.runLog()
	t.Cleanup(func() { close(s.ended) })
	r := &costRig{load: l, worker: s.workers[0]}
	t.Cleanup(r.worker.finish)
	c := netio.PollerConfig{Slots: 256, GSO: netio.SwitchOff, GRO: netio.SwitchOff}
	if l.together {
		c.GSO, c.GRO = netio.SwitchAuto, netio.SwitchAuto
	}
	if r.poller, err = network.NewPoller(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.poller.Close() })
	r.peer = r.open(t, network, costPeer)
	for i := range l.flows {
		r.clients = append(r.clients, r.open(t, network, uint64(i)))
		r.nonces = append(r.nonces, nil)
		r.allocate(t, i)
	}
	r.plan()
	return r
}

func (r *costRig) open(t *testing.T, network netio.Network, id uint64) netio.Socket {
	group, err := network.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"), 1)
	if err == nil {
		err = r.poller.Add(group[0], id)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { group[0].Close() })
	return group[0]
}

// allocate gives client i an allocation and a channel, or a permission, to the peer.
func (r *costRig) allocate(t *testing.T, i int) {
	t.Helper()
	r.ask(t, i, message(stun.MethodAllocate, func(*stun.Builder) {}))
	answer := r.ask(t, i, r.signed(i, stun.MethodAllocate, func(rs *stun.Builder) { rs.AddUint8(stun.AttrRequestedTransport, 17, 4) }))
	relayed, err := answer.XORAddrPort(stun.AttrXORRelayedAddress)
	if err != nil {
		t.Fatalf("no relayed address in %s", describe(answer.Bytes()))
	}
	r.relayed = append(r.relayed, relayed)
	bind := r.signed(i, stun.MethodChannelBind, func(rs *stun.Builder) {
		rs.AddChannelNumber(0x4000)
		rs.AddXORAddrPort(stun.AttrXORPeerAddress, r.peer.Local())
	})
	if r.load.indications {
		bind = r.signed(i, stun.MethodCreatePermission, func(rs *stun.Builder) { rs.AddXORAddrPort(stun.AttrXORPeerAddress, r.peer.Local()) })
	}
	if answer := r.ask(t, i, bind); answer.Class() != stun.ClassSuccess {
		t.Fatalf("refused: %s", describe(answer.Bytes()))
	}
}

func (r *costRig) signed(i int, m stun.Method, add func(*stun.Builder)) []byte {
	return message(m, func(rs *stun.Builder) {
		add(rs)
		rs.AddString(stun.AttrUsername, "alice")
		rs.AddString(stun.AttrRealm, "bench")
		rs.Add(stun.AttrNonce, r.nonces[i])
		rs.AddIntegrity(benchKey, stun.IntegritySHA1)
	})
}

// ask sends a request of client i and returns the answer.
func (r *costRig) ask(t *testing.T, i int, request []byte) stun.Message {
	t.Helper()
	r.poller.Send([]netio.Out{{Socket: r.clients[i], Dst: r.worker.listeners[0].Local(), Payload: request}})
	var answer stun.Message
	r.relay(t, 1, func(p *netio.Packet) {
		m, err := stun.Parse(slices.Clone(p.Payload))
		if err != nil {
			t.Fatal(err)
		}
		answer = m
	})
	if nonce, ok := answer.Attribute(stun.AttrNonce); ok {
		r.nonces[i] = nonce
	}
	return answer
}

// plan makes the datagrams of an iteration.
func (r *costRig) plan() {
	message := channelData(0x4000, r.load.size)
	if r.load.indications {
		message = sendIndication(r.peer.Local(), r.load.size)
	}
	back := make([]byte, r.load.size)
	for range r.load.each {
		for i, c := range r.clients {
			r.up = append(r.up, netio.Out{Socket: c, Dst: r.worker.listeners[0].Local(), Payload: message})
			r.down = append(r.down, netio.Out{Socket: r.peer, Dst: r.relayed[i], Payload: back})
		}
	}
}

// relay has the worker serve what is ready, until so many datagrams have come out.
func (r *costRig) relay(t *testing.T, want int, each func(*netio.Packet)) {
	for tries := 0; want > 0; tries++ {
		if tries == 100 {
			t.Fatalf("%d datagrams do not come: %+v", want, r.worker.poller.Counts())
		}
		before, _ := netio.ThreadTime()
		events, err := r.worker.poller.Wait(0)
		if err == nil {
			r.worker.round(events)
		}
		after, _ := netio.ThreadTime()
		r.spent += after - before
		if err == nil {
			events, err = r.poller.Wait(time.Duration(tries) * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
		want -= r.receive(t, events, each)
	}
}

// receive reads what clients and peer have got.
func (r *costRig) receive(t *testing.T, events []netio.Event, each func(*netio.Packet)) (n int) {
	for _, e := range events {
		s := r.peer
		if e.ID != costPeer {
			s = r.clients[e.ID]
		}
		for {
			packets, err := r.poller.Recv(s, r.poller.Room())
			if err != nil {
				t.Fatal(err)
			}
			for i := range packets {
				if each != nil {
					each(&packets[i])
				}
			}
			r.poller.EndRound()
			if len(packets) == 0 {
				break
			}
			n += len(packets)
		}
	}
	return n
}

// iterate sends the load to the peer and back.
func (r *costRig) iterate(t *testing.T) {
	for _, outs := range [][]netio.Out{r.up, r.down} {
		step := len(outs)
		if r.load.alone {
			step = 1
		}
		for at := 0; at < len(outs); at += step {
			if f := r.poller.Send(outs[at : at+step]); len(f) > 0 {
				t.Fatal(f[0].Err)
			}
			r.relay(t, step, nil)
		}
	}
}

// measure iterates, and takes of several rounds the median of the time and the best of what is counted: goroutines of the test
// binary allocate at times, and a kernel in need of time delivers later; the loop's own faults are in every round.
func (r *costRig) measure(t *testing.T) (c cost) {
	packets := 2 * r.load.flows * r.load.each
	iterations := max(4000/packets, 5)
	for range iterations {
		r.iterate(t)
	}
	var times []float64
	c.Allocations, c.Bytes = math.Inf(1), math.Inf(1)
	for range costRounds {
		var before, after runtime.MemStats
		counts := r.worker.poller.Counts()
		runtime.ReadMemStats(&before)
		r.spent = 0
		for range iterations {
			r.iterate(t)
		}
		runtime.ReadMemStats(&after)
		now := r.worker.poller.Counts()
		relayed := float64(iterations * packets)
		times = append(times, float64(r.spent)/relayed)
		c.Allocations = min(c.Allocations, round2(float64(after.Mallocs-before.Mallocs)/relayed))
		c.Bytes = min(c.Bytes, round2(float64(after.TotalAlloc-before.TotalAlloc)/relayed))
		calls := now.RecvCalls - counts.RecvCalls + now.SendCalls - counts.SendCalls
		datagrams := now.RecvDatagrams - counts.RecvDatagrams + now.SendDatagrams - counts.SendDatagrams
		c.DatagramsPerCall = max(c.DatagramsPerCall, round2(float64(datagrams)/float64(calls)))
		if got := float64(datagrams) / 2; got != relayed {
			t.Errorf("%s: %.0f datagrams were relayed, want %.0f", r.load.name, got, relayed)
		}
	}
	slices.Sort(times)
	c.NanosecondsCPU = round2(times[len(times)/2])
	return c
}

// round2 keeps two decimals, so that the file is readable.
func round2(v float64) float64 { return float64(int(v*100+0.5)) / 100 }
