package netio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"turnout/internal/ci"
)

// Tests that need a network of their own: an MTU below the size of datagrams, raw sockets, a link that leads nowhere.

// rawSocket opens a raw socket, which sees what IPv4 really carried.
func rawSocket(t *testing.T, protocol int) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	timeout := unix.NsecToTimeval(linuxPatience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}
	return fd
}

// DF is set on the datagrams that ask for it and on no others, in one batch.
func TestDontFragmentOnTheWire(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	p, from, to := linuxPollerOf(t, withoutShortcuts), linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	raw := rawSocket(t, unix.IPPROTO_UDP) // it would see a run as one packet
	want := []bool{false, true, true, false, true, false}
	var outs []Out
	for _, df := range want {
		outs = append(outs, Out{Socket: from, Dst: to.Local(), DF: df, TOS: 0x88, Payload: make([]byte, 1000)})
	}
	if f := p.Send(outs); len(f) != 0 {
		t.Fatalf("failures %v", f)
	}
	b := make([]byte, 2000)
	for i, df := range want {
		if _, err := unix.Read(raw, b); err != nil {
			t.Fatal(err)
		}
		if got := b[6]&0x40 != 0; got != df || b[1] != 0x88 {
			t.Errorf("datagram %d: DF %v, type of service %#x, want DF %v", i, got, b[1], df)
		}
	}
}

// With DF, a datagram larger than the MTU fails and loses only itself; without, it is fragmented.
func TestDontFragmentAboveMTU(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, loopback := range []netip.Addr{linuxLoopback4, linuxLoopback6} {
		p, from, to := linuxPoller(t), linuxRelay(t, loopback), linuxRelay(t, loopback)
		if err := p.Add(from, 1); err != nil {
			t.Fatal(err)
		}
		var outs []Out
		for _, o := range []Out{
			{Payload: make([]byte, 4000)},
			{Payload: make([]byte, 1001), DF: true},
			{Payload: make([]byte, 4001), DF: true},
			{Payload: make([]byte, 1002), DF: true},
			{Payload: make([]byte, 4002)},
			{Payload: make([]byte, 1003)},
		} {
			o.Socket, o.Dst = from, to.Local()
			outs = append(outs, o)
		}
		if f := p.Send(outs); len(f) != 1 || f[0].Index != 2 || f[0].Err != ErrMessageSize {
			t.Errorf("%v: failures %v", loopback, f)
		}
		var sizes []int
		for _, packet := range receiveAll(t, to, 5) {
			sizes = append(sizes, len(packet.Payload))
		}
		if !slices.Equal(sizes, []int{4000, 1001, 1002, 4002, 1003}) {
			t.Errorf("%v: received %d", loopback, sizes)
		}
		// The kernel queues what it told the sender already. That is no ICMP error.
		if events, err := p.Wait(0); err != nil || len(events) != 1 || !events[0].Errored {
			t.Errorf("%v: events %+v, %v", loopback, events, err)
		}
		if e := p.RecvErrors(from); len(e) != 0 {
			t.Errorf("%v: errors %+v", loopback, e)
		}
		if events, err := p.Wait(0); err != nil || len(events) != 0 {
			t.Errorf("%v: events %+v, %v", loopback, events, err)
		}
	}
}

// ICMP type 3 code 4 answers a datagram with DF: it is reported with the MTU, costs no datagram, and does not change
// what is sent later without DF.
func TestFragmentationNeeded(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	p, relay, peer := linuxPoller(t), linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	raw := rawSocket(t, unix.IPPROTO_ICMP)
	message := icmpAbout(3, 4, 1280, relay.Local(), peer.Local(), 1400)
	if err := unix.Sendto(raw, message, 0, &unix.SockaddrInet4{Addr: linuxLoopback4.As4()}); err != nil {
		t.Fatal(err)
	}
	calls := p.Counts().SendCalls
	var outs []Out
	for i := range 4 {
		outs = append(outs, Out{Socket: relay, Dst: peer.Local(), DF: i == 2, Payload: make([]byte, 1400+i)})
	}
	if f := p.Send(outs); len(f) != 0 {
		t.Errorf("failures %v", f)
	}
	if n := p.Counts().SendCalls - calls; n != 4 {
		t.Errorf("%d calls for 3 batches: no error was pending", n)
	}
	receiveAll(t, peer, 4)
	want := ICMPError{Peer: peer.Local(), Type: 3, Code: 4, Info: 1280}
	if e := p.RecvErrors(relay); len(e) != 1 || e[0] != want {
		t.Errorf("errors %+v, want %+v", e, want)
	}
}

// icmpAbout is an ICMP message about a datagram of n bytes from one address to another.
func icmpAbout(typ, code byte, mtu uint16, from, to netip.AddrPort, n int) []byte {
	ip := make([]byte, 28)
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], uint16(28+n))
	copy(ip[12:], from.Addr().AsSlice())
	copy(ip[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(ip[10:], checksum(ip[:20]))
	binary.BigEndian.PutUint16(ip[20:], from.Port())
	binary.BigEndian.PutUint16(ip[22:], to.Port())
	binary.BigEndian.PutUint16(ip[24:], uint16(8+n))
	m := append([]byte{typ, code, 0, 0, 0, 0, byte(mtu >> 8), byte(mtu)}, ip...)
	binary.BigEndian.PutUint16(m[2:], checksum(m))
	return m
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// A socket whose buffer is full gives up what it cannot send, and no other socket suffers.
func TestSendBufferFull(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	tap(t, "tap0", netip.MustParseAddr("192.0.2.1"))
	p, to := linuxPoller(t), linuxRelay(t, linuxLoopback4)
	stuck, free := linuxRelay(t, netip.MustParseAddr("192.0.2.1")), linuxRelay(t, linuxLoopback4)
	if err := unix.SetsockoptInt(stuck.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<14); err != nil {
		t.Fatal(err)
	}
	// Nobody on the link answers for 192.0.2.2: what is sent to it waits for its hardware address.
	nowhere := netip.MustParseAddrPort("192.0.2.2:1000")
	var outs []Out
	var want []string
	for i := range 200 {
		if i%2 == 0 {
			outs = append(outs, Out{Socket: stuck, Dst: nowhere, Payload: make([]byte, 1000), DF: i%8 == 0})
			continue
		}
		want = append(want, fmt.Sprint(i))
		outs = append(outs, Out{Socket: free, Dst: to.Local(), Payload: []byte(want[len(want)-1])})
	}
	f := p.Send(outs)
	if len(f) == 0 || len(f) == 100 {
		t.Errorf("%d failures of 100", len(f))
	}
	for i, failure := range f {
		if failure.Err != ErrWouldBlock || failure.Index != 200-2*len(f)+2*i {
			t.Fatalf("failure %d of %d: out %d, %v", i, len(f), failure.Index, failure.Err)
		}
	}
	if got := payloads(receiveAll(t, to, 100)); !slices.Equal(got, want) {
		t.Errorf("received %q", got)
	}

	// One call tells that the buffer is full; the rest is not tried.
	var more []Out
	for i := range 10 {
		more = append(more, Out{Socket: stuck, Dst: nowhere, Payload: make([]byte, 1000), DF: i%2 == 0})
	}
	calls := p.Counts().SendCalls
	if f := p.Send(more); len(f) != len(more) {
		t.Errorf("%d failures of %d", len(f), len(more))
	}
	if n := p.Counts().SendCalls - calls; n != 1 {
		t.Errorf("%d system calls on a full socket", n)
	}
}

// tap makes an Ethernet interface with an address, and nobody behind it.
func tap(t *testing.T, name string, ip netip.Addr) {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		ci.Lacks(t, "this system lets the tests make no interface: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	r, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	r.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		t.Fatal(err)
	}
	setInterface(t, name, unix.SIOCSIFADDR, func(r *unix.Ifreq) {
		if err := r.SetInet4Addr(ip.AsSlice()); err != nil {
			t.Fatal(err)
		}
	})
	setInterface(t, name, unix.SIOCSIFNETMASK, func(r *unix.Ifreq) {
		if err := r.SetInet4Addr([]byte{255, 255, 255, 0}); err != nil {
			t.Fatal(err)
		}
	})
	setInterface(t, name, unix.SIOCSIFFLAGS, func(r *unix.Ifreq) { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING) })
}

// A broadcast is sent by nobody who did not ask to; a network without a route is told from a socket without a chance.
func TestNotPermittedAndUnreachable(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	p, bound, wildcard := linuxPoller(t), linuxRelay(t, linuxLoopback4), linuxRelay(t, netip.IPv4Unspecified())
	f := p.Send([]Out{
		{Socket: bound, Dst: netip.MustParseAddrPort("127.255.255.255:1000")},
		{Socket: wildcard, Dst: netip.MustParseAddrPort("198.51.100.1:1000")},
		{Socket: linuxRelay(t, linuxLoopback6), Dst: netip.MustParseAddrPort("[2001:db8::1]:1000")},
	})
	want := []error{ErrNotPermitted, ErrUnreachable, ErrUnreachable}
	if len(f) != len(want) {
		t.Fatalf("failures %v", f)
	}
	for i, failure := range f {
		if failure.Index != i || failure.Err != want[i] {
			t.Errorf("failure %+v, want %v", failure, want[i])
		}
	}
}

// A link-local socket reaches the addresses of its interface.
func TestLinkLocalScope(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	linkLocal := netip.MustParseAddr("fe80::5")
	addLoopbackAddress(t, linkLocal)
	p := linuxPoller(t)
	zoned := netip.AddrPortFrom(linkLocal.WithZone("lo"), 0)
	a, err := System().OpenUDP(zoned)
	for deadline := time.Now().Add(linuxPatience); errors.Is(err, ErrAddrNotAvailable) && time.Now().Before(deadline); {
		p.Wait(time.Millisecond) // the kernel makes an address available a little later than it accepts it
		a, err = System().OpenUDP(zoned)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b := linuxRelay(t, zoned.Addr())
	to := netip.AddrPortFrom(linkLocal, b.Local().Port())
	if f := p.Send([]Out{{Socket: a, Dst: to, Payload: []byte("x")}}); len(f) != 0 {
		t.Fatal(f[0].Err)
	}
	if got := receiveAll(t, b, 1)[0].Addr; got != netip.AddrPortFrom(linkLocal, a.Local().Port()) {
		t.Errorf("received from %v", got)
	}
}

// addLoopbackAddress gives the loopback interface, index 1 of every namespace, one more IPv6 address.
func addLoopbackAddress(t *testing.T, ip netip.Addr) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r := struct { // in6_ifreq
		addr   [16]byte
		prefix uint32
		index  int32
	}{ip.As16(), 64, 1}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&r))); errno != 0 {
		t.Fatal(errno)
	}
}

