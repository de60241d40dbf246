package netio

import (
	"fmt"
	"io"
	"net"
	"testing"
)

// BenchmarkEcho measures rounds that receive about 200 datagrams of 160 bytes and send each back: over one socket, as a
// listener has it, over 200, as the relay sockets of voice calls have it, and over 10 that have more to read at a time.
//
// ns/echo is for both ends, which run in one goroutine: each datagram is sent and received twice, and the kernel delivers it
// within the send. Datagrams per system call are of the echoing end.
func BenchmarkEcho(b *testing.B) {
	for _, c := range []struct{ sockets, each int }{{1, 192}, {200, 1}, {10, 20}} {
		b.Run(fmt.Sprintf("sockets=%d", c.sockets), func(b *testing.B) { benchmarkEcho(b, c.sockets, c.each) })
	}
}

func benchmarkEcho(b *testing.B, sockets, each int) {
	server, client := linuxPoller(b), linuxPoller(b)
	from := linuxGroup(b, linuxLoopback4, 1)[0]
	echo := make([]*socket, sockets)
	payload := make([]byte, 160)
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
	header := []byte{0x40, 0, 0, 160}
	outs := make([]Out, 0, systemSlots)
	echoed := 0
	for b.Loop() {
		if f := client.Send(requests); len(f) != 0 {
			b.Fatal(f[0].Err)
		}
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
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(echoed), "ns/echo")
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
