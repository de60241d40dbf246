package netio

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// A testNetwork is a Network every behaviour test runs on.
type testNetwork struct {
	name    string
	open    func() Network
	virtual bool // its tests run in a synctest bubble

	// What it is able to do beyond the rest; the tests expect it to.
	tos, icmp, wildcardLocal, meters, polled bool
}

// networks are all of them; a file for one system adds its own in an init.
var networks = []testNetwork{
	{name: "memory", open: func() Network { return NewMemory() }, virtual: true, tos: true, icmp: true, wildcardLocal: true, meters: true, polled: true},
	{name: "portable", open: Portable},
}

// onEach runs a behaviour test on every network and, where it depends on the family, the caller runs it on both.
func onEach(t *testing.T, test func(t *testing.T, n testNetwork)) {
	t.Parallel()
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			if n.virtual {
				synctest.Test(t, func(t *testing.T) { test(t, n) })
				return
			}
			test(t, n)
		})
	}
}

// patience is longer than any delivery on loopback takes; silence is how long nothing is waited for.
const (
	patience = 10 * time.Second
	silence  = 50 * time.Millisecond
)

var (
	anyPort4 = netip.AddrPortFrom(loopback4, 0)
	anyPort6 = netip.AddrPortFrom(loopback6, 0)
)

// unboundPort is tcpmux's, and bound by nobody. A port that was just closed would not do: tests run in parallel and pick free ports.
const unboundPort = 1

// A station is a socket, its poller, and what it received: each end of a conversation in these tests.
type station struct {
	t      *testing.T
	poller Poller
	socket Socket
}

const stationID = 7

func newStation(t *testing.T, n Network, addr netip.AddrPort, slots int) *station {
	t.Helper()
	s, err := n.OpenUDP(addr)
	if err != nil {
		t.Fatal(err)
	}
	return newStationOn(t, n, s, slots)
}

func newStationOn(t *testing.T, n Network, s Socket, slots int) *station {
	t.Helper()
	p, err := n.NewPoller(PollerConfig{Slots: slots})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Add(s, stationID); err != nil {
		t.Fatal(err)
	}
	st := &station{t: t, poller: p, socket: s}
	t.Cleanup(st.close)
	return st
}

func (s *station) close() {
	if err := errors.Join(s.poller.Remove(s.socket), s.socket.Close(), s.poller.Close()); err != nil {
		s.t.Errorf("close: %v", err)
	}
}

func (s *station) addr() netip.AddrPort { return s.socket.Local() }

// send sends outs from the station's socket and fails the test if one is refused.
func (s *station) send(outs ...Out) {
	s.t.Helper()
	for i := range outs {
		outs[i].Socket = s.socket
	}
	for _, f := range s.poller.Send(outs) {
		s.t.Fatalf("out %d not sent: %v", f.Index, f.Err)
	}
}

// receive reads n datagrams, with the payloads copied, ending rounds as it goes.
func (s *station) receive(n int) []Packet {
	s.t.Helper()
	var got []Packet
	for deadline := time.Now().Add(patience); len(got) < n; {
		if time.Now().After(deadline) {
			s.t.Fatalf("%d datagrams of %d", len(got), n)
		}
		if !s.readable(patience) {
			continue
		}
		for _, p := range s.recv(n - len(got)) {
			p.Payload = append([]byte{}, p.Payload...)
			got = append(got, p)
		}
		s.poller.EndRound()
	}
	return got
}

func (s *station) recv(max int) []Packet {
	s.t.Helper()
	packets, err := s.poller.Recv(s.socket, max)
	if err != nil {
		s.t.Fatal(err)
	}
	return packets
}

// readable waits until the station's socket is reported readable.
func (s *station) readable(timeout time.Duration) bool {
	s.t.Helper()
	events, err := s.poller.Wait(timeout)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range events {
		if e.ID != stationID {
			s.t.Fatalf("event of id %d", e.ID)
		}
		if e.Readable {
			return true
		}
	}
	return false
}

// pattern is n bytes that differ from those of another seed.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i)*31 ^ seed
	}
	return b
}

// growing is longer than any before it: never a part of a run, whose datagrams are of one length or end with a shorter one.
func growing(i int) []byte { return append(number(i), make([]byte, i)...) }

func number(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }
