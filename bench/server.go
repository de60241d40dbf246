package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"time"

	"turnout/stun"
)

// A Server is a kind of TURN server that can be started here. Its figures stand beside those of the others.
type Server struct {
	Name    string
	Version func(ctx context.Context) (string, error)
	// Command makes the command that serves at a place; it may write files into the place's folder.
	Command func(ctx context.Context, at Place) (*exec.Cmd, error)
	// beside, if not nil, goes on beside the running server until ctx ends; an error fails the measurement.
	beside func(ctx context.Context, at Place) error

	host    string         // of the running one, as its certificate has it
	running netip.AddrPort // in place of Command: one that somebody else runs
	login   Credentials    // of the running one
}

// spread says whether clients reach the server from as many addresses as they like: those of IPv4's loopback.
func (s Server) spread() bool {
	at := s.running.Addr()
	return !s.running.IsValid() || at.Is4() && at.IsLoopback()
}

// A Place is where a server is started and what it is told.
type Place struct {
	Dir              string         // a folder of its own
	Addr             netip.AddrPort // listens here, UDP and TCP
	TLS              netip.AddrPort // and here, where a certificate is given
	Cert, Key        string         // files in Dir; empty: no TLS
	Admin            netip.AddrPort // a server's own pages, where it is told to have them
	Relay            []netip.Addr   // makes relayed addresses of these
	Peer             netip.Addr     // peers are here, where nobody else is, so that nobody else has a permission
	MinPort, MaxPort uint16         // and of these ports
	Workers          int
	Realm, Secret    string // users are derived from the secret
}

// A MissingError is of a server that is not installed.
type MissingError struct{ Server, Remedy string }

func (e *MissingError) Error() string {
	return e.Server + " is not installed: " + e.Remedy
}

// portsPerAddress is how many relayed ports a relay address has at most here: as many as RFC 8656 §7.2 recommends. They lie
// below those that the system gives to sockets which ask for none, so that no client's socket takes one.
const (
	portsPerAddress = 16384
	firstRelayPort  = 10000
	lastRelayPort   = 26999
	firstServerPort = lastRelayPort + 1
	lastServerPort  = 32000
	peerHost        = 200 // last byte of the peer's address
)

// newPlace finds free ports for a server that is to hold flows allocations.
func newPlace(dir string, flows, workers int) (Place, error) {
	p := Place{Dir: dir, Workers: workers, Realm: "turnout.bench", Secret: strconv.FormatUint(rand.Uint64(), 36)}
	// Relayed ports are drawn at random: with four for each allocation few draws are in vain.
	size := min(max(4*flows, 256), portsPerAddress)
	// A network of loopback for this server alone: no other program's datagrams get in between.
	network := [4]byte{127, byte(64 + rand.IntN(128)), byte(rand.IntN(256)), 0}
	address := func(host int) netip.Addr { network[3] = byte(host); return netip.AddrFrom4(network) }
	for i := range (flows + portsPerAddress - 1) / portsPerAddress {
		p.Relay = append(p.Relay, address(1+i))
	}
	p.Peer = address(peerHost)
	p.MinPort = uint16(firstRelayPort + rand.IntN(lastRelayPort-firstRelayPort-size+2))
	p.MaxPort = p.MinPort + uint16(size) - 1
	for range 100 {
		p.Addr = netip.AddrPortFrom(p.Relay[0], uint16(firstServerPort+rand.IntN(lastServerPort-firstServerPort+1)))
		p.TLS = netip.AddrPortFrom(p.Addr.Addr(), p.Addr.Port()+1)
		p.Admin = netip.AddrPortFrom(p.Addr.Addr(), p.Addr.Port()+2)
		if isFree(p.Addr) && isFree(p.TLS) && isFree(p.Admin) {
			return p, nil
		}
	}
	return p, fmt.Errorf("no free port between %d and %d", firstServerPort, lastServerPort)
}

// isFree says whether nothing listens at an address.
func isFree(a netip.AddrPort) bool {
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	if err != nil {
		return false
	}
	u.Close()
	t, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(a))
	if err != nil {
		return false
	}
	t.Close()
	return true
}

// startTimeout is how long a server may take to answer.
const startTimeout = 15 * time.Second

// awaitServer waits until the server answers a Binding request, and accepts connections at stream.
func awaitServer(ctx context.Context, server, stream netip.AddrPort, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return err
	}
	defer conn.Close()
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodBinding, stun.ClassRequest), stun.NewTransactionID())
	answer := make([]byte, 1500)
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		if _, err := conn.Write(b.Bytes()); err == nil && conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)) == nil {
			if n, err := conn.Read(answer); err == nil && stun.Classify(answer[:n]) == stun.KindSTUN && acceptsStreams(stream) {
				return nil
			}
		}
		select {
		case <-ended:
			return errors.New("it ended before it served")
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("it does not answer at %v within %v", server, startTimeout)
			}
			return errInterrupted
		case <-pause.C:
		}
	}
}

func acceptsStreams(server netip.AddrPort) bool {
	conn, err := net.DialTimeout("tcp", server.String(), time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
