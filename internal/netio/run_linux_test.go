package netio

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sentMessage is a message as sendmmsg was given it.
type sentMessage struct {
	fd      int
	dst     netip.AddrPort
	tos     uint8
	df      bool
	segment int // UDP_SEGMENT, 0 for none
	iovecs  []unix.Iovec
	bytes   int
}

// String is the message as the cases below write it: a length, or lengths of segments.
func (m sentMessage) String() string {
	if m.segment == 0 {
		return fmt.Sprint(m.bytes)
	}
	n := (m.bytes + m.segment - 1) / m.segment
	return fmt.Sprintf("%d x %d, %d", n-1, m.segment, m.bytes-(n-1)*m.segment)
}

func messageOf(fd int, h *unix.Msghdr) sentMessage {
	m := sentMessage{fd: fd, dst: (*sockaddr)(unsafe.Pointer(h.Name)).addrPort(), iovecs: slices.Clone(unsafe.Slice(h.Iov, h.Iovlen))}
	for _, v := range m.iovecs {
		m.bytes += int(v.Len)
	}
	for b := unsafe.Slice(h.Control, h.Controllen); ; {
		level, typ, value, rest, ok := nextControl(b)
		if !ok {
			return m
		}
		switch {
		case level == unix.SOL_UDP && typ == unix.UDP_SEGMENT:
			m.segment = int(*(*uint16)(unsafe.Pointer(&value[0])))
		case typ == unix.IP_TOS || typ == unix.IPV6_TCLASS:
			m.tos = value[0]
		case typ == unix.IPV6_DONTFRAG:
			m.df = true
		}
		b = rest
	}
}

// A fakeKernel answers sendmmsg.
type fakeKernel struct {
	sent    []sentMessage
	refuses func(sentMessage) unix.Errno // nil: sends all
	calls   int
}

func (k *fakeKernel) sendmmsg(fd int, m []unix.Mmsghdr) (int, unix.Errno) {
	k.calls++
	for i := range m {
		message := messageOf(fd, &m[i].Hdr)
		if k.refuses != nil {
			if errno := k.refuses(message); errno != 0 {
				if i == 0 {
					return 0, errno
				}
				return i, 0
			}
		}
		k.sent = append(k.sent, message)
	}
	return len(m), 0
}

// runPoller is a poller with GSO whose messages go to a kernel of the test's.
func runPoller(t testing.TB) (*poller, *fakeKernel) {
	t.Helper()
	p, k := linuxPollerOf(t, PollerConfig{}), &fakeKernel{}
	p.shortcuts.GSO = Shortcut{Enabled: true} // whatever this kernel is
	p.send.call = k.sendmmsg
	return p, k
}

var (
	runPeer  = netip.MustParseAddrPort("192.0.2.1:1000")
	runPeer6 = netip.MustParseAddrPort("[2001:db8::1]:1000")
)

// otherPeers are n destinations, whose runs are not forgotten for each other's or runPeer's sake.
func otherPeers(n int) (all []netip.AddrPort) {
	taken := map[uint8]bool{place(runPeer): true}
	for port := uint16(1001); len(all) < n; port++ {
		d := netip.AddrPortFrom(runPeer.Addr(), port)
		if !taken[place(d)] {
			taken[place(d)] = true
			all = append(all, d)
		}
	}
	return all
}

