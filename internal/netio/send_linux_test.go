package netio

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// One bad message of a batch, at any place in it, loses only itself.
func TestBadMessageLosesOnlyItself(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		other := netip.AddrPortFrom(linuxLoopback6, 1000)
		if loopback.Is6() {
			other = netip.AddrPortFrom(linuxLoopback4, 1000)
		}
		large := make([]byte, 65_536)
		bad := []struct {
			name string
			out  Out
			want error
		}{
			{"port 0", Out{Dst: netip.AddrPortFrom(loopback, 0)}, unix.EINVAL},
			{"other family", Out{Dst: other}, ErrUnreachable},
			{"mapped", Out{Dst: netip.MustParseAddrPort("[::ffff:127.0.0.1]:1000")}, ErrUnreachable},
			{"no destination", Out{}, ErrUnreachable},
			{"too large", Out{Dst: netip.AddrPortFrom(loopback, 1000), Payload: large[:maxPayload(loopback)+1]}, ErrMessageSize},
			{"too large in parts", Out{Dst: netip.AddrPortFrom(loopback, 1000), Header: large[:4], Payload: large[:maxPayload(loopback)-3]}, ErrMessageSize},
		}
		for _, b := range bad {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				p, from, to := linuxPoller(t), linuxRelay(t, loopback), linuxRelay(t, loopback)
				for _, at := range []int{0, 31, 63} {
					var outs []Out
					var want []string
					for i := range 64 {
						text := fmt.Sprint(i)
						outs = append(outs, Out{Socket: from, Dst: to.Local(), Payload: []byte(text)})
						if i == at {
							outs[i] = b.out
							outs[i].Socket = from
							continue
						}
						want = append(want, text)
					}
					f := p.Send(outs)
					if len(f) != 1 || f[0].Index != at || !errors.Is(f[0].Err, b.want) {
						t.Errorf("bad out %d: failures %v, want %v", at, f, b.want)
					}
					if got := payloads(receiveAll(t, to, 63)); !slices.Equal(got, want) {
						t.Errorf("bad out %d: received %q", at, got)
					}
				}
			})
		}
	})
}

func maxPayload(ip netip.Addr) int {
	if ip.Is4() {
		return 65_507
	}
	return 65_527
}

func TestSendGathersAndKeepsOrder(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		t.Run("plain", func(t *testing.T) { testSendGathersAndKeepsOrder(t, linuxPollerOf(t, withoutShortcuts), loopback) })
		t.Run("GSO", func(t *testing.T) {
			testSendGathersAndKeepsOrder(t, linuxPollerOf(t, PollerConfig{GSO: SwitchOn}), loopback)
		})
	})
}

func testSendGathersAndKeepsOrder(t *testing.T, p *poller, loopback netip.Addr) {
	from := []*socket{linuxRelay(t, loopback), linuxRelay(t, loopback), linuxRelay(t, loopback)}
	to := []*socket{linuxRelay(t, loopback), linuxRelay(t, loopback)}
	for place(to[0].Local()) == place(to[1].Local()) {
		to[1] = linuxRelay(t, loopback) // or one would have the other's runs forgotten
	}
	var outs []Out
	want := map[string][]string{}
	for i := range 400 { // several batches of each socket
		f, d := from[i%len(from)], to[i*i%7%len(to)]
		o := Out{Socket: f, Dst: d.Local(), DF: i%11 == 0}
		text := ""
		for k, part := range []*[]byte{&o.Header, &o.Payload, &o.Padding} {
			if i>>k&1 == 1 {
				*part = []byte(fmt.Sprintf("%c%d ", 'a'+k, i))
				text += string(*part)
			}
		}
		outs = append(outs, o)
		key := fmt.Sprint(f.Local(), d.Local())
		want[key] = append(want[key], text)
	}
	before := p.Counts()
	if f := p.Send(outs); len(f) != 0 {
		t.Fatalf("failures %v", f)
	}
	got := map[string][]string{}
	for _, d := range to {
		n := 0
		for _, f := range from {
			n += len(want[fmt.Sprint(f.Local(), d.Local())])
		}
		for _, packet := range receiveAll(t, d, n) {
			key := fmt.Sprint(packet.Addr, packet.Local)
			got[key] = append(got[key], string(packet.Payload))
		}
	}
	for key := range want {
		if !slices.Equal(got[key], want[key]) {
			t.Errorf("%s received %q, want %q", key, got[key], want[key])
		}
	}
	if n := p.Counts().SendDatagrams - before.SendDatagrams; n != uint64(len(outs)) {
		t.Errorf("counted %d datagrams of %d", n, len(outs))
	}
	if loopback.Is6() { // no option toggled: DF splits no batch
		want := uint64(9)
		if p.Shortcuts().GSO.Enabled {
			want = 6
		}
		if n := p.Counts().SendCalls - before.SendCalls; n != want {
			t.Errorf("%d system calls, want %d batches for each of 3 sockets", n, want/3)
		}
	}
}

