package bench

import (
	"testing"

	"turnout/stun"
)

// FuzzDataOf shows a client whatever a server may send: what is taken for data lies within it.
func FuzzDataOf(f *testing.F) {
	p := newPattern(1)
	whole := packet(p, stamp{flow: 1, sequence: 2, sent: 3}, 40)
	f.Add(channelData(whole))
	f.Add(whole)
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodData, stun.ClassIndication), stun.TransactionID{1})
	b.AddXORAddrPort(stun.AttrXORPeerAddress, testPeer)
	b.Add(stun.AttrData, whole)
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, packet []byte) {
		data, ok := dataOf(packet, testPeer)
		if ok && len(data) > len(packet)-stun.ChannelHeaderSize {
			t.Errorf("%d bytes of data in a packet of %d", len(data), len(packet))
		}
		if s, whole := p.read(data, 40); whole && !ok {
			t.Errorf("%+v is read out of what is no data", s)
		}
	})
}

// FuzzAnswer shows a handshake whatever may come in place of an answer: without the key nothing but a challenge moves it.
func FuzzAnswer(f *testing.F) {
	h := handshake{username: "alice", password: "wonderland", carrier: Channel, peer: testPeer}
	id := stun.TransactionID{1, 2, 3}
	h.begin(stageAllocate, id)
	request, err := stun.Parse(h.request(nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(challenge(401, "nonce")(nil, request))
	f.Add(answerTo(request, stun.ClassSuccess, func(b *stun.Builder) { b.AddXORAddrPort(stun.AttrXORRelayedAddress, testRelayed) }))
	f.Add(request.Bytes())
	f.Fuzz(func(t *testing.T, answer []byte) {
		h := handshake{username: "alice", password: "wonderland", carrier: Channel, peer: testPeer}
		h.begin(stageAllocate, id)
		err := h.answer(answer, stun.TransactionID{4})
		if h.stage != stageAllocate || err == nil && h.key == nil {
			t.Errorf("stage %d, realm %q, nonce %q, error %v", h.stage, h.realm, h.nonce, err)
		}
	})
}
