package netio

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A group of 4 shares its clients, and each client stays on one socket.
func TestGroupSharesClients(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		group := linuxGroup(t, loopback, 4)
		p := linuxPoller(t)
		const clients, each = 64, 5
		for i, s := range group {
			if s.Local() != group[0].Local() || s.Local().Port() == 0 {
				t.Errorf("socket %d is bound to %v", i, s.Local())
			}
		}
		var from []*socket
		for range clients {
			from = append(from, linuxRelay(t, loopback))
		}
		for range each {
			for _, c := range from {
				sendOne(t, p, c, group[0], "x")
			}
		}
		got, used := drainGroup(t, p, group)
		if len(got) != clients {
			t.Errorf("%d clients heard of %d", len(got), clients)
		}
		for client, sockets := range got {
			total := 0
			for _, n := range sockets {
				total += n
			}
			if len(sockets) != 1 || total != each {
				t.Errorf("client %v on %d sockets with %d datagrams", client, len(sockets), total)
			}
		}
		if used < 2 { // 64 clients on one of four sockets by chance: 4^-63
			t.Errorf("%d sockets used", used)
		}
	})
}

// drainGroup counts the datagrams waiting on each socket for each client, and the sockets that have any.
func drainGroup(t *testing.T, p *poller, group []Socket) (got map[netip.AddrPort]map[int]int, used int) {
	t.Helper()
	got = map[netip.AddrPort]map[int]int{}
	for i, s := range group {
		for first := true; ; first = false {
			packets, err := p.Recv(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			if len(packets) == 0 {
				break
			}
			if first {
				used++
			}
			for _, packet := range packets {
				if got[packet.Addr] == nil {
					got[packet.Addr] = map[int]int{}
				}
				got[packet.Addr][i]++
			}
			p.EndRound()
		}
	}
	return got, used
}

// Whatever a second instance looks like, it is refused, and told which address is in use.
func TestSecondInstance(t *testing.T) {
	if isChild(t) {
		addr := netip.MustParseAddrPort(os.Getenv("TURNOUT_TEST_ADDR"))
		for _, n := range []int{1, 4} {
			wantInUse(t, addr, n)
		}
		return
	}
	t.Parallel()
	for _, loopback := range []netip.Addr{linuxLoopback4, linuxLoopback6} {
		for _, n := range []int{1, 4} {
			addr := linuxGroup(t, loopback, n)[0].Local()
			wantInUse(t, addr, 1)
			wantInUse(t, addr, 4)
			wildcard := netip.IPv4Unspecified()
			if loopback.Is6() {
				wildcard = netip.IPv6Unspecified()
			}
			wantInUse(t, netip.AddrPortFrom(wildcard, addr.Port()), 4)
			if _, err := System().OpenUDP(addr); !errors.Is(err, ErrAddrInUse) {
				t.Errorf("relay socket on %v: %v", addr, err)
			}
			if c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr)); err == nil {
				c.Close()
				t.Errorf("package net shares %v with us", addr)
			}
			out, err := rerun(t, nil, "TURNOUT_TEST_ADDR="+addr.String())
			if err != nil || !strings.Contains(out, "--- PASS") {
				t.Errorf("in another process: %v\n%s", err, out)
			}
		}
	}
}

func wantInUse(t *testing.T, addr netip.AddrPort, n int) {
	t.Helper()
	sockets, err := System().ListenUDP(addr, n)
	if !errors.Is(err, ErrAddrInUse) || !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), addr.String()) {
		t.Errorf("ListenUDP(%v, %d): %v", addr, n, err)
	}
	for _, s := range sockets {
		s.Close()
	}
}

