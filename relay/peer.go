package relay

import (
	"net/netip"

	"turnout/allocation"
	"turnout/internal/netio"
	"turnout/stun"
)

// What one UDP datagram carries: 65,535 less the headers that count towards it.
const (
	maxPayloadIPv4 = 65507
	maxPayloadIPv6 = 65527
)

func maxPayload(a netip.Addr) int {
	if a.Is4() {
		return maxPayloadIPv4
	}
	return maxPayloadIPv6
}

// servePeer serves one datagram that arrived at a relayed address.
func (w *worker) servePeer(a *allocation.Allocation, p *netio.Packet) {
	defer w.recovered(nil, a, nil)
	lane := &w.inward
	if !lane.known || lane.from != p.Addr {
		peer := p.Addr
		if len(w.nat) > 0 {
			peer = w.external(peer, w.ports.Live)
		}
		*lane = w.inwardFrom(a, peer)
		lane.known, lane.from = true, p.Addr
	}
	if d := w.fromPeer(a, lane, p.Payload, p.TOS); d != notDropped {
		w.counters.drop(d)
	}
}

// fromPeer relays a datagram to the client: by channel where one is bound to the
// peer, else by Data indication. RFC 8656 §11.3, §12.7.
func (w *worker) fromPeer(a *allocation.Allocation, lane *inward, payload []byte, tos uint8) Drop {
	if lane.refused != notDropped {
		return lane.refused
	}
	if d := w.meter(lane.link, toClient, len(payload)); d != notDropped {
		return d
	}
	w.counters.traffic(lane.arrival, len(payload))
	t := a.Traffic()
	t.PacketsOut++
	t.BytesOut += uint64(len(payload))
	to := &lane.link.origin
	if n := lane.channel; n != 0 {
		if len(payload) > maxChannelData {
			return DropTooLarge
		}
		header := w.arena.take(stun.ChannelHeaderSize)
		stun.PutChannelHeader(header, stun.ChannelNumber(n), len(payload))
		padding := 0
		if to.stream != nil && !to.stream.datagrams {
			padding = -len(payload) & 3 // RFC 8656 §12.5: on streams only
		}
		return w.toOrigin(to, header, payload, padding, tos, lane.leaving)
	}
	if len(payload) > maxData(lane.peer.Addr()) {
		return DropTooLarge
	}
	w.builder.Reset(w.arena.space(indicationSize), dataIndication, w.transactionID())
	w.builder.AddXORAddrPort(stun.AttrXORPeerAddress, lane.peer)
	padding := w.builder.BeginData(len(payload))
	header := w.builder.Bytes()
	w.arena.keep(len(header))
	return w.toOrigin(to, header, payload, padding, tos, lane.leaving)
}

const (
	maxChannelData = 65535       // the length field has 16 bits
	indicationSize = 20 + 24 + 4 // header, XOR-PEER-ADDRESS of IPv6, the head of DATA
)

// maxData is what a Data indication holds beside XOR-PEER-ADDRESS, which has 12
// bytes for an IPv4 peer and 24 for an IPv6 one: a message's length is at most
// 65,532. From an IPv4 peer every datagram fits.
func maxData(peer netip.Addr) int {
	if peer.Is4() {
		return 65532 - 12 - 4
	}
	return 65532 - 24 - 4
}

var dataIndication = stun.NewMessageType(stun.MethodData, stun.ClassIndication)

// transactionID is a random one, for indications.
func (w *worker) transactionID() (id stun.TransactionID) {
	_, _ = w.random.Read(id[:]) // never fails
	return id
}

// toPeer sends a client's data from the relayed address of the peer's family, or to
// the client that the peer is.
func (w *worker) toPeer(lane *outward, payload []byte, tos uint8, df bool) Drop {
	if lane.refused != notDropped {
		return lane.refused
	}
	if len(payload) > lane.most {
		return DropTooLarge
	}
	if d := w.meter(lane.link, fromClient, len(payload)); d != notDropped {
		return d
	}
	w.counters.traffic(lane.arrival, len(payload))
	t := lane.a.Traffic()
	t.PacketsIn++
	t.BytesIn += uint64(len(payload))
	w.counters.traffic(lane.leaving, len(payload))
	if lane.target != nil {
		back := w.inwardFrom(lane.target, lane.a.Relayed(lane.peer.Addr().Is6()))
		return w.fromPeer(lane.target, &back, payload, tos)
	}
	o := w.out(delivery{lane.leaving, len(payload)})
	o.Socket, o.Dst, o.TOS, o.DF, o.Payload = lane.socket, lane.peer, tos, df, payload
	if w.received != 0 {
		w.sampleLatency(distributionLatencyToPeer)
	}
	return notDropped
}

// toOrigin sends header, payload and padding to a client where it came from.
func (w *worker) toOrigin(to *origin, header, payload []byte, padding int, tos uint8, counter int) Drop {
	if to.stream != nil {
		d := to.stream.queue(w, header, payload, padding)
		if d == notDropped && counter != 0 {
			w.counters.traffic(counter, len(payload))
		}
		return d
	}
	if len(header)+len(payload)+padding > maxPayload(to.tuple.Client.Addr()) {
		return DropTooLarge
	}
	if counter != 0 {
		w.counters.traffic(counter, len(payload))
		if w.received != 0 {
			w.sampleLatency(distributionLatencyToClient)
		}
	}
	o := w.out(delivery{counter, len(payload)})
	o.Socket, o.Local, o.Dst, o.TOS = to.socket, to.source(), to.tuple.Client, tos
	o.Header, o.Payload, o.Padding = header, payload, zeros[:padding]
	return notDropped
}

// out is one more datagram in the queue, to be filled in: in place, since a copy of all its fields costs as much as the rest
// of the way here.
func (w *worker) out(d delivery) *netio.Out {
	w.outs = append(w.outs, netio.Out{})
	w.sent = append(w.sent, d)
	return &w.outs[len(w.outs)-1]
}

// zeros is what padding is made of. RFC 8489 §14.
var zeros [3]byte
