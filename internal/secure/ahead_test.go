package secure

import (
	"bytes"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"

	"turnout/internal/netio"
)

// What arrived together is read together, as it was sent, however it was cut; and nothing is waited for.
func TestTLSReadReady(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			conn, accepted := tlsEnds(t, func(c net.Conn) net.Conn { return c })
			defer conn.Close()
			defer accepted.Close()
			ready := accepted.(interface{ ReadReady(b []byte) (int, error) })
			if n, err := ready.ReadReady(make([]byte, 10)); n != 0 || err != nil {
				t.Errorf("%d bytes, %v of nothing", n, err)
			}
			r := rand.New(rand.NewPCG(seed, 2))
			reads, records := 0, 0
			for range 40 {
				var sent []byte
				for range 1 + r.IntN(20) {
					record := make([]byte, 1+r.IntN(1500))
					for i := range record {
						record[i] = byte(r.Uint32())
					}
					sent = append(sent, record...)
					if _, err := conn.Write(record); err != nil {
						t.Fatal(err)
					}
					records++
				}
				synctest.Wait()
				got := make([]byte, 0, len(sent)+1)
				for len(got) < len(sent) {
					n, err := accepted.Read(got[len(got):cap(got)])
					reads++
					for n > 0 && err == nil {
						got = got[:len(got)+n]
						n, err = ready.ReadReady(got[len(got):cap(got)])
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(got, sent) {
					t.Fatalf("%d bytes are not the %d sent", len(got), len(sent))
				}
			}
			if reads > records/2 {
				t.Errorf("%d reads that wait for %d records", reads, records)
			}
			// The peer's end comes through, once what came before it has been read.
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n, err := accepted.Read(make([]byte, 10)); n != 0 || err == nil {
				t.Errorf("%d bytes, %v after the end", n, err)
			}
		})
	}
}

// tlsEnds is a connection over the in-memory network: the client's end, over what below makes of the network's, and what a
// listener accepted.
func tlsEnds(t *testing.T, below func(net.Conn) net.Conn) (client *tls.Conn, accepted net.Conn) {
	t.Helper()
	network := netio.NewMemory()
	h := newHub(t, network, nil)
	raw, err := network.ListenTCP(netip.MustParseAddrPort("127.0.0.1:5349"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := h.ListenTLS(raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	client = tlsClient(below(h.dial(addrPort(l.Addr()))))
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, accepted
}
