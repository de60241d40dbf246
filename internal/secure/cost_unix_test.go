//go:build unix

package secure

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"turnout/internal/netio"
)

// BenchmarkForgedHello is what a ClientHello from an address of its own costs, its
// answer and its end included, when more come than may be under way: processor
// time of the process, that of the in-memory network with it.
func BenchmarkForgedHello(b *testing.B) {
	network := netio.NewMemory()
	h := newHub(b, network, nil)
	h.handshakes.spaced = 0 // else most would not begin
	at, stop := h.datagrams(netip.MustParseAddrPort("127.0.0.1:5349"))
	defer stop()
	hello := datagramHello(0)
	b.ReportAllocs()
	before := processorTime(b)
	n := uint32(0)
	for b.Loop() {
		n++
		var from [4]byte
		binary.BigEndian.PutUint32(from[:], 9<<24|n&0xffffff)
		socket, err := network.ListenPacket(netip.AddrPortFrom(netip.AddrFrom4(from), 4000))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := socket.WriteToAddrPort(hello, at); err != nil {
			b.Fatal(err)
		}
		if _, err := socket.ReadPacket(); err != nil {
			b.Fatal(err)
		}
		socket.Close()
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
