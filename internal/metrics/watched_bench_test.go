package metrics

import (
	"context"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/callers"
	"turnout/internal/secure"
	"turnout/relay"
	"turnout/stun"
)

const (
	watchedFlows = 512
	watchedRate  = 40 // packets a millisecond
	watchedSlice = time.Second
)

// BenchmarkWatched tells what watching a relay costs its worker: two relays take turns, a second each, with the same load on
// real sockets. One measures the latency of a sample and is scraped once in its second, the other does neither. What the
// worker's thread used is divided by what it relayed. Run it with -benchtime 20x or more: it is a mean of differences, and its
// standard error is told beside it.
func BenchmarkWatched(b *testing.B) {
	plain, watched := newLoaded(b, -1), newLoaded(b, 0)
	handler := promhttp.HandlerFor(New(Build{}, func() (relay.Stats, bool) {
		if err := watched.server.Survey(b.Context()); err != nil {
			b.Error(err)
		}
		return watched.server.Stats(), true
	}, func() secure.Stats { return secure.Stats{} }, nil), promhttp.HandlerOpts{})
	var costs [2][]float64
	var scraping time.Duration
	for i := 0; b.Loop(); i++ {
		for k := range 2 {
			which := (i + k) % 2 // who begins changes
			if which == 0 {
				costs[0] = append(costs[0], plain.slice(b, func() {}))
				continue
			}
			costs[1] = append(costs[1], watched.slice(b, func() {
				began := time.Now()
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil))
				scraping += time.Since(began)
			}))
		}
	}
	n := float64(len(costs[0]))
	var sum, squares, base float64
	for i := range costs[0] {
		d := costs[1][i] - costs[0][i]
		sum, squares, base = sum+d, squares+d*d, base+costs[0][i]
	}
	b.ReportMetric(base/n, "ns/packet")
	b.ReportMetric(sum/n, "ns/packet-more")
	b.ReportMetric(math.Sqrt(max(0, squares/n-sum/n*sum/n)/n), "ns/packet-error")
	b.ReportMetric(100*sum/base, "%-more")
	b.ReportMetric(float64(scraping.Microseconds())/n, "µs/scrape")
}

// A loaded relay has flows whose peers send back what they get.
type loaded struct {
	server  *relay.Server
	clients []net.Conn
	next    int
}

func newLoaded(b *testing.B, sample int) *loaded {
	b.Helper()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "watched", Users: map[string]string{"alice": "wonderland"}})
	if err != nil {
		b.Fatal(err)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	l := &loaded{}
	l.server, err = relay.New(relay.Config{
		Realm: "watched", Workers: 1, Verifier: verifier, NoTCP: true, LatencySample: sample,
		Listeners:      []relay.Listener{{Transport: allocation.UDP, Addr: netip.AddrPortFrom(loopback, 0)}},
		RelayAddresses: []allocation.RelayAddress{{Bind: loopback}}, PeersAllow: []netip.Prefix{netip.PrefixFrom(loopback, 32)},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- l.server.Serve(ctx) }()
	b.Cleanup(func() { cancel(); <-served })
	peer := echo(b)
	key := auth.DeriveKey(nil, auth.MD5, "alice", "watched", "wonderland")
	for range watchedFlows {
		l.clients = append(l.clients, call(b, l.server.Addrs()[0].Addr, peer, key))
	}
	return l
}

// echo is a peer that sends everything back.
func echo(b *testing.B) netip.AddrPort {
	b.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	b.Cleanup(func() { conn.Close(); done.Wait() })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// call makes a client with a channel to the peer. It does not read what comes back: its socket's buffer is full soon, and
// the rest costs the relay as much as if it did.
func call(b *testing.B, server, peer netip.AddrPort, key []byte) net.Conn {
	b.Helper()
	conn, err := net.Dial("udp", server.String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	buf := make([]byte, 2048)
	c := callers.Caller{Username: "alice", Realm: "watched", Key: key, Ask: func(request []byte) ([]byte, error) {
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		n, err := conn.Read(buf)
		return buf[:n], err
	}}
	if err := c.Allocate(); err != nil {
		b.Fatal(err)
	}
	if err := c.Request(stun.MethodChannelBind, func(m *stun.Builder) {
		m.AddChannelNumber(0x4000)
		m.AddXORAddrPort(stun.AttrXORPeerAddress, peer)
	}); err != nil {
		b.Fatal(err)
	}
	return conn
}

// slice loads the relay for a while, has something done in the middle of it, and returns nanoseconds of its worker for each
// packet that was relayed.
func (l *loaded) slice(b *testing.B, middle func()) float64 {
	b.Helper()
	read := func() (cpu time.Duration, packets uint64) {
		if err := l.server.Survey(b.Context()); err != nil {
			b.Fatal(err)
		}
		s := l.server.Stats()
		return s.WorkersCPU[0], s.ToPeers.Packets + s.ToClients.Packets
	}
	var stop atomic.Bool
	var done sync.WaitGroup
	done.Go(func() {
		time.AfterFunc(watchedSlice/2, middle)
		l.send(&stop)
	})
	cpu, packets := read()
	<-time.After(watchedSlice)
	cpuThen, packetsThen := read()
	stop.Store(true)
	done.Wait()
	return float64(cpuThen-cpu) / float64(packetsThen-packets)
}

// send sends at the rate, from one client after the other.
func (l *loaded) send(stop *atomic.Bool) {
	data := make([]byte, stun.ChannelHeaderSize+160)
	stun.PutChannelHeader(data, 0x4000, 160)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !stop.Load() {
		for range watchedRate {
			_, _ = l.clients[l.next%len(l.clients)].Write(data)
			l.next++
		}
		<-tick.C
	}
}
