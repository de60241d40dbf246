package bench

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"turnout/internal/netio"
	"turnout/stun"
)

// judge is a loop without sockets, in the middle of a window: what arrives is only counted.
func judge(direction Direction) *loop {
	j := Job{
		Scenario: Scenario{Flows: 2, Payload: 40, Direction: direction, Window: 4, Carrier: Channel},
		Server:   netip.MustParseAddrPort("127.0.0.1:3478"), Spread: true, Seed: 1,
	}
	l := &loop{job: j, pattern: newPattern(1), clients: make([]client, 2), phase: phaseWindow, result: Flow{Latency: NewLatency()}, now: int64(time.Second)}
	for i := range l.clients {
		l.clients[i].peer = testPeer
		l.clients[i].relayed = netip.AddrPortFrom(testRelayed.Addr(), uint16(50000+i))
		l.clients[i].local = spreadAddress(i)
	}
	return l
}

// channelData is a packet of a client's channel.
func channelData(payload []byte) []byte {
	b := make([]byte, stun.ChannelHeaderSize)
	stun.PutChannelHeader(b, channelNumber, len(payload))
	return append(b, payload...)
}

// TestJudgeClient shows a client what it may be sent.
func TestJudgeClient(t *testing.T) {
	t.Parallel()
	l := judge(Echo)
	good := packet(l.pattern, stamp{flow: 1, sequence: 3}, 40)
	bad := bytes.Clone(good)
	bad[39] ^= 1
	var indication stun.Builder
	indication.Reset(nil, stun.NewMessageType(stun.MethodData, stun.ClassIndication), stun.NewTransactionID())
	indication.AddXORAddrPort(stun.AttrXORPeerAddress, testPeer)
	indication.Add(stun.AttrData, packet(l.pattern, stamp{flow: 1, sequence: 4}, 40))
	var foreign stun.Builder
	foreign.Reset(nil, stun.NewMessageType(stun.MethodData, stun.ClassIndication), stun.NewTransactionID())
	foreign.AddXORAddrPort(stun.AttrXORPeerAddress, testRelayed)
	foreign.Add(stun.AttrData, good)
	other := make([]byte, stun.ChannelHeaderSize)
	stun.PutChannelHeader(other, channelNumber+1, len(good))
	for _, c := range []struct {
		name   string
		from   netip.AddrPort
		client int
		b      []byte
		want   Flow
	}{
		{"a packet", l.job.Server, 1, channelData(good), Flow{Delivered: 1}},
		{"the packet again", l.job.Server, 1, channelData(good), Flow{Duplicate: 1}},
		{"one in an indication", l.job.Server, 1, indication.Bytes(), Flow{Delivered: 1}},
		{"an older one", l.job.Server, 1, channelData(packet(l.pattern, stamp{flow: 1, sequence: 1}, 40)), Flow{Delivered: 1, Late: 1}},
		{"another client's", l.job.Server, 0, channelData(good), Flow{Misdelivered: 1}},
		{"damage", l.job.Server, 1, channelData(bad), Flow{Corrupt: 1}},
		{"a cut packet", l.job.Server, 1, channelData(good[:39]), Flow{Corrupt: 1}},
		{"a flow that is not", l.job.Server, 1, channelData(packet(l.pattern, stamp{flow: 2}, 40)), Flow{Corrupt: 1}},
		{"another channel", l.job.Server, 1, append(other, good...), Flow{Corrupt: 1}},
		{"another peer", l.job.Server, 1, foreign.Bytes(), Flow{Corrupt: 1}},
		{"noise", l.job.Server, 1, []byte("noise"), Flow{Corrupt: 1}},
		{"a stranger", testRelayed, 1, channelData(good), Flow{Stray: 1}},
		{"no client", l.job.Server, 2, channelData(good), Flow{Stray: 1}},
	} {
		got := deal(l, func() {
			l.atClient(0, &netio.Packet{Addr: c.from, Local: netip.AddrPortFrom(spreadAddress(c.client), 1), Payload: c.b})
		})
		if got != c.want {
			t.Errorf("%s: counted %+v, want %+v", c.name, got, c.want)
		}
	}
	if l.result.Evidence == "" {
		t.Error("no evidence of a corrupt packet")
	}
}

// TestJudgePeer shows the peer what it may be sent, where nothing goes back.
func TestJudgePeer(t *testing.T) {
	t.Parallel()
	l := judge(Up)
	good := packet(l.pattern, stamp{flow: 1, sequence: 0}, 40)
	for _, c := range []struct {
		name string
		from netip.AddrPort
		b    []byte
		want Flow
	}{
		{"a packet", l.clients[1].relayed, good, Flow{Delivered: 1}},
		{"from another's relayed address", l.clients[0].relayed, good, Flow{Misdelivered: 1}},
		{"damage", l.clients[1].relayed, good[1:], Flow{Corrupt: 1}},
	} {
		if got := deal(l, func() { l.atPeer(&netio.Packet{Addr: c.from, Payload: c.b}) }); got != c.want {
			t.Errorf("%s: counted %+v, want %+v", c.name, got, c.want)
		}
	}
}

// deal is what do adds to the counters that are about single packets.
func deal(l *loop, do func()) Flow {
	l.result = Flow{Latency: l.result.Latency, Evidence: l.result.Evidence}
	do()
	r := l.result
	return Flow{Delivered: r.Delivered, Duplicate: r.Duplicate, Late: r.Late, Orphan: r.Orphan, Corrupt: r.Corrupt, Misdelivered: r.Misdelivered, Stray: r.Stray}
}
