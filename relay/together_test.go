package relay

import (
	"bytes"
	"slices"
	"testing"
	"unsafe"

	"turnout/internal/netio"
	"turnout/stun"
)

// together is what a way's datagram becomes when 64 like it arrive as one: views side by side in one slot. payloads are where
// theirs lie.
func together(w way) (packets []netio.Packet, payloads [][]byte) {
	const n = 64
	size := len(w.packet.Payload)
	at := int(uintptr(unsafe.Pointer(unsafe.SliceData(w.payload))) - uintptr(unsafe.Pointer(unsafe.SliceData(w.packet.Payload))))
	slot := bytes.Repeat(w.packet.Payload, n)
	for i := range n {
		p := w.packet
		p.Payload = slot[i*size : (i+1)*size : (i+1)*size]
		packets = append(packets, p)
		payloads = append(payloads, p.Payload[at:at+len(w.payload)])
	}
	return packets, payloads
}

// deliverAll has the worker serve one round with the packets ready on a socket.
func (b *bench) deliverAll(s netio.Socket, packets []netio.Packet) {
	b.poller.packets = append(b.poller.packets[:0], packets...)
	b.poller.outs = b.poller.outs[:0]
	event := [1]netio.Event{{ID: b.poller.ids[s], Readable: true}}
	b.w.round(event[:])
}

// Datagrams that arrived together leave from where they were received too, in their order.
func TestRelayNoCopyTogether(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 160, 1000} {
		b := newBench(t)
		for _, w := range b.ways(t, size) {
			packets, payloads := together(w)
			b.deliverAll(w.socket, packets)
			if len(b.poller.outs) != len(packets) {
				t.Errorf("%v: %d datagrams of %d sent", w, len(b.poller.outs), len(packets))
				continue
			}
			for i, out := range b.poller.outs {
				if unsafe.SliceData(out.Payload) != unsafe.SliceData(payloads[i]) || len(out.Payload) != size {
					t.Errorf("%v: payload %d was copied, or is out of order", w, i)
				}
			}
		}
	}
}

// Nor does a batch of them cost an allocation.
func TestRelayAllocationsTogether(t *testing.T) {
	b := newBench(t)
	for _, w := range b.ways(t, 160) {
		packets, _ := together(w)
		b.deliverAll(w.socket, packets)
		if n := testing.AllocsPerRun(50, func() { b.deliverAll(w.socket, packets) }); n > 0 && !raceEnabled {
			t.Errorf("%v: %v allocations for %d datagrams", w, n, len(packets))
		}
	}
}

// Much at once is sent in parts, so that the first of it does not wait for the last to arrive.
func TestMuchTogetherLeavesInParts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.ways(t, 160)[0]
	packets, _ := together(w)
	for len(packets) < outsBatch {
		packets = append(packets, packets...)
	}
	b.poller.packets, b.poller.sent = packets, nil
	event := netio.Event{ID: b.poller.ids[w.socket], Readable: true}
	b.w.round([]netio.Event{event, event, event})
	if want := []int{len(packets), len(packets), len(packets)}; !slices.Equal(b.poller.sent, want) {
		t.Errorf("sent in parts of %d, want %d", b.poller.sent, want)
	}
}

// Every datagram of those that arrived together is judged by its own header.
func TestTogetherEachHeaderCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	client, peer := benchClient(1), benchPeer
	_, from := b.allocate(t, client)
	b.bind(t, client, 0x4000, peer)
	other := benchClient(2)
	_, relayed := b.allocate(t, other)
	b.bind(t, client, 0x4001, relayed)
	b.permit(t, other, from)

	const size = stun.HeaderSize
	data := func(n stun.ChannelNumber, mark byte) []byte {
		m := channelData(n, size-stun.ChannelHeaderSize)
		m[size-1] = mark
		return m
	}
	cut := data(0x4000, 0)
	cut[3]++ // says one byte more than there is
	datagrams := [][]byte{
		data(0x4000, 1),
		message(stun.MethodBinding, func(*stun.Builder) {}),
		data(0x4001, 2),
		data(0x4002, 3), // bound to nobody
		cut,
		bytes.Repeat([]byte{0xff}, size),
		data(0x4000, 4),
		data(0x4000, 5)[:size-1], // shorter than it says: the last of a run may be short
	}
	var packets []netio.Packet
	for _, d := range datagrams {
		packets = append(packets, netio.Packet{Addr: client, Local: benchServer, Payload: d})
	}
	before := b.Stats()
	b.deliverAll(b.w.listeners[0], packets)
	var got []string
	for _, o := range b.poller.outs {
		switch {
		case o.Dst == peer:
			got = append(got, "peer "+string('0'+o.Payload[len(o.Payload)-1]))
		case o.Dst == other:
			got = append(got, "other "+string('0'+o.Payload[len(o.Payload)-1]))
		case o.Dst == client && stun.Classify(o.Header) == stun.KindSTUN:
			got = append(got, "answer")
		}
	}
	if want := []string{"peer 1", "answer", "other 2", "peer 4"}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	after := b.Stats()
	for d, want := range map[Drop]uint64{DropChannelUnbound: 1, DropChannelMalformed: 2, DropNotSTUN: 1} {
		if n := after.Dropped(d) - before.Dropped(d); n != want {
			t.Errorf("%v: %d, want %d", d, n, want)
		}
	}
}
