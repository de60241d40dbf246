package peertest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/turn/v4"

	"turnout/internal/ports"
)

// A tcpAllocation is what pion's client calls a TCP allocation (RFC 6062).
type tcpAllocation interface {
	net.Listener
	Dial(network, address string) (net.Conn, error)
}

// TestPionTCPAllocation has pion's client relay TCP connections: ones it asks for,
// and ones that peers open. It sends a ConnectionBind with the nonce of its control
// connection, and does not try again if that is refused.
func TestPionTCPAllocation(t *testing.T) {
	peers(t)
	t.Parallel()
	s := start(t)
	t.Run("dial", func(t *testing.T) { t.Parallel(); pionDials(t, s) })
	t.Run("accept", func(t *testing.T) { t.Parallel(); pionAccepts(t, s) })
	t.Run("no permission", func(t *testing.T) { t.Parallel(); pionAcceptsNobody(t, s) })
	t.Run("nobody listens", func(t *testing.T) { t.Parallel(); pionDialsNobody(t, s) })
}

// pionDials opens three connections to one peer's ports, one after the other, each
// from the relayed address.
func pionDials(t *testing.T, s *server) {
	_, relayed := allocateTCP(t, s)
	for range 3 {
		l := listenTCP(t)
		accepted := make(chan net.Conn, 1)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				conn = nil
			}
			accepted <- conn
		}()
		client, err := relayed.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		peer := <-accepted
		if peer == nil {
			t.Fatal("the peer has no connection")
		}
		if peer.RemoteAddr().String() != relayed.Addr().String() {
			t.Errorf("the peer is reached from %v, want %v", peer.RemoteAddr(), relayed.Addr())
		}
		exchangeStreams(t, client, peer)
	}
}

// pionAccepts takes a connection of a peer that sends before it is accepted.
func pionAccepts(t *testing.T, s *server) {
	client, relayed := allocateTCP(t, s)
	if err := client.CreatePermission(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		peer, err := net.Dial("tcp4", relayed.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := relayed.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if conn.RemoteAddr().String() != peer.LocalAddr().String() {
			t.Errorf("accepted from %v, want %v", conn.RemoteAddr(), peer.LocalAddr())
		}
		exchangeStreams(t, conn, peer)
	}
}

// pionAcceptsNobody has the server close a connection that is not permitted.
func pionAcceptsNobody(t *testing.T, s *server) {
	_, relayed := allocateTCP(t, s)
	peer, err := net.Dial("tcp4", relayed.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	peer.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d bytes, %v; want the connection closed", n, err)
	}
}

// pionDialsNobody wants the error of RFC 6062 §5.2.
func pionDialsNobody(t *testing.T, s *server) {
	_, relayed := allocateTCP(t, s)
	conn, err := relayed.Dial("tcp4", "127.0.0.1:"+ports.One(t))
	if err == nil {
		conn.Close()
		t.Fatal("a connection to where nobody listens")
	}
	if want := "447"; !bytes.Contains([]byte(err.Error()), []byte(want)) {
		t.Errorf("%v, want error %s", err, want)
	}
}

func allocateTCP(t *testing.T, s *server) (*turn.Client, tcpAllocation) {
	t.Helper()
	client, _ := pionClient(t, "tcp", s.address(), user, password)
	relayed, err := client.AllocateTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relayed.Close() })
	return client, relayed
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// exchangeStreams sends a megabyte and more each way at once and closes both ends.
func exchangeStreams(t *testing.T, a, b net.Conn) {
	t.Helper()
	var all sync.WaitGroup
	for _, way := range []struct {
		from, to net.Conn
		data     []byte
	}{{a, b, bytes.Repeat([]byte("there "), 300_000)}, {b, a, bytes.Repeat([]byte("and back "), 200_000)}} {
		way.from.SetDeadline(time.Now().Add(20 * time.Second))
		all.Go(func() {
			if _, err := way.from.Write(way.data); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			got := make([]byte, len(way.data))
			if n, err := io.ReadFull(way.to, got); err != nil || !bytes.Equal(got, way.data) {
				t.Errorf("%d bytes of %d, %v", n, len(way.data), err)
			}
		})
	}
	all.Wait()
	a.Close()
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the other end has closed: %d bytes, %v", n, err)
	}
	b.Close()
}