// What package net listens on is in use as well.
func TestAddressOfAnotherProgram(t *testing.T) {
	t.Parallel()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(linuxLoopback4, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	addr := c.LocalAddr().(*net.UDPAddr).AddrPort()
	wantInUse(t, addr, 1)
	wantInUse(t, addr, 4)
}

// Clients that send while a group is being bound have nothing on a socket they do not belong to.
func TestGroupDiscardsWhatCameBeforeIt(t *testing.T) {
	t.Parallel()
	p := linuxPoller(t)
	var clients []*socket
	for range 64 {
		clients = append(clients, linuxRelay(t, linuxLoopback4))
	}
	// A datagram that one processor is delivering while the other binds the last socket may slip through: not every time.
	const attempts = 20
	strayed := 0
	for range attempts {
		strayed += min(1, bindUnderLoad(t, p, clients))
	}
	if strayed > 1 {
		t.Errorf("clients on two sockets of a group in %d of %d attempts", strayed, attempts)
	}
}

// bindUnderLoad binds a group while clients send to it, and returns how many of them are on more than one socket.
func bindUnderLoad(t *testing.T, p *poller, clients []*socket) int {
	t.Helper()
	// An address nobody else binds; its port stays free but for a wildcard.
	first, err := System().ListenUDP(netip.MustParseAddrPort("127.78.0.1:0"), 1)
	if err != nil {
		t.Fatal(err)
	}
	addr := first[0].Local()
	first[0].Close()
	var sending sync.WaitGroup
	stop, sent := make(chan struct{}), make(chan struct{})
	sending.Go(func() {
		q, err := newPoller(PollerConfig{})
		if err != nil {
			t.Error(err)
			close(sent)
			return
		}
		defer q.Close()
		outs := make([]Out, len(clients))
		for i, c := range clients {
			outs[i] = Out{Socket: c, Dst: addr, Payload: []byte("x")}
		}
		for round := 0; ; round++ {
			q.Send(outs)
			if round == 1 {
				close(sent)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	<-sent
	group, err := System().ListenUDP(addr, 48)
	close(stop)
	sending.Wait()
	if errors.Is(err, ErrAddrInUse) {
		return bindUnderLoad(t, p, clients)
	}
	if err != nil {
		t.Fatal(err)
	}
	strays := 0
	got, _ := drainGroup(t, p, group)
	for _, sockets := range got {
		if len(sockets) > 1 {
			strays++
		}
	}
	for _, s := range group {
		s.Close()
	}
	return strays
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	p, from, to := linuxPoller(t), linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	for i := range 150 { // more than one call reads
		sendOne(t, p, from, to, fmt.Sprint(i))
	}
	to.discard()
	sendOne(t, p, from, to, "after")
	if got := payloads(receiveAll(t, to, 1)); got[0] != "after" {
		t.Errorf("received %q", got)
	}
}

// A wildcard socket says which address a datagram was sent to, and answers from it.
func TestWildcardLocal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wildcard netip.Addr
		to       []netip.Addr
	}{
		{netip.IPv4Unspecified(), []netip.Addr{linuxLoopback4, netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.9.8.7")}},
		{netip.IPv6Unspecified(), []netip.Addr{linuxLoopback6}},
	} {
		p, server := linuxPoller(t), linuxGroup(t, c.wildcard, 1)[0]
		if err := p.Add(server, 1); err != nil {
			t.Fatal(err)
		}
		for _, to := range c.to {
			client := linuxRelay(t, c.to[0])
			addr := netip.AddrPortFrom(to, server.Local().Port())
			if f := p.Send([]Out{{Socket: client, Dst: addr, Payload: []byte("request")}}); len(f) != 0 {
				t.Fatal(f[0].Err)
			}
			if _, err := p.Wait(linuxPatience); err != nil {
				t.Fatal(err)
			}
			packets, err := p.Recv(server, 64)
			if err != nil || len(packets) != 1 {
				t.Fatalf("%d packets, %v", len(packets), err)
			}
			if packets[0].Local != addr || packets[0].Addr != client.Local() {
				t.Errorf("received from %v at %v, want %v and %v", packets[0].Addr, packets[0].Local, client.Local(), addr)
			}
			answer := Out{Socket: server, Local: packets[0].Local.Addr(), Dst: packets[0].Addr, TOS: 0x20, Payload: []byte("answer")}
			wrong := answer
			wrong.Local = netip.MustParseAddr("::1")
			if to.Is6() {
				wrong.Local = linuxLoopback4
			}
			f := p.Send([]Out{answer, wrong})
			if len(f) != 1 || f[0].Index != 1 || f[0].Err != ErrUnreachable {
				t.Errorf("failures %v", f)
			}
			got := receiveAll(t, client, 1)[0]
			if got.Addr != addr || got.TOS != 0x20 {
				t.Errorf("answer from %v with type of service %#x, want %v", got.Addr, got.TOS, addr)
			}
			p.EndRound()
		}
	}
}

// A socket of one address ignores Out.Local, and is told no other.
func TestBoundLocal(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		p, a, b := linuxPoller(t), linuxGroup(t, loopback, 1)[0], linuxRelay(t, loopback)
		if f := p.Send([]Out{{Socket: a, Local: netip.MustParseAddr("192.0.2.1"), Dst: b.Local()}}); len(f) != 0 {
			t.Fatal(f[0].Err)
		}
		if got := receiveAll(t, b, 1)[0]; got.Addr != a.Local() || got.Local != b.Local() {
			t.Errorf("received from %v at %v", got.Addr, got.Local)
		}
	})
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addr string
		n    int
		want error
	}{
		{"192.0.2.1:0", 1, ErrAddrNotAvailable},
		{"192.0.2.1:0", 4, ErrAddrNotAvailable},
		{"[2001:db8::1]:0", 2, ErrAddrNotAvailable},
		{"127.0.0.1:0", 0, errGroupSize},
	} {
		addr := netip.MustParseAddrPort(c.addr)
		if _, err := System().ListenUDP(addr, c.n); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.addr) {
			t.Errorf("ListenUDP(%v, %d): %v, want %v", addr, c.n, err, c.want)
		}
	}
	if _, err := System().OpenUDP(netip.MustParseAddrPort("192.0.2.1:0")); !errors.Is(err, ErrAddrNotAvailable) {
		t.Errorf("OpenUDP: %v", err)
	}
	if _, err := System().OpenUDP(netip.MustParseAddrPort("[fe80::1%nosuch0]:0")); err == nil || !strings.Contains(err.Error(), "nosuch0") {
		t.Errorf("OpenUDP on an interface that is not there: %v", err)
	}
	for errno, want := range map[unix.Errno]error{
		unix.EACCES: ErrPermission, unix.EPERM: ErrPermission, unix.EMFILE: ErrTooManyFiles, unix.ENFILE: ErrTooManyFiles,
	} {
		err := openFailed("listen udp", netip.MustParseAddrPort("127.0.0.1:3478"), os.NewSyscallError("socket", errno))
		if !errors.Is(err, want) || !errors.Is(err, errno) {
			t.Errorf("%v: %v, want %v", errno, err, want)
		}
	}
}

func TestBuffers(t *testing.T) {
	t.Parallel()
	group, relay := linuxGroup(t, linuxLoopback4, 2), linuxRelay(t, linuxLoopback4)
	listenerReceive, listenerSend, err := group[1].(BufferSizer).Buffers()
	if err != nil {
		t.Fatal(err)
	}
	relayReceive, relaySend, err := relay.Buffers()
	if err != nil {
		t.Fatal(err)
	}
	// What is granted depends on privilege and limits; it is never less than what is asked for less.
	if listenerReceive < relayReceive || listenerSend < relaySend || relayReceive == 0 || relaySend == 0 {
		t.Errorf("listener %d and %d, relay %d and %d", listenerReceive, listenerSend, relayReceive, relaySend)
	}
	if os.Geteuid() == 0 && listenerReceive < listenerBuffer && unix.SetsockoptInt(relay.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20) == nil {
		t.Errorf("listener %d, although past the limit was allowed", listenerReceive)
	}
	relay.Close()
	if _, _, err := relay.Buffers(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
