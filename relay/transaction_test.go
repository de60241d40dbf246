package relay

import (
	"testing"

	"turnout/internal/netio"
	"turnout/stun"
)

// TestTransactionIDs looks at the ids of many Data indications: all differ, every bit
// is set in about half of them, and another server's are others. RFC 8489 §5.
func TestTransactionIDs(t *testing.T) {
	t.Parallel()
	const many = 512
	seen := map[stun.TransactionID]bool{}
	var set [len(stun.TransactionID{}) * 8]int
	for range 2 {
		b := newBench(t)
		client := benchClient(1)
		socket, _ := b.allocate(t, client)
		b.permit(t, client, benchPeer)
		for range many / 2 {
			b.deliver(socket, netio.Packet{Addr: benchPeer, Local: socket.Local(), Payload: []byte("x")})
			header := b.poller.outs[0].Header
			id := stun.TransactionID(header[8:stun.HeaderSize])
			if seen[id] {
				t.Fatalf("id %v twice", id)
			}
			seen[id] = true
			for i := range set {
				set[i] += int(id[i/8] >> (i % 8) & 1)
			}
		}
	}
	for i, n := range set { // 6 standard deviations of 11.3 from 256
		if n < many/2-68 || n > many/2+68 {
			t.Errorf("bit %d is set in %d of %d", i, n, many)
		}
	}
}
