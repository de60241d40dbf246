package relay

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/stun"
)

// Panics in handlers are survived in production only.
func TestMain(m *testing.M) {
	panicsOn = true
	os.Exit(m.Run())
}

// A fakeNetwork has sockets that carry nothing: tests hand a worker its packets
// and look at what it would send, so that every allocation and copy is the relay's.
type fakeNetwork struct{ poller *fakePoller }

type fakeSocket struct{ local netip.AddrPort }

func (s *fakeSocket) Local() netip.AddrPort { return s.local }
func (s *fakeSocket) Close() error          { return nil }

func (n *fakeNetwork) NewPoller(netio.PollerConfig) (netio.Poller, error) { return n.poller, nil }

func (n *fakeNetwork) ListenUDP(addr netip.AddrPort, count int) (group []netio.Socket, err error) {
	for range count {
		group = append(group, &fakeSocket{addr})
	}
	return group, nil
}

func (n *fakeNetwork) OpenUDP(addr netip.AddrPort) (netio.Socket, error) {
	return &fakeSocket{addr}, nil
}

func (n *fakeNetwork) ListenTCP(netip.AddrPort) (net.Listener, error) { panic("no streams here") }

func (n *fakeNetwork) DialTCP(context.Context, netip.AddrPort, netip.AddrPort) (net.Conn, error) {
	panic("no streams here")
}
func (n *fakeNetwork) Transfer(net.Conn, net.Conn, func(int)) error { panic("no streams here") }
func (n *fakeNetwork) DontFragment() bool                           { return true }
func (n *fakeNetwork) MaxWorkers() int                              { return 1 }
func (n *fakeNetwork) Limitations() []string                        { return nil }

// A fakePoller hands out the packets given to it and keeps what was sent.
type fakePoller struct {
	ids     map[netio.Socket]uint64
	packets []netio.Packet // of the next Recv
	broken  error          // that of every Recv
	outs    []netio.Out    // of the last Send
	sent    []int          // how many each Send that was not empty had

	shortcuts netio.Shortcuts
}

func (p *fakePoller) Add(s netio.Socket, id uint64) error            { p.ids[s] = id; return nil }
func (p *fakePoller) Remove(s netio.Socket) error                    { delete(p.ids, s); return nil }
func (p *fakePoller) Wait(time.Duration) ([]netio.Event, error)      { panic("rounds are the test's") }
func (p *fakePoller) Room() int                                      { return 64 }
func (p *fakePoller) Recv(netio.Socket, int) ([]netio.Packet, error) { return p.packets, p.broken }
func (p *fakePoller) RecvErrors(netio.Socket) []netio.ICMPError      { return nil }
func (p *fakePoller) EndRound()                                      {}
func (p *fakePoller) Wake()                                          {}
func (p *fakePoller) Counts() netio.Counts                           { return netio.Counts{} }
func (p *fakePoller) Shortcuts() netio.Shortcuts                     { return p.shortcuts }
func (p *fakePoller) Close() error                                   { return nil }
func (p *fakePoller) Send(outs []netio.Out) []netio.Failure {
	if len(outs) > 0 {
		p.outs = append(p.outs[:0], outs...)
		p.sent = append(p.sent, len(outs))
	}
	return nil
}

// A bench is a server of one worker on a fake network.
type bench struct {
	*Server
	w      *worker
	poller *fakePoller
	nonces map[netip.AddrPort][]byte

	username string // who asks
	key      []byte
}

var (
	benchServer = netip.MustParseAddrPort("93.184.216.5:3478")
	benchPeer   = netip.MustParseAddrPort("8.8.8.8:9000")
	benchKey    = auth.DeriveKey(nil, auth.MD5, "alice", "bench", "wonderland")
)

func benchClient(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, byte(i >> 8), byte(i)}), 4000)
}

func newBench(t testing.TB, changes ...func(*Config)) *bench {
	t.Helper()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"alice": "wonderland"}})
	if err != nil {
		t.Fatal(err)
	}
	poller := &fakePoller{ids: map[netio.Socket]uint64{}}
	c := Config{
		Realm: "bench", Workers: 1, Mobility: true, Network: &fakeNetwork{poller}, Verifier: verifier,
		Listeners:      []Listener{{allocation.UDP, benchServer}},
		RelayAddresses: relayAddresses(relayIPv4, relayIPv6),
		Logger:         slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, change := range changes {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	go s.runLog()
	t.Cleanup(func() { close(s.ended) })
	return &bench{Server: s, w: s.workers[0], poller: poller, nonces: map[netip.AddrPort][]byte{}, username: "alice", key: benchKey}
}

// deliver has the worker serve one round with the packet ready on a socket.
func (b *bench) deliver(s netio.Socket, p netio.Packet) {
	b.poller.packets = append(b.poller.packets[:0], p)
	b.poller.outs = b.poller.outs[:0]
	event := [1]netio.Event{{ID: b.poller.ids[s], Readable: true}}
	b.w.round(event[:])
}

// fromClient has a client's datagram arrive.
func (b *bench) fromClient(client netip.AddrPort, payload []byte) {
	b.deliver(b.w.listeners[0], netio.Packet{Addr: client, Local: benchServer, Payload: payload})
}

// request sends an authenticated request and returns the success response.
func (b *bench) request(t testing.TB, client netip.AddrPort, m stun.Method, add func(*stun.Builder)) stun.Message {
	t.Helper()
	if b.nonces[client] == nil {
		b.fromClient(client, message(m, func(*stun.Builder) {}))
		nonce, ok := b.response(t).Attribute(stun.AttrNonce)
		if !ok {
			t.Fatal("no challenge")
		}
		b.nonces[client] = append([]byte{}, nonce...)
	}
	b.fromClient(client, b.signed(client, m, add))
	r := b.response(t)
	if r.Class() != stun.ClassSuccess {
		t.Fatalf("%v of %v: %s", m, client, describe(r.Bytes()))
	}
	return r
}

// signed is a request with the credentials of alice, or whom become has named.
func (b *bench) signed(client netip.AddrPort, m stun.Method, add func(*stun.Builder)) []byte {
	return message(m, func(rs *stun.Builder) {
		add(rs)
		rs.AddString(stun.AttrUsername, b.username)
		rs.AddString(stun.AttrRealm, "bench")
		rs.Add(stun.AttrNonce, b.nonces[client])
		rs.AddIntegrity(b.key, stun.IntegritySHA1)
	})
}

// derivedUsers has a bench admit derived credentials.
func derivedUsers(c *Config) {
	keyring, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte(testSecret)})
	if err == nil {
		c.Verifier, err = auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Keyring: keyring})
	}
	if err != nil {
		panic(err)
	}
}

