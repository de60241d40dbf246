package relay

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"turnout/allocation"
	"turnout/stun"
)

// A connection that is denied in the very moment in which it is made is closed, and its Connect answered: the client waits
// for that, by TCP without a retransmission.
func TestConnectDeniedAsItStands(t *testing.T) {
	t.Parallel()
	s := serveReal(t, func(c *Config) { c.Workers = 1 })
	client := dialReal(t, s, allocation.TCP)
	client.request(stun.MethodAllocate, func(b *stun.Builder) { b.AddUint8(stun.AttrRequestedTransport, 6, 4) })
	asked, err := stun.Parse(client.sign(stun.MethodConnect, func(*stun.Builder) {}))
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	if !s.ask(t.Context(), s.workers[0], func(w *worker) {
		for a := range w.table.All() {
			c := w.newConnection(a, netip.MustParseAddrPort("127.0.0.1:9000"))
			c.asks = reply{method: stun.MethodConnect, id: asked.TransactionID(), key: a.Key(), integrity: stun.IntegritySHA1}
			w.connections.add(c, w.random32)
			c.end() // by a reload, say
			w.dialled(c, ours, nil)
		}
	}) {
		t.Fatal("the worker has ended")
	}
	if n, err := theirs.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection to the peer: %d bytes, %v", n, err)
	}
	frame, err := client.read()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := stun.Parse(frame)
	if err != nil {
		t.Fatal(err)
	}
	code, _, err := answer.ErrorCode()
	if err != nil || code != stun.CodeConnectionTimeoutOrFailure || answer.TransactionID() != asked.TransactionID() {
		t.Errorf("answered %s, want error 447", describe(frame))
	}
	if n := s.connections.count(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}
