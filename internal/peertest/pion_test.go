package peertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"
)

// TestPionClient has pion's TURN client use the relay over each transport.
func TestPionClient(t *testing.T) {
	peers(t)
	t.Parallel()
	s := start(t)
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			t.Run("datagrams", func(t *testing.T) { t.Parallel(); pionDatagrams(t, s, transport) })
			t.Run("permissions", func(t *testing.T) { t.Parallel(); pionPermissions(t, s, transport) })
			t.Run("refresh", func(t *testing.T) { t.Parallel(); pionRefresh(t, s, transport) })
			t.Run("wrong password", func(t *testing.T) { t.Parallel(); pionWrongPassword(t, s, transport) })
			t.Run("shared secret", func(t *testing.T) { t.Parallel(); pionSharedSecret(t, s, transport) })
		})
	}
}

// pionDatagrams sends 10,000 datagrams to a peer that sends each back, and
// compares both ways byte for byte. The first go out as Send indications, the
// rest by channel.
func pionDatagrams(t *testing.T, s *server, transport string) {
	const datagrams, window = 10_000, 32
	client, conn := pionClient(t, transport, s.address(), user, password)
	relayed := allocate(t, client)
	peer := listen(t, "127.0.0.1:0")

	// The peer sends back what is as expected, and reports the rest.
	wrong := make(chan error, 1)
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := peer.ReadFrom(b)
			if err != nil {
				wrong <- nil // closed: the test is over
				return
			}
			if err := content(b[:n]); err != nil {
				wrong <- err
				return
			}
			if _, err := peer.WriteTo(b[:n], from); err != nil {
				wrong <- err
				return
			}
		}
	}()

	// At most a window is on its way, so that no socket's buffer overflows: every
	// datagram that is lost is lost by the relay.
	room, unsent := make(chan struct{}, window), make(chan error, 1)
	go func() {
		for i := range datagrams {
			select {
			case room <- struct{}{}:
			case <-t.Context().Done():
				return
			}
			if _, err := relayed.WriteTo(datagram(i), peer.LocalAddr()); err != nil {
				unsent <- fmt.Errorf("datagram %d: %w", i, err)
				return
			}
		}
		close(unsent)
	}()
	seen, b := make([]bool, datagrams), make([]byte, 2048)
	for received := range datagrams {
		relayed.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, from, err := relayed.ReadFrom(b)
		if err != nil {
			select {
			case err = <-unsent:
			case err = <-wrong:
			default:
			}
			t.Fatalf("after %d of %d datagrams: %v", received, datagrams, err)
		}
		if from.String() != peer.LocalAddr().String() {
			t.Fatalf("a datagram from %v, want it from %v", from, peer.LocalAddr())
		}
		if err := content(b[:n]); err != nil {
			t.Fatal(err)
		}
		i := sequence(b)
		if seen[i] {
			t.Fatalf("datagram %d came back twice", i)
		}
		seen[i] = true
		<-room
	}
	if err := <-unsent; err != nil {
		t.Error(err)
	}
	peer.Close()
	if err := <-wrong; err != nil {
		t.Errorf("at the peer: %v", err)
	}
	t.Logf("to the relay: %d by channel, %d by indication; from it: %d by channel, %d by indication",
		conn.channelOut.Load(), conn.stunOut.Load(), conn.channelIn.Load(), conn.stunIn.Load())
	if conn.channelOut.Load() < datagrams/2 || conn.channelIn.Load() < datagrams/2 {
		t.Error("most datagrams were to go by channel")
	}
}

// sizes of payloads: none, of each remainder by four, and as large as a link carries.
var sizes = []int{4, 5, 6, 7, 160, 1001, 1200}

// datagram is the i-th payload: its number, then bytes that follow from it.
func datagram(i int) []byte {
	b := make([]byte, sizes[i%len(sizes)])
	b[0], b[1], b[2], b[3] = byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
	for j := 4; j < len(b); j++ {
		b[j] = byte(i*31 + j*7)
	}
	return b
}

