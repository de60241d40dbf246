package relay

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"turnout/internal/netio"
	"turnout/stun"
)

// FuzzWorker feeds a worker a sequence of operations: datagrams as they are,
// requests with valid credentials and any attributes, datagrams of peers, ICMP
// errors, time passing. Nothing may panic or break an invariant of the table, and
// everything that arrives is answered, relayed or counted as a drop.
//
// An operation is a byte that says which, two bytes of length, and its bytes.
func FuzzWorker(f *testing.F) {
	op := func(kind byte, b []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(b))), b...)
	}
	attributes := func(add func(*stun.Builder)) []byte { return message(0, add)[stun.HeaderSize:] }
	request := func(m stun.Method, add func(*stun.Builder)) []byte {
		return op(opRequest, append([]byte{byte(m)}, attributes(add)...))
	}
	peer := func(b *stun.Builder) { b.AddXORAddrPort(stun.AttrXORPeerAddress, benchPeer) }
	allocate := request(stun.MethodAllocate, func(b *stun.Builder) { b.AddUint8(stun.AttrRequestedTransport, 17, 4) })
	dual := request(stun.MethodAllocate, func(b *stun.Builder) {
		b.AddUint8(stun.AttrRequestedTransport, 17, 4)
		b.AddUint8(stun.AttrAdditionalAddressFamily, 2, 4)
		b.AddUint32(stun.AttrLifetime, 1000)
	})
	bind := request(stun.MethodChannelBind, func(b *stun.Builder) { b.AddChannelNumber(0x4000); peer(b) })
	permit := request(stun.MethodCreatePermission, peer)
	gone := request(stun.MethodRefresh, func(b *stun.Builder) { b.AddUint32(stun.AttrLifetime, 0) })
	join := func(ops ...[]byte) (all []byte) {
		for _, o := range ops {
			all = append(all, o...)
		}
		return all
	}
	f.Add(join(op(opRaw, message(stun.MethodBinding, func(*stun.Builder) {})), op(opRaw, []byte{0x40, 0, 0xff, 0xfc})))
	f.Add(join(allocate, bind, op(opRaw, channelData(0x4000, 20)), op(opPeer, []byte("hello")), gone))
	f.Add(join(dual, permit, op(opRaw, sendIndication(benchPeer, 9)), op(opPeer, nil), op(opICMP, []byte{3, 4}), op(opWait, []byte{200})))
	f.Add(join(allocate, op(opWait, []byte{255}), bind, op(opRaw, message(stun.MethodSend, peer))))
	mobile := request(stun.MethodAllocate, func(b *stun.Builder) {
		b.AddUint8(stun.AttrRequestedTransport, 17, 4)
		b.Add(stun.AttrMobilityTicket, nil)
	})
	refresh := request(stun.MethodRefresh, func(*stun.Builder) {})
	f.Add(join(mobile, bind, op(opMove, []byte{0, 0, 0}), op(opRaw, channelData(0x4000, 20)), refresh, op(opPeer, []byte("hi"))))
	f.Add(join(mobile, refresh, op(opMove, []byte{1, 0, 0}), op(opMove, []byte{2, 0, 0}), op(opMove, []byte{0, 3, 1}), op(opWait, []byte{255})))
	f.Fuzz(func(t *testing.T, ops []byte) {
		b := newBench(t)
		served := 0
		for len(ops) >= 3 && served < 100 {
			kind, n := ops[0], min(int(binary.BigEndian.Uint16(ops[1:])), len(ops)-3)
			b.operate(t, kind, ops[3:3+n])
			ops = ops[3+n:]
			served++
			if err := b.w.table.Check(); err != nil {
				t.Fatalf("after operation %d: %v", served, err)
			}
		}
	})
}

const (
	opRaw = iota
	opRequest
	opPeer
	opICMP
	opWait
	opMove
	numOps
)

func (b *bench) operate(t *testing.T, kind byte, data []byte) {
	client := benchClient(1)
	before := b.accounted()
	switch kind % numOps {
	case opRaw:
		b.fromClient(client, data)
	case opRequest:
		if len(data) == 0 {
			return
		}
		b.nonces[client] = b.w.nonces.Append(&b.w.nonceState, nil, client, time.Now())
		b.fromClient(client, b.signed(client, stun.Method(data[0]%12), func(rs *stun.Builder) {
			for rest := data[1:]; len(rest) >= 4; {
				size := min(int(binary.BigEndian.Uint16(rest[2:])), len(rest)-4)
				rs.Add(stun.AttributeType(binary.BigEndian.Uint16(rest)), rest[4:4+size])
				rest = rest[min(len(rest), 4+size+stun.Padding(size)):]
			}
		}))
	case opPeer:
		for s := range b.poller.ids {
			if s != b.w.listeners[0] {
				b.deliver(s, netio.Packet{Addr: benchPeer, Local: s.Local(), Payload: data})
				break
			}
		}
		return // there may be no relay socket
	case opICMP:
		for a := range b.w.table.All() {
			if len(data) >= 2 {
				b.w.fromICMP(a, netio.ICMPError{Peer: netip.AddrPortFrom(benchPeer.Addr(), 1), Type: data[0], Code: data[1]})
			}
			b.w.endRound()
			break
		}
		return
	case opMove:
		b.move(t, data)
		return // there may be nothing to move
	case opWait:
		if len(data) > 0 {
			b.w.start = b.w.start.Add(-time.Duration(data[0]) * 10 * time.Second)
		}
		b.w.round(nil)
		return
	}
	keepAlive := stun.NewMessageType(stun.MethodBinding, stun.ClassIndication)
	if m, err := stun.Parse(data); err == nil && m.Type() == keepAlive {
		return // there is nothing to do about it
	}
	if b.accounted() == before {
		t.Fatalf("a datagram was neither answered, relayed nor counted as dropped: %x", data)
	}
}

// move has a client come from another address, with a ticket that is good but for what data says.
func (b *bench) move(t *testing.T, data []byte) {
	client := benchClient(2)
	if len(data) < 3 {
		return
	}
	for a := range b.w.table.All() {
		m := b.w.tickets.of(a)
		if m == nil {
			continue
		}
		which, good := [...]ticket{m.current, m.former, m.used, m.current + 1}[data[0]%4], data[0]%4 < 2 && data[2] == 0
		value := b.w.tickets.sealer.Append(&b.w.tickets.state, nil, uint64(which))
		value[data[1]%32] ^= data[2]
		b.nonces[client] = b.w.nonces.Append(&b.w.nonceState, nil, client, time.Now())
		moves := b.Stats().Moves
		b.fromClient(client, b.signed(client, stun.MethodRefresh, func(rs *stun.Builder) { rs.Add(stun.AttrMobilityTicket, value) }))
		if b.Stats().Moves != moves && (!good || which == 0) {
			t.Fatalf("moved by ticket %#x, changed by %#x", which, data[2])
		}
		b.fromClient(client, channelData(0x4000, 5))
		return
	}
}

// accounted counts everything that can become of a client's datagram.
func (b *bench) accounted() uint64 {
	stats := b.Stats()
	n := stats.FromClients.Packets
	stats.EachDrop(func(_ string, dropped uint64) { n += dropped })
	stats.EachRequest(func(_ string, _ int, requests uint64) { n += requests })
	return n
}