func TestRuns(t *testing.T) {
	t.Parallel()
	other := otherPeers(2)
	to := func(d netip.AddrPort, lengths ...int) (outs []Out) {
		for _, n := range lengths {
			outs = append(outs, Out{Dst: d, Payload: make([]byte, n)})
		}
		return outs
	}
	change := func(o Out, f func(*Out)) []Out { f(&o); return []Out{o} }
	join := func(parts ...[]Out) []Out { return slices.Concat(parts...) }
	repeat := func(n, length int) []int { return slices.Repeat([]int{length}, n) }
	one := to(runPeer, 100)[0]
	for _, c := range []struct {
		name string
		outs []Out
		want []string
	}{
		{"one", to(runPeer, 100), []string{"100"}},
		{"equal", to(runPeer, 100, 100, 100), []string{"2 x 100, 100"}},
		{"last shorter", to(runPeer, 100, 100, 1), []string{"2 x 100, 1"}},
		{"nothing behind a shorter one", to(runPeer, 100, 40, 100, 100), []string{"1 x 100, 40", "1 x 100, 100"}},
		{"not even one of its length", to(runPeer, 100, 40, 40), []string{"1 x 100, 40", "40"}},
		{"longer", to(runPeer, 40, 100, 100), []string{"40", "1 x 100, 100"}},
		{"growing", to(runPeer, 1, 2, 3), []string{"1", "2", "3"}},
		{"empty alone", to(runPeer, 0, 0), []string{"0", "0"}},
		{"empty first", to(runPeer, 0, 10, 10), []string{"0", "1 x 10, 10"}},
		{"empty between", to(runPeer, 10, 0, 10, 10), []string{"10", "0", "1 x 10, 10"}},
		{"empty last", to(runPeer, 10, 10, 0), []string{"1 x 10, 10", "0"}},
		{"64 segments", to(runPeer, repeat(130, 8)...), []string{"63 x 8, 8", "63 x 8, 8", "1 x 8, 8"}},
		{"65,507 bytes", to(runPeer, 32753, 32753, 1), []string{"2 x 32753, 1"}},
		{"65,508 bytes", to(runPeer, 32753, 32753, 2), []string{"1 x 32753, 32753", "2"}},
		{"65,507 bytes exactly", to(runPeer, 32754, 32753), []string{"1 x 32754, 32753"}},
		{"one byte more", to(runPeer, 32754, 32754), []string{"32754", "32754"}},
		{"the largest", to(runPeer, 65507, 65507), []string{"65507", "65507"}},
		{"two destinations, in turn", join(to(runPeer, 9), to(other[0], 7), to(runPeer, 9), to(other[0], 7), to(runPeer, 9)), []string{"2 x 9, 9", "1 x 7, 7"}},
		{"another length in between", join(to(runPeer, 9), to(other[0], 7), to(runPeer, 11), to(other[0], 7), to(runPeer, 9)), []string{"9", "1 x 7, 7", "1 x 11, 9"}},
		{"type of service", join(to(runPeer, 9), change(one, func(o *Out) { o.TOS = 0xb8 }), to(runPeer, 9, 9)), []string{"9", "100", "1 x 9, 9"}},
		{"equal type of service", slices.Repeat(change(one, func(o *Out) { o.TOS = 0xb8 }), 3), []string{"2 x 100, 100"}},
		{"DF", join(to(runPeer, 9, 9), slices.Repeat(change(one, func(o *Out) { o.DF = true }), 2), to(runPeer, 9, 9)), []string{"1 x 9, 9", "1 x 100, 100", "1 x 9, 9"}},
		{"parts count together", join(
			change(one, func(o *Out) { o.Header, o.Payload = make([]byte, 4), make([]byte, 6) }),
			change(one, func(o *Out) { o.Header, o.Payload, o.Padding = make([]byte, 4), make([]byte, 3), make([]byte, 3) }),
			change(one, func(o *Out) { o.Payload = make([]byte, 10) }),
			change(one, func(o *Out) { o.Header, o.Payload = make([]byte, 4), nil })), []string{"3 x 10, 4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, k := runPoller(t)
			s := linuxRelay(t, linuxLoopback4)
			for i := range c.outs {
				c.outs[i].Socket = s
			}
			if f := p.Send(c.outs); len(f) != 0 {
				t.Fatalf("failures %v", f)
			}
			var got []string
			var messages, segments uint64
			for _, m := range k.sent {
				got = append(got, m.String())
				if m.segment > 0 {
					messages++
					segments += uint64((m.bytes + m.segment - 1) / m.segment)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("sent %q, want %q", got, c.want)
			}
			if n := p.Counts(); n.SendDatagrams != uint64(len(c.outs)) || n.GSOMessages != messages || n.GSOSegments != segments {
				t.Errorf("counted %+v", n)
			}
		})
	}
}

// A wildcard socket's datagrams leave from different addresses: never in one run.
func TestRunsHaveOneSource(t *testing.T) {
	t.Parallel()
	p, k := runPoller(t)
	s := linuxGroup(t, netip.IPv4Unspecified(), 1)[0]
	var outs []Out
	for _, last := range []byte{1, 1, 2, 2, 1} {
		outs = append(outs, Out{Socket: s, Dst: runPeer, Local: netip.AddrFrom4([4]byte{127, 0, 0, last}), Payload: []byte("x")})
	}
	if f := p.Send(outs); len(f) != 0 {
		t.Fatalf("failures %v", f)
	}
	if got := fmt.Sprint(k.sent); got != "[1 x 1, 1 1 x 1, 1 1]" {
		t.Errorf("sent %v", got)
	}
}

// Whatever is sent, every message is one that the kernel takes, refers to the payloads where they are, and the datagrams
// of one socket to one destination leave in order.
func TestRunsKeepOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	p, k := runPoller(t)
	sockets := []*socket{linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback6), linuxRelay(t, linuxLoopback4)}
	lengths := []int{0, 1, 40, 40, 40, 40, 100, 1200, 33000}
	for round := range 300 {
		destinations := 1 << random.IntN(11) // up to many more than the table keeps apart
		memory := make([]byte, 1<<16)
		var outs []Out
		for range random.IntN(600) {
			s := sockets[random.IntN(len(sockets))]
			peer := runPeer.Addr()
			if s.family == unix.AF_INET6 {
				peer = runPeer6.Addr()
			}
			length := lengths[random.IntN(1+round%len(lengths))]
			cut := random.IntN(length + 1)
			o := Out{Socket: s, Dst: netip.AddrPortFrom(peer, uint16(1000+random.IntN(destinations)))}
			o.Header, o.Payload = memory[:cut], memory[cut:length]
			if round%3 == 0 {
				o.TOS = uint8(random.IntN(2)) * 0xb8
			}
			if round%5 == 0 {
				o.DF = random.IntN(4) == 0
			}
			outs = append(outs, o)
		}
		k.sent = k.sent[:0]
		if f := p.Send(outs); len(f) != 0 {
			t.Fatalf("failures %v", f)
		}
		checkRuns(t, outs, k.sent)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

type flow struct {
	fd  int
	dst netip.AddrPort
}

// checkRuns compares messages with the outs they were made of.
func checkRuns(t *testing.T, outs []Out, sent []sentMessage) {
	t.Helper()
	want := map[flow][]*Out{}
	for i := range outs {
		f := flow{outs[i].Socket.(*socket).fd, outs[i].Dst}
		want[f] = append(want[f], &outs[i])
	}
	for _, m := range sent {
		f := flow{m.fd, m.dst}
		segment := m.segment
		if segment == 0 {
			segment = m.bytes
		} else if n := (m.bytes + segment - 1) / segment; n < 2 || n > maxSegments || m.bytes > maxRunBytes || len(m.iovecs) > 1024 {
			t.Errorf("a message of %d segments, %d bytes and %d parts", n, m.bytes, len(m.iovecs))
		}
		for left := m.bytes; left > 0 || m.bytes == 0; left -= segment {
			if len(want[f]) == 0 {
				t.Errorf("more datagrams to %v than asked for", f)
				return
			}
			o := want[f][0]
			want[f] = want[f][1:]
			if o.length() != min(segment, left) || o.TOS != m.tos {
				t.Errorf("a datagram of %d bytes and type of service %#x, want %d and %#x", min(segment, left), m.tos, o.length(), o.TOS)
				return
			}
			for _, part := range [][]byte{o.Header, o.Payload, o.Padding} {
				if len(part) == 0 {
					continue
				}
				if m.iovecs[0].Base != unsafe.SliceData(part) || int(m.iovecs[0].Len) != len(part) {
					t.Error("a part is not where it was")
				}
				m.iovecs = m.iovecs[1:]
			}
			if m.bytes == 0 {
				break
			}
		}
	}
	for f, left := range want {
		if len(left) > 0 {
			t.Errorf("%d datagrams to %v were not sent", len(left), f)
		}
	}
}
