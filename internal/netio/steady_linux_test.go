package netio

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These tests count what the whole process does, so that they are not parallel.

func TestSystemRoundAllocatesNothing(t *testing.T) {
	for _, c := range []PollerConfig{{}, withoutShortcuts} {
		for _, loopback := range []netip.Addr{linuxLoopback4, linuxLoopback6} {
			testRoundAllocatesNothing(t, linuxPollerOf(t, c), loopback)
		}
	}
}

func testRoundAllocatesNothing(t *testing.T, p *poller, loopback netip.Addr) {
	from, wildcard := linuxRelay(t, loopback), linuxGroup(t, unspecifiedLike(loopback), 2)
	peers := make([]*socket, 8)
	for i := range peers {
		peers[i] = linuxRelay(t, loopback)
		if err := p.Add(peers[i], uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	header, padding := []byte{0x40, 0, 0, 100}, []byte{0, 0, 0}
	payload := make([]byte, 100)
	var requests, answers []Out
	for i := range 56 {
		o := Out{Socket: from, Dst: peers[i%len(peers)].Local(), TOS: uint8(i % 3), Header: header, Payload: payload, Padding: padding}
		if i%4 == 0 {
			o.Socket, o.Local = wildcard[i/4%2], loopback
		}
		o.DF = i%5 == 0
		requests = append(requests, o)
	}
	// Failures and ICMP errors are part of a round.
	requests = append(requests,
		Out{Socket: from, Dst: unreachable(loopback).Peer}, Out{Socket: from}, Out{Socket: from, Dst: netip.AddrPortFrom(loopback, 0)})
	answers = make([]Out, 0, 64)
	round := func() {
		if f := p.Send(requests); len(f) != 2 {
			t.Fatalf("failures %v", f)
		}
		p.Wake()
		events, err := p.Wait(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		answers = answers[:0]
		for _, e := range events {
			if e.ID == WakeID {
				continue
			}
			packets, err := p.Recv(peers[e.ID], 32)
			if err != nil {
				t.Fatal(err)
			}
			for _, packet := range packets {
				answers = append(answers, Out{Socket: peers[e.ID], Dst: packet.Addr, Payload: packet.Payload, TOS: packet.TOS})
			}
		}
		if len(answers) != 56 {
			t.Fatalf("%d answers", len(answers))
		}
		p.Send(answers)
		p.RecvErrors(from)
		p.EndRound()
		for _, s := range []Socket{from, wildcard[0], wildcard[1]} {
			for {
				packets, _ := p.Recv(s, 64)
				p.EndRound()
				if len(packets) == 0 {
					break
				}
			}
		}
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v: %v allocations a round with %+v", loopback, n, p.Shortcuts())
	}
}

func unspecifiedLike(ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

func TestDescriptorsAreClosed(t *testing.T) {
	use := func() {
		p, err := System().NewPoller(PollerConfig{Slots: 1})
		if err != nil {
			t.Fatal(err)
		}
		group, err := System().ListenUDP(netip.AddrPortFrom(linuxLoopback4, 0), 3)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := System().ListenUDP(group[0].Local(), 3); err == nil {
			t.Fatal("second instance")
		}
		if _, err := System().OpenUDP(group[0].Local()); err == nil {
			t.Fatal("relay socket on a listener's address")
		}
		l, err := System().ListenTCP(netip.AddrPortFrom(linuxLoopback4, 0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := System().ListenTCP(l.Addr().(*net.TCPAddr).AddrPort()); err == nil {
			t.Fatal("second listener")
		}
		if _, err := System().DialTCP(t.Context(), netip.AddrPortFrom(linuxLoopback4, 0), netip.AddrPortFrom(linuxLoopback4, deadPort)); err == nil {
			t.Fatal("connected to nobody")
		}
		for i, s := range group {
			if err := p.Add(s, uint64(i)); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []interface{ Close() error }{group[0], p, group[1], group[2], l} {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	use() // the runtime's own poller is opened once
	before := descriptors(t)
	for range 20 {
		use()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors open before, %d after", before, after)
	}
}

// Where descriptors run out in the middle of a group, the part of it that was bound is closed.
func TestTooManyFiles(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	low := limit
	low.Cur = uint64(before + 10)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	_, err := System().ListenUDP(netip.AddrPortFrom(linuxLoopback4, 0), before+20)
	if restored := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); restored != nil {
		t.Fatal(restored)
	}
	if !errors.Is(err, ErrTooManyFiles) {
		t.Errorf("ListenUDP: %v", err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors open before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