// Datagrams of every size arrive whole, and up to 64 of the largest at once.
func TestSizes(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		p, from, to := linuxPoller(t), linuxRelay(t, loopback), linuxRelay(t, loopback)
		pattern := make([]byte, 65_536)
		for i := range pattern {
			pattern[i] = byte(i * 31 >> 3)
		}
		for _, size := range []int{0, 1, 1472, 1473, 9000, 65_507, maxPayload(loopback)} {
			for range 3 {
				cut := size / 3
				f := p.Send([]Out{{Socket: from, Dst: to.Local(), Header: pattern[:cut], Payload: pattern[cut:size]}})
				if len(f) != 0 {
					t.Fatalf("%d bytes: %v", size, f[0].Err)
				}
			}
			for _, packet := range receiveAll(t, to, 3) {
				if !bytes.Equal(packet.Payload, pattern[:size]) {
					t.Errorf("sent %d bytes, received %d", size, len(packet.Payload))
				}
				if packet.Addr != from.Local() || packet.Local != to.Local() {
					t.Errorf("received from %v at %v", packet.Addr, packet.Local)
				}
			}
		}
		if n := p.Counts().Truncated; n != 0 {
			t.Errorf("%d datagrams truncated", n)
		}
	})
}

// Several of the largest datagrams in the slots of one round do not touch each other.
func TestSlotsAreApart(t *testing.T) {
	t.Parallel()
	p, from, to := linuxPoller(t), linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	if err := p.Add(to, 1); err != nil {
		t.Fatal(err)
	}
	const n = 8
	var all []Packet
	for i := range n {
		if f := p.Send([]Out{{Socket: from, Dst: to.Local(), Payload: bytes.Repeat([]byte{byte('a' + i)}, 65_507)}}); len(f) != 0 {
			t.Fatal(f[0].Err)
		}
		if _, err := p.Wait(linuxPatience); err != nil {
			t.Fatal(err)
		}
		packets, err := p.Recv(to, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, packets...)
	}
	if len(all) != n || p.Room() != systemSlots-n {
		t.Fatalf("%d packets, room for %d", len(all), p.Room())
	}
	for i, packet := range all {
		if !bytes.Equal(packet.Payload, bytes.Repeat([]byte{byte('a' + i)}, 65_507)) {
			t.Errorf("packet %d changed", i)
		}
		if cap(packet.Payload) != len(packet.Payload) {
			t.Errorf("packet %d can be appended to", i)
		}
	}
	p.EndRound()
	if p.Room() != systemSlots {
		t.Errorf("after the round room for %d", p.Room())
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	p, err := System().NewPoller(PollerConfig{Slots: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	from, to := linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	if err := p.Add(to, 1); err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		sendOne(t, p.(*poller), from, to, fmt.Sprint(i))
	}
	var got []string
	for _, step := range []struct{ max, n, room int }{{2, 2, 3}, {0, 0, 3}, {-1, 0, 3}, {64, 3, 0}, {64, 0, 0}} {
		packets, err := p.Recv(to, step.max)
		if err != nil || len(packets) != step.n || p.Room() != step.room {
			t.Fatalf("Recv(%d): %d packets, room for %d, %v; want %+v", step.max, len(packets), p.Room(), err, step)
		}
		got = append(got, payloads(packets)...)
	}
	p.EndRound()
	packets, err := p.Recv(to, 64)
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, payloads(packets)...)
	if !slices.Equal(got, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8"}) {
		t.Errorf("received %q", got)
	}
	p.EndRound()
	if packets, err := p.Recv(to, 64); err != nil || len(packets) != 0 {
		t.Errorf("empty socket: %d packets, %v", len(packets), err)
	}
}

func TestTypeOfService(t *testing.T) {
	t.Parallel()
	forBothFamilies(t, func(t *testing.T, loopback netip.Addr) {
		p, from, to := linuxPoller(t), linuxRelay(t, loopback), linuxRelay(t, loopback)
		want := []uint8{0, 0xb8, 0, 0x02, 0x01, 0xff, 0x03, 0}
		var outs []Out
		for _, tos := range want {
			outs = append(outs, Out{Socket: from, Dst: to.Local(), TOS: tos, Payload: []byte("x")})
		}
		if f := p.Send(outs); len(f) != 0 {
			t.Fatalf("failures %v", f)
		}
		var got []uint8
		for _, packet := range receiveAll(t, to, len(want)) {
			got = append(got, packet.TOS)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("received %x, want %x", got, want)
		}
	})
}

// What is sent is the caller's memory, and what is received stays where it was put.
func TestSendReferencesPayload(t *testing.T) {
	t.Parallel()
	p, a, b := linuxPoller(t), linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	sendOne(t, p, a, b, "payload")
	if err := p.Add(b, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(linuxPatience); err != nil {
		t.Fatal(err)
	}
	packets, err := p.Recv(b, 1)
	if err != nil || len(packets) != 1 {
		t.Fatal(packets, err)
	}
	payload := packets[0].Payload
	var sent []unix.Iovec
	p.send.call = func(fd int, m []unix.Mmsghdr) (int, unix.Errno) {
		sent = append(sent, unsafe.Slice(m[0].Hdr.Iov, m[0].Hdr.Iovlen)...)
		return sendmmsg(fd, m)
	}
	if f := p.Send([]Out{{Socket: b, Dst: a.Local(), Header: []byte{0x40, 0, 0, 7}, Payload: payload, Padding: []byte{0}}}); len(f) != 0 {
		t.Fatal(f[0].Err)
	}
	if sent[1].Base != unsafe.SliceData(payload) || &p.receive.slots[0] != unsafe.SliceData(payload) {
		t.Error("the payload was copied")
	}
	if p.send.iovecs[1].Base != nil {
		t.Error("what was sent is held on to")
	}
	if got := payloads(receiveAll(t, a, 1)); got[0] != "@\x00\x00\apayload\x00" {
		t.Errorf("received %q", got)
	}
}

// The kernel shortens lengths in what it received into. The next datagram, of another socket, has all the room again.
func TestSlotServesAllSockets(t *testing.T) {
	t.Parallel()
	p := linuxPoller(t)
	for range 2 {
		for _, c := range []struct {
			to       Socket
			loopback netip.Addr
		}{
			{linuxRelay(t, linuxLoopback4), linuxLoopback4},
			{linuxGroup(t, netip.IPv6Unspecified(), 1)[0], linuxLoopback6},
			{linuxRelay(t, linuxLoopback6), linuxLoopback6},
			{linuxGroup(t, netip.IPv4Unspecified(), 1)[0], linuxLoopback4},
		} {
			from := linuxRelay(t, c.loopback)
			to := netip.AddrPortFrom(c.loopback, c.to.Local().Port())
			if f := p.Send([]Out{{Socket: from, Dst: to, TOS: 0x2e, Payload: []byte("x")}}); len(f) != 0 {
				t.Fatal(f[0].Err)
			}
			packets, err := p.Recv(c.to, 1)
			if err != nil || len(packets) != 1 {
				t.Fatalf("%d packets, %v", len(packets), err)
			}
			if got := packets[0]; got.Addr != from.Local() || got.Local != to || got.TOS != 0x2e {
				t.Errorf("received from %v at %v with type of service %#x, want %v and %v", got.Addr, got.Local, got.TOS, from.Local(), to)
			}
			p.EndRound()
		}
	}
}

// The socket's option is back as it was, or ICMP errors would be treated differently after a datagram with DF.
func TestDontFragmentIsTakenBack(t *testing.T) {
	t.Parallel()
	p, from, to := linuxPoller(t), linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	for _, outs := range [][]Out{nil, {{Socket: from, Dst: to.Local(), DF: true}}} {
		if f := p.Send(outs); len(f) != 0 {
			t.Fatal(f[0].Err)
		}
		mode, err := unix.GetsockoptInt(from.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
		if err != nil || mode != unix.IP_PMTUDISC_OMIT {
			t.Errorf("after %d datagrams with DF: IP_MTU_DISCOVER is %d, %v", len(outs), mode, err)
		}
	}
}

func TestSendErrors(t *testing.T) {
	t.Parallel()
	for errno, want := range map[unix.Errno]error{
		unix.EAGAIN: ErrWouldBlock, unix.ENOBUFS: ErrWouldBlock,
		unix.EPERM: ErrNotPermitted, unix.EACCES: ErrNotPermitted,
		unix.EMSGSIZE:    ErrMessageSize,
		unix.ENETUNREACH: ErrUnreachable, unix.EHOSTUNREACH: ErrUnreachable, unix.EADDRNOTAVAIL: ErrUnreachable,
		unix.EINVAL: unix.EINVAL, unix.ECONNREFUSED: unix.ECONNREFUSED,
	} {
		if got := sendError(errno); got != want {
			t.Errorf("%v: %v, want %v", errno, got, want)
		}
	}
}
