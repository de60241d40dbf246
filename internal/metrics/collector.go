package metrics

import (
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"turnout/allocation"
	"turnout/internal/secure"
	"turnout/relay"
)

// A collector gives the metrics of one reading at each scrape. Safe for concurrent use.
type collector struct {
	build   Build
	read    func() (snapshot, bool)
	secured func() secure.Stats
}

func newCollector(build Build, read func() (snapshot, bool), secured func() secure.Stats) *collector {
	return &collector{build, read, secured}
}

// Describe tells every metric there can be.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range all {
		ch <- d
	}
}

// Collect reads the relay once.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	e := readings{ch}
	e.gauge(buildInfo, 1, c.build.Version, c.build.Revision, runtime.Version())
	over := c.secured()
	for key, expires := range over.Expiries { // of the service's too, which may be without a relay
		e.send(certificate, prometheus.GaugeValue, float64(expires.Unix()), key)
	}
	s, ok := c.read()
	if !ok {
		return
	}
	e.state(&s)
	e.relayed(&s)
	e.system(&s)
	e.handshakes(&over)
	s.counted.EachRequest(func(method string, code int, n uint64) { e.counter(requests, n, method, strconv.Itoa(code)) })
	s.counted.EachDrop(func(reason string, n uint64) { e.counter(drops, n, reason) })
	s.counted.EachLimit(func(limit string, n uint64) { e.counter(limits, n, limit) })
	s.counted.EachAuthentication(func(result string, n uint64) { e.counter(authentication, n, result) })
	collectHistograms(ch, s.Stats)
}

// A readings sends what was read of the relay.
type readings struct{ ch chan<- prometheus.Metric }

func (e readings) send(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(d, t, v, labels...)
}

func (e readings) gauge(d *prometheus.Desc, v int, labels ...string) {
	e.send(d, prometheus.GaugeValue, float64(v), labels...)
}

func (e readings) counter(d *prometheus.Desc, v uint64, labels ...string) {
	e.send(d, prometheus.CounterValue, float64(v), labels...)
}

// state is what there is now, and what was begun and moved.
func (e readings) state(s *snapshot) {
	for _, t := range []allocation.Transport{allocation.UDP, allocation.TCP, allocation.TLS, allocation.DTLS} {
		e.gauge(allocations, s.AllocationsBy[t], t.String()) // zeros too, so that a rate has a start
	}
	e.counter(started, s.AllocationsTotal)
	e.counter(moves, s.Moves)
	e.counter(handOvers, s.HandOvers)
	e.gauge(connections, s.Streams)
	e.gauge(ports, s.Ports)
	e.gauge(portsInUse, s.PortsInUse)
	e.gauge(tcpPorts, s.TCPPorts)
	e.gauge(tcpPortsInUse, s.TCPPortsInUse)
	e.gauge(peers, s.PeerConnections)
	e.gauge(draining, boolean(s.Draining))
	e.gauge(budgetsSpent, s.BudgetsSpent)
}

// relayed is what passed, and what was lost on the way.
func (e readings) relayed(s *snapshot) {
	s.counted.EachTraffic(func(direction, family string, t relay.Traffic) {
		e.counter(packets, t.Packets, direction, family)
		e.counter(bytes, t.Bytes, direction, family)
	})
	e.counter(socketDrops, s.ListenerDrops, "listener")
	e.counter(socketDrops, s.RelayDrops, "relay")
	e.counter(streamsCut, s.StreamsCut)
	e.counter(panics, s.Panics)
}

// system is what the relay asked of the system.
func (e readings) system(s *snapshot) {
	for i, t := range s.WorkersCPU {
		e.send(workerCPU, prometheus.CounterValue, t.Seconds(), strconv.Itoa(i))
	}
	e.counter(recvCalls, s.RecvCalls)
	e.counter(recvDatagrams, s.RecvDatagrams)
	e.counter(sendCalls, s.SendCalls)
	e.counter(sendDatagrams, s.SendDatagrams)
	e.counter(gsoMessages, s.GSOMessages)
	e.counter(gsoSegments, s.GSOSegments)
	e.counter(groMessages, s.GROMessages)
	e.counter(groSegments, s.GROSegments)
	e.gauge(shortcut, boolean(s.GSO), "gso")
	e.gauge(shortcut, boolean(s.GRO), "gro")
}

// handshakes is what happened before the relay.
func (e readings) handshakes(over *secure.Stats) {
	over.EachDrop(func(reason string, n uint64) { e.counter(drops, n, reason) })
	over.EachHandshake(func(transport, result string, n uint64) { e.counter(handshakes, n, transport, result) })
	e.gauge(halfOpen, over.HalfOpen)
	e.counter(passedOn, over.PassedOn)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
