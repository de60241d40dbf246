package relay

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"testing"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/stun"
)

// BenchmarkRelayInMemory relays one datagram after the other from a client to a
// peer, through a running server on the in-memory network: the handlers, the
// round, and two hand-overs between goroutines.
func BenchmarkRelayInMemory(b *testing.B) {
	network := netio.NewMemory()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"alice": "wonderland"}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Config{
		Realm: "bench", Workers: 1, Network: network, Verifier: verifier,
		Listeners:      []Listener{{Transport: allocation.UDP, Addr: benchServer}},
		RelayAddresses: relayAddresses(relayIPv4),
		Logger:         slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- s.Serve(ctx) }()
	defer func() { cancel(); <-served }()
	conn := func(a netip.AddrPort) *netio.MemoryPacketConn {
		c, err := network.ListenPacket(a)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		return c
	}
	client, peer := conn(benchClient(1)), conn(benchPeer)
	buf := make([]byte, 2048)
	ask := func(m []byte) stun.Message {
		if _, err := client.WriteToAddrPort(m, benchServer); err != nil {
			b.Fatal(err)
		}
		n, _, err := client.ReadFromAddrPort(buf)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := stun.Parse(append([]byte{}, buf[:n]...))
		if err != nil {
			b.Fatal(err)
		}
		return answer
	}
	nonce, _ := ask(message(stun.MethodAllocate, func(*stun.Builder) {})).Attribute(stun.AttrNonce)
	signed := func(m stun.Method, add func(*stun.Builder)) {
		answer := ask(message(m, func(rs *stun.Builder) {
			add(rs)
			rs.AddString(stun.AttrUsername, "alice")
			rs.AddString(stun.AttrRealm, "bench")
			rs.Add(stun.AttrNonce, nonce)
			rs.AddIntegrity(benchKey, stun.IntegritySHA1)
		}))
		if answer.Class() != stun.ClassSuccess {
			b.Fatalf("%v: %s", m, describe(answer.Bytes()))
		}
	}
	signed(stun.MethodAllocate, func(rs *stun.Builder) { rs.AddUint8(stun.AttrRequestedTransport, 17, 4) })
	signed(stun.MethodChannelBind, func(rs *stun.Builder) {
		rs.AddChannelNumber(0x4000)
		rs.AddXORAddrPort(stun.AttrXORPeerAddress, benchPeer)
	})
	data := channelData(0x4000, 160)
	b.SetBytes(160)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.WriteToAddrPort(data, benchServer); err != nil {
			b.Fatal(err)
		}
		if _, _, err := peer.ReadFromAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}
