package netio

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkEcho measures rounds that receive about 200 datagrams and send each back: of one flow, as a file transfer has it,
// of 200 flows, as voice calls have them, and of 200 flows with a video frame each, which are 8 datagrams.
//
// ns/echo is processor time of the echoing end alone, so that others on the machine do not count, and counts a datagram
// received and sent once; the kernel delivers it within the send. Datagrams per system call are of that end too.
func BenchmarkEcho(b *testing.B) {
	for _, flows := range []struct{ sockets, each int }{{1, 192}, {200, 1}, {200, 8}} {
		for _, size := range []int{160, 1200} {
			for _, shortcuts := range []Switch{SwitchOff, SwitchOn} {
				b.Run(fmt.Sprintf("flows=%d/each=%d/bytes=%d/shortcuts=%v", flows.sockets, flows.each, size, shortcuts == SwitchOn), func(b *testing.B) {
					c := PollerConfig{GSO: shortcuts, GRO: shortcuts}
					benchmarkEcho(b, linuxPollerOf(b, c), linuxPollerOf(b, c), flows.sockets, flows.each, size)
				})
			}
		}
	}
}

func benchmarkEcho(b *testing.B, server, client *poller, sockets, each, size int) {
	from := linuxGroup(b, linuxLoopback4, 1)[0]
	echo := make([]*socket, sockets)
	payload := make([]byte, size-4)
	var requests []Out
	for i := range echo {
		echo[i] = linuxRelay(b, linuxLoopback4)
		if err := server.Add(echo[i], uint64(i)); err != nil {
			b.Fatal(err)
		}
		for range each {
			requests = append(requests, Out{Socket: from, Dst: echo[i].Local(), Payload: payload})
		}
	}
	header := make([]byte, 4)
	outs := make([]Out, 0, systemSlots)
	echoed := 0
	var took int64
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		if f := client.Send(requests); len(f) != 0 {
			b.Fatal(f[0].Err)
		}
		start := processorTime(b)
		for left := len(requests); left > 0; {
			events, err := server.Wait(-1)
			if err != nil {
				b.Fatal(err)
			}
			flush := func() {
				left -= len(outs)
				if f := server.Send(outs); len(f) != 0 {
					b.Fatal(f[0].Err)
				}
				outs = outs[:0]
				server.EndRound()
			}
			for _, e := range events {
				if server.Room() == 0 {
					flush()
				}
				s := echo[e.ID]
				packets, err := server.Recv(s, 64)
				if err != nil {
					b.Fatal(err)
				}
				for _, p := range packets {
					outs = append(outs, Out{Socket: s, Dst: p.Addr, TOS: p.TOS, Header: header, Payload: p.Payload})
				}
			}
			flush()
		}
		took += processorTime(b) - start
		echoed += len(requests)
		for left := len(requests); left > 0; client.EndRound() {
			packets, err := client.Recv(from, 64)
			if err != nil || len(packets) == 0 {
				b.Fatal(len(packets), err)
			}
			left -= len(packets)
		}
	}
	n := server.Counts()
	b.ReportMetric(float64(took)/float64(echoed), "ns/echo")
	b.ReportMetric(float64(n.RecvDatagrams)/float64(n.RecvCalls), "recv/call")
	b.ReportMetric(float64(n.SendDatagrams)/float64(n.SendCalls), "sent/call")
}

// BenchmarkTransfer moves bytes between two TCP connections on loopback, in the kernel and through a buffer.
func BenchmarkTransfer(b *testing.B) {
	const piece = 64 << 10
	for _, way := range []string{"splice", "copy"} {
		b.Run(way, func(b *testing.B) {
			n := System()
			var ends [2][2]net.Conn
			for i := range ends {
				l, err := n.ListenTCP(anyPort4)
				if err != nil {
					b.Fatal(err)
				}
				if ends[i][0], err = net.Dial("tcp4", l.Addr().String()); err != nil {
					b.Fatal(err)
				}
				if ends[i][1], err = l.Accept(); err != nil {
					b.Fatal(err)
				}
				l.Close()
				defer ends[i][0].Close()
				defer ends[i][1].Close()
			}
			in := ends[0][1]
			if way == "copy" {
				in = wrapped{in}
			}
			go func() { _ = n.Transfer(ends[1][0], in, func(int) {}) }()
			go func() {
				data := make([]byte, piece)
				for range b.N {
					if _, err := ends[0][0].Write(data); err != nil {
						return
					}
				}
			}()
			b.SetBytes(piece)
			b.ResetTimer()
			if _, err := io.CopyN(io.Discard, ends[1][1], int64(b.N)*piece); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// processorTime is what this thread has used, in nanoseconds.
func processorTime(b *testing.B) int64 {
	b.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return t.Nano()
}

// BenchmarkNewDrops asks a socket what it dropped, as a scrape does with every one.
func BenchmarkNewDrops(b *testing.B) {
	s, err := System().OpenUDP(netip.AddrPortFrom(loopback4, 0))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	counter := s.(DropCounter)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := counter.NewDrops(); err != nil {
			b.Fatal(err)
		}
	}
}