// A run of datagrams that the path takes in fragments only is refused, and its datagrams are sent by themselves; others go on
// to be sent together.
func TestRunAboveMTU(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, loopback := range []netip.Addr{linuxLoopback4, linuxLoopback6} {
		p, err := newPoller(PollerConfig{GSO: SwitchOn})
		if err != nil {
			ci.Lacks(t, "no GSO: %v", err)
		}
		defer p.Close()
		from, to, other := linuxRelay(t, loopback), linuxRelay(t, loopback), linuxRelay(t, loopback)
		for place(other.Local()) == place(to.Local()) { // they would make each other forgotten: see runTable
			other = linuxRelay(t, loopback)
		}
		var outs []Out
		var want []int
		for i, n := range []int{4000, 4000, 4000, 700, 1400, 1400, 1400, 1000} {
			outs = append(outs, Out{Socket: from, Dst: to.Local(), Payload: pattern(n, byte(i))}, Out{Socket: from, Dst: other.Local(), Payload: make([]byte, 100)})
			want = append(want, n)
		}
		if f := p.Send(outs); len(f) != 0 {
			t.Fatalf("%v: failures %v", loopback, f)
		}
		var got []int
		for i, packet := range receiveAll(t, to, len(want)) {
			got = append(got, len(packet.Payload))
			if !slices.Equal(packet.Payload, pattern(want[i], byte(i))) {
				t.Errorf("%v: datagram %d changed", loopback, i)
			}
		}
		receiveAll(t, other, len(want))
		if !slices.Equal(got, want) {
			t.Errorf("%v: received %d, want %d", loopback, got, want)
		}
		if n := p.Counts(); n.GSOMessages != 2 || n.GSOSegments != 12 || !p.Shortcuts().GSO.Enabled {
			t.Errorf("%v: counted %+v, %+v", loopback, n, p.Shortcuts())
		}
	}
}

// With DF every datagram of a run has it, and those above the MTU fail one by one.
func TestRunWithDontFragment(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, loopback := range []netip.Addr{linuxLoopback4, linuxLoopback6} {
		p, err := newPoller(PollerConfig{GSO: SwitchOn})
		if err != nil {
			ci.Lacks(t, "no GSO: %v", err)
		}
		defer p.Close()
		from, to := linuxRelay(t, loopback), linuxRelay(t, loopback)
		var outs []Out
		for _, n := range []int{1400, 1400, 1400, 1601, 1601, 9, 1400, 1400} {
			outs = append(outs, Out{Socket: from, Dst: to.Local(), DF: true, Payload: make([]byte, n)})
		}
		f := p.Send(outs)
		if len(f) != 2 || f[0] != (Failure{3, ErrMessageSize}) || f[1] != (Failure{4, ErrMessageSize}) {
			t.Errorf("%v: failures %v", loopback, f)
		}
		var got []int
		for _, packet := range receiveAll(t, to, 6) {
			got = append(got, len(packet.Payload))
		}
		if !slices.Equal(got, []int{1400, 1400, 1400, 9, 1400, 1400}) {
			t.Errorf("%v: received %d", loopback, got)
		}
		if n := p.Counts(); n.GSOMessages != 2 || n.GSOSegments != 5 || !p.Shortcuts().GSO.Enabled {
			t.Errorf("%v: counted %+v, %+v", loopback, n, p.Shortcuts())
		}
	}
}