// become has requests be those of a subject, whose credential is derived.
func (b *bench) become(t testing.TB, subject string) {
	t.Helper()
	keyring, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c, err := auth.NewIssuer(keyring).Issue(auth.Grant{Subject: subject, Issued: now, Expires: now.Add(time.Hour)}, now)
	if err != nil {
		t.Fatal(err)
	}
	b.username, b.key = c.Username, auth.DeriveKey(nil, auth.MD5, c.Username, "bench", c.Password)
}

func message(m stun.Method, add func(*stun.Builder)) []byte {
	var rs stun.Builder
	rs.Reset(nil, stun.NewMessageType(m, stun.ClassRequest), stun.NewTransactionID())
	add(&rs)
	return rs.Bytes()
}

func (b *bench) response(t testing.TB) stun.Message {
	t.Helper()
	if len(b.poller.outs) != 1 {
		t.Fatalf("%d answers, want 1", len(b.poller.outs))
	}
	m, err := stun.Parse(append([]byte{}, b.poller.outs[0].Header...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// allocate makes an allocation and returns its relay socket and relayed address.
func (b *bench) allocate(t testing.TB, client netip.AddrPort) (netio.Socket, netip.AddrPort) {
	t.Helper()
	r := b.request(t, client, stun.MethodAllocate, func(rs *stun.Builder) {
		rs.AddUint8(stun.AttrRequestedTransport, 17, 4)
	})
	relayed, err := r.XORAddrPort(stun.AttrXORRelayedAddress)
	if err != nil {
		t.Fatal(err)
	}
	a := b.w.table.LookupRelayed(relayed)
	return b.w.links[a.ID().Index()].relays[0], relayed
}

func (b *bench) permit(t testing.TB, client, peer netip.AddrPort) {
	t.Helper()
	b.request(t, client, stun.MethodCreatePermission, func(rs *stun.Builder) {
		rs.AddXORAddrPort(stun.AttrXORPeerAddress, peer)
	})
}

func (b *bench) bind(t testing.TB, client netip.AddrPort, n stun.ChannelNumber, peer netip.AddrPort) {
	t.Helper()
	b.request(t, client, stun.MethodChannelBind, func(rs *stun.Builder) {
		rs.AddChannelNumber(n)
		rs.AddXORAddrPort(stun.AttrXORPeerAddress, peer)
	})
}

// channelData is a ChannelData message of n payload bytes.
func channelData(n stun.ChannelNumber, payload int) []byte {
	b := make([]byte, stun.ChannelHeaderSize+payload)
	stun.PutChannelHeader(b, n, payload)
	for i := range payload {
		b[stun.ChannelHeaderSize+i] = byte(i)
	}
	return b
}

func sendIndication(peer netip.AddrPort, payload int) []byte {
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodSend, stun.ClassIndication), stun.NewTransactionID())
	b.AddXORAddrPort(stun.AttrXORPeerAddress, peer)
	b.Add(stun.AttrData, make([]byte, payload))
	return b.Bytes()
}

// A way is one way of a relayed datagram through the worker, ready to go again
// and again.
type way struct {
	name    string
	socket  netio.Socket
	packet  netio.Packet
	payload []byte // where it was received
}

// ways sets up every way a datagram can take, with payloads of n bytes.
func (b *bench) ways(t testing.TB, n int) []way {
	t.Helper()
	channels, indications, other := benchClient(1), benchClient(2), benchClient(3)
	toChannel, _ := b.allocate(t, channels)
	b.bind(t, channels, 0x4000, benchPeer)
	toIndication, relayed := b.allocate(t, indications)
	b.permit(t, indications, benchPeer)
	_, otherRelayed := b.allocate(t, other)
	b.bind(t, channels, 0x4001, otherRelayed)
	b.permit(t, other, netip.AddrPortFrom(relayed.Addr(), 1))
	listener := b.w.listeners[0]
	up := func(name string, client netip.AddrPort, message []byte, at int) way {
		return way{name, listener, netio.Packet{Addr: client, Local: benchServer, Payload: message}, message[at : at+n]}
	}
	down := func(name string, s netio.Socket) way {
		payload := make([]byte, n)
		return way{name, s, netio.Packet{Addr: benchPeer, Local: s.Local(), Payload: payload}, payload}
	}
	const dataOffset = stun.HeaderSize + 12 + 4
	return []way{
		up("ChannelData to peer", channels, channelData(0x4000, n), stun.ChannelHeaderSize),
		down("peer to ChannelData", toChannel),
		up("Send indication to peer", indications, sendIndication(benchPeer, n), dataOffset),
		down("peer to Data indication", toIndication),
		up("hairpin", channels, channelData(0x4001, n), stun.ChannelHeaderSize),
	}
}

func (w way) String() string { return fmt.Sprintf("%s, %d bytes", w.name, len(w.payload)) }