func sequence(b []byte) int {
	return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

// content checks a payload against the number in it.
func content(b []byte) error {
	if len(b) < 4 || !bytes.Equal(b, datagram(sequence(b))) {
		return errors.New("a datagram arrived other than it was sent")
	}
	return nil
}

// pionPermissions lets in whom the client permits, and nobody else. RFC 8656 §9.
func pionPermissions(t *testing.T, s *server, transport string) {
	client, _ := pionClient(t, transport, s.address(), user, password)
	relayed := allocate(t, client)
	friend, stranger := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.2:0")
	if err := client.CreatePermission(friend.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	// What a stranger sends before a friend must not come out before, or at all.
	send(t, stranger, "let me in", relayed.LocalAddr())
	send(t, friend, "from a friend", relayed.LocalAddr())
	receive(t, relayed, "from a friend")
	if err := client.CreatePermission(stranger.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	send(t, stranger, "no stranger now", relayed.LocalAddr())
	receive(t, relayed, "no stranger now")
}

// pionRefresh extends an allocation, ends it, and finds it gone. RFC 8656 §8.2.
// (coturn 4.6 keeps an allocation a moment longer, and fails at the end of this.)
func pionRefresh(t *testing.T, s *server, transport string) {
	client, _ := pionClient(t, transport, s.address(), user, password)
	allocate(t, client)
	challenge := transact(t, client, stun.MethodRefresh, lifetime(1800))
	if code := errorCode(t, challenge); code != stun.CodeUnauthorized {
		t.Fatalf("a Refresh without credentials: error %d, want 401", code)
	}
	var nonce stun.Nonce
	if err := nonce.GetFrom(challenge); err != nil {
		t.Fatal(err)
	}
	signed := []stun.Setter{stun.NewUsername(user), stun.NewRealm(realm), nonce, stun.NewLongTermIntegrity(user, realm, password)}
	for _, seconds := range []uint32{1800, 0} {
		response := transact(t, client, stun.MethodRefresh, append([]stun.Setter{lifetime(seconds)}, signed...)...)
		value, err := response.Get(stun.AttrLifetime)
		if err != nil || !bytes.Equal(value, lifetimeBytes(seconds)) {
			t.Fatalf("Refresh for %d s: %v, LIFETIME %v (%v)", seconds, response, value, err)
		}
	}
	gone := transact(t, client, stun.MethodRefresh, append([]stun.Setter{lifetime(600)}, signed...)...)
	if code := errorCode(t, gone); code != stun.CodeAllocMismatch {
		t.Errorf("a Refresh after the end: error %d, want 437", code)
	}
}

// transact sends one request to the server and returns the response.
func transact(t *testing.T, client *turn.Client, method stun.Method, attributes ...stun.Setter) *stun.Message {
	t.Helper()
	request, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attributes...)...)
	if err != nil {
		t.Fatal(err)
	}
	result, err := client.PerformTransaction(request, client.TURNServerAddr(), false)
	if err != nil {
		t.Fatal(err)
	}
	return result.Msg
}

func lifetimeBytes(seconds uint32) []byte {
	return []byte{byte(seconds >> 24), byte(seconds >> 16), byte(seconds >> 8), byte(seconds)}
}

func lifetime(seconds uint32) stun.Setter {
	return stun.RawAttribute{Type: stun.AttrLifetime, Value: lifetimeBytes(seconds)}
}

func errorCode(t *testing.T, m *stun.Message) stun.ErrorCode {
	t.Helper()
	var code stun.ErrorCodeAttribute
	if err := code.GetFrom(m); err != nil {
		t.Fatalf("%v has no error code: %v", m, err)
	}
	return code.Code
}

// pionWrongPassword is refused. RFC 8489 §9.2.4.
func pionWrongPassword(t *testing.T, s *server, transport string) {
	client, _ := pionClient(t, transport, s.address(), user, "looking-glass")
	if relayed, err := client.Allocate(); err == nil {
		t.Errorf("allocated %v with a wrong password", relayed.LocalAddr())
	} else if !strings.Contains(err.Error(), "401") {
		t.Errorf("%v, want error 401", err)
	}
}

// pionSharedSecret uses a credential that pion derived from the shared secret.
func pionSharedSecret(t *testing.T, s *server, transport string) {
	name, derived, err := turn.GenerateLongTermTURNRESTCredentials(secret, "bob", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	client, _ := pionClient(t, transport, s.secretAddress(), name, derived)
	relayed, peer := allocate(t, client), listen(t, "127.0.0.1:0")
	send(t, relayed, "out", peer.LocalAddr())
	receive(t, peer, "out")
	send(t, peer, "and back", relayed.LocalAddr())
	receive(t, relayed, "and back")
}

// pionClient connects a client to the server, until the test is over.
func pionClient(t *testing.T, transport, address, name, password string) (*turn.Client, *countingConn) {
	t.Helper()
	var conn net.PacketConn
	if transport == "tcp" {
		stream, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn = turn.NewSTUNConn(stream)
	} else {
		conn = listen(t, "127.0.0.1:0")
	}
	counting := &countingConn{PacketConn: conn}
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: address, TURNServerAddr: address,
		Username: name, Password: password, Realm: realm, Conn: counting,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		conn.Close()
	})
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	return client, counting
}

// A countingConn counts what passes it by the first bits (RFC 7983 §7).
type countingConn struct {
	net.PacketConn
	channelIn, channelOut, stunIn, stunOut atomic.Int64
}

// ReadFrom reads one message.
func (c *countingConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	count(b[:n], &c.channelIn, &c.stunIn)
	return n, from, err
}

// WriteTo writes one message.
func (c *countingConn) WriteTo(b []byte, to net.Addr) (int, error) {
	count(b, &c.channelOut, &c.stunOut)
	return c.PacketConn.WriteTo(b, to)
}

func count(b []byte, channel, stun *atomic.Int64) {
	switch {
	case len(b) == 0:
	case b[0]>>6 == 1:
		channel.Add(1)
	default:
		stun.Add(1)
	}
}

func allocate(t *testing.T, client *turn.Client) net.PacketConn {
	t.Helper()
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relayed.Close() }) // refreshes with a lifetime of 0
	return relayed
}

func listen(t *testing.T, address string) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t *testing.T, from net.PacketConn, text string, to net.Addr) {
	t.Helper()
	if _, err := from.WriteTo([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, at net.PacketConn, want string) {
	t.Helper()
	b := make([]byte, 2048)
	at.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, _, err := at.ReadFrom(b)
	if err != nil {
		t.Fatalf("waiting for %q: %v", want, err)
	}
	if got := string(b[:n]); got != want {
		t.Fatalf("received %q, want %q", got, want)
	}
}
