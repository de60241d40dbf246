package relay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"turnout/internal/netio"
	"turnout/stun"
)

// Served in one batch, where a burst has its way looked up once, datagrams fare as
// they do one a round: whatever comes in between, and whoever's they are.
func TestBatchAsSingles(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		batch, singles := newLaneBench(t), newLaneBench(t)
		plan := lanePlan(rand.New(rand.NewPCG(seed, 1)))
		listener := func(b *laneBench) netio.Socket { return b.w.listeners[0] }
		for at, serve := range []func(b *laneBench) netio.Socket{listener, (*laneBench).relay, listener} {
			got := batch.serve(serve(batch), batch.packets(plan[at]))
			var want []string
			for _, p := range singles.packets(plan[at]) {
				want = append(want, singles.serve(serve(singles), []netio.Packet{p})...)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %v:\n batch   %v\n singles %v", seed, plan[at], got, want)
			}
		}
		if got, want := batch.dropped(), singles.dropped(); got != want {
			t.Fatalf("seed %d, %v: drops of the batch %s, of the singles %s", seed, plan, got, want)
		}
	}
}

// A laneBench has three clients: the first has channels to two peers and to the second client, which sends
// indications; the third has a channel of the first one's number, and a mere permission.
type laneBench struct {
	*bench
	relays  []netio.Socket
	relayed []netip.AddrPort
}

var lanePeers = []netip.AddrPort{benchPeer, netip.MustParseAddrPort("8.8.4.4:53"), netip.MustParseAddrPort("9.9.9.9:9")}

func newLaneBench(t testing.TB) *laneBench {
	b := &laneBench{bench: newBench(t)}
	for i := range 3 {
		s, relayed := b.allocate(t, benchClient(i))
		b.relays, b.relayed = append(b.relays, s), append(b.relayed, relayed)
	}
	b.bind(t, benchClient(0), 0x4000, lanePeers[0])
	b.bind(t, benchClient(0), 0x4001, lanePeers[1])
	b.bind(t, benchClient(0), 0x4002, b.relayed[1])
	b.permit(t, benchClient(1), b.relayed[0])
	b.permit(t, benchClient(1), lanePeers[0])
	b.bind(t, benchClient(2), 0x4000, lanePeers[1])
	return b
}

func (b *laneBench) relay() netio.Socket { return b.relays[0] }

// A laneStep is one datagram: of a client or of a peer by number, and what it carries.
type laneStep struct{ from, what int }

// lanePlan draws three batches, in runs of one kind as bursts are.
func lanePlan(r *rand.Rand) (plan [3][]laneStep) {
	for i := range plan {
		for range 1 + r.IntN(6) {
			s := laneStep{r.IntN(3), r.IntN(8)}
			for range 1 + r.IntN(4) {
				plan[i] = append(plan[i], s)
			}
		}
	}
	return plan
}

// packets are those of steps. What a peer sends arrives at the first client's relay socket, where the steps of clients make no sense:
// so each step is both, and the socket that it is delivered to decides.
func (b *laneBench) packets(steps []laneStep) (packets []netio.Packet) {
	for i, s := range steps {
		client := benchClient(s.from)
		p := netio.Packet{Addr: client, Local: benchServer}
		switch s.what {
		case 0, 1, 2, 3: // the last channel is unbound
			p.Payload = channelData(stun.ChannelNumber(0x4000+s.what), 10+i)
		case 4:
			p.Payload = sendIndication(lanePeers[0], 10+i)
		case 5:
			p.Payload = b.signed(client, stun.MethodRefresh, func(rs *stun.Builder) { rs.AddUint32(stun.AttrLifetime, 0) })
		case 6:
			p.Payload = b.signed(client, stun.MethodChannelBind, func(rs *stun.Builder) {
				rs.AddChannelNumber(0x4003)
				rs.AddXORAddrPort(stun.AttrXORPeerAddress, lanePeers[2])
			})
		default:
			p.Payload = []byte("neither STUN nor ChannelData")
		}
		packets = append(packets, p)
	}
	return packets
}

// serve has one round serve the packets of one socket, and tells where their data went.
func (b *laneBench) serve(s netio.Socket, packets []netio.Packet) (went []string) {
	if s == b.relay() {
		for i := range packets { // of peers, not of clients
			packets[i].Addr = lanePeers[int(packets[i].Addr.Addr().As4()[3])]
			packets[i].Local = s.Local()
		}
	}
	b.poller.packets, b.poller.outs = packets, b.poller.outs[:0]
	id, open := b.poller.ids[s]
	if !open {
		return nil
	}
	b.w.round([]netio.Event{{ID: id, Readable: true}})
	for _, o := range b.poller.outs {
		if o.Payload == nil {
			continue // an answer
		}
		header := ""
		if stun.Classify(o.Header) == stun.KindChannelData {
			header = fmt.Sprintf("%x ", o.Header)
		}
		went = append(went, fmt.Sprintf("%d by %d: %s%d bytes", b.number(o.Dst), slices.Index(b.relays, o.Socket), header, len(o.Payload)))
	}
	return went
}

// number names an address by what it is in every bench: relayed ports differ.
func (b *laneBench) number(a netip.AddrPort) int {
	if i := slices.Index(b.relayed, a); i >= 0 {
		return 100 + i
	}
	if i := slices.Index(lanePeers, a); i >= 0 {
		return 200 + i
	}
	return int(a.Addr().As4()[3])
}

func (b *laneBench) dropped() (text string) {
	stats := b.Stats()
	for _, d := range Drops() {
		if n := stats.Dropped(d); n > 0 {
			text += fmt.Sprintf("%v %d, ", d, n)
		}
	}
	return text
}
