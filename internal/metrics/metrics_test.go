package metrics

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"turnout/allocation"
	"turnout/internal/secure"
	"turnout/relay"
)

// words is what a relay would count.
type words struct{}

func (words) EachRequest(yield func(method string, code int, n uint64)) {
	yield("allocate", 0, 7)
	yield("allocate", 401, 8)
}

func (words) EachDrop(yield func(reason string, n uint64)) { yield("no_permission", 3) }

func (words) EachLimit(yield func(limit string, n uint64)) { yield("new_peers", 14) }

func (words) EachAuthentication(yield func(result string, n uint64)) { yield("ok", 4) }

func (words) EachTraffic(yield func(direction, family string, t relay.Traffic)) {
	yield("from_client", "ipv4", relay.Traffic{Packets: 11, Bytes: 12})
	yield("to_peer", "ipv6", relay.Traffic{Packets: 17, Bytes: 18})
}

// tally is a small histogram whose every number tells of n.
func tally(n uint64) relay.Histogram {
	return relay.Histogram{
		Count: n + 3, Sum: float64(n), Schema: 1, Zero: 1, ZeroThreshold: 0.5, First: -1, Buckets: []uint64{n, 0, 2},
		Classic: []relay.ClassicBucket{{UpTo: 1, Count: n + 1}, {UpTo: 1.5, Count: n + 3}},
	}
}

func example() *collector {
	return newCollector(Build{Version: "v1.2.3", Revision: "abc"}, func() (snapshot, bool) {
		return snapshot{relay.Stats{
			Allocations:      3,
			AllocationsBy:    map[allocation.Transport]int{allocation.UDP: 2, allocation.TCP: 1},
			AllocationsTotal: 10,
			ListenerDrops:    39, RelayDrops: 40, BudgetsSpent: 41, StreamsCut: 42, WorkersCPU: []time.Duration{1500 * time.Millisecond, time.Second},
			AllocationSeconds: tally(51), AllocationBytes: tally(52), Reads: tally(53), LatencyToPeers: tally(54), LatencyToClients: tally(55),
			PortsInUse: 19, Ports: 20, Panics: 21, RecvCalls: 22, RecvDatagrams: 23, SendCalls: 24, SendDatagrams: 25,
			Streams: 26, Draining: true, TCPPorts: 27, TCPPortsInUse: 28, PeerConnections: 29, Moves: 37, HandOvers: 38,
			GSOMessages: 33, GSOSegments: 34, GROMessages: 35, GROSegments: 36, GSO: true,
		}, words{}}, true
	}, func() secure.Stats {
		return secure.Stats{
			HalfOpen: 27, PassedOn: 28, Expiries: map[string]time.Time{"tls.cert": time.Unix(29, 0)},
			CompletedBy: map[secure.Protocol]uint64{secure.TLS: 30, secure.DTLS: 31}, FailedBy: map[secure.Protocol]uint64{secure.TLS: 43, secure.DTLS: 44}, DroppedBy: map[secure.Drop]uint64{secure.DropProxyHeader: 32},
		}
	})
}

func TestLint(t *testing.T) {
	t.Parallel()
	for _, c := range []prometheus.Collector{example(), exampleService()} {
		problems, err := testutil.CollectAndLint(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestValues compares every value, so that no field is read into another's metric.
func TestValues(t *testing.T) {
	t.Parallel()
	const want = `
turnout_allocation_duration_seconds_bucket{le="1"} 52
turnout_allocation_duration_seconds_bucket{le="1.5"} 54
turnout_allocation_duration_seconds_bucket{le="+Inf"} 54
turnout_allocation_duration_seconds_sum 51
turnout_allocation_duration_seconds_count 54
turnout_allocation_hand_overs_total 38
turnout_allocation_moves_total 37
turnout_allocation_relayed_bytes_bucket{le="1"} 53
turnout_allocation_relayed_bytes_bucket{le="1.5"} 55
turnout_allocation_relayed_bytes_bucket{le="+Inf"} 55
turnout_allocation_relayed_bytes_sum 52
turnout_allocation_relayed_bytes_count 55
turnout_allocations{transport="dtls"} 0
turnout_allocations{transport="tcp"} 1
turnout_allocations{transport="tls"} 0
turnout_allocations{transport="udp"} 2
turnout_allocations_started_total 10
turnout_authentications_total{result="ok"} 4
turnout_certificate_expiry_timestamp_seconds{key="tls.cert"} 29
turnout_client_connections 26
turnout_client_connections_cut_total 42
turnout_draining 1
turnout_drops_total{reason="client_hello_too_long"} 0
turnout_drops_total{reason="dtls_backlog"} 0
turnout_drops_total{reason="dtls_early"} 0
turnout_drops_total{reason="dtls_malformed"} 0
turnout_drops_total{reason="dtls_rate"} 0
turnout_drops_total{reason="dtls_send"} 0
turnout_drops_total{reason="dtls_unknown"} 0
turnout_drops_total{reason="fallback_unreachable"} 0
turnout_drops_total{reason="handshake_displaced"} 0
turnout_drops_total{reason="handshake_failed"} 0
turnout_drops_total{reason="handshake_timeout"} 0
turnout_drops_total{reason="no_permission"} 3
turnout_drops_total{reason="not_dtls"} 0
turnout_drops_total{reason="proxy_header"} 32
turnout_fallback_connections_total 28
turnout_gro_messages_total 35
turnout_gro_segments_total 36
turnout_gso_messages_total 33
turnout_gso_segments_total 34
turnout_handshakes 27
turnout_handshakes_total{result="completed",transport="dtls"} 31
turnout_handshakes_total{result="completed",transport="tls"} 30
turnout_handshakes_total{result="failed",transport="dtls"} 44
turnout_handshakes_total{result="failed",transport="tls"} 43
turnout_limits_total{limit="new_peers"} 14
turnout_panics_total 21
turnout_peer_connections 29
turnout_read_datagrams_bucket{le="1"} 54
turnout_read_datagrams_bucket{le="1.5"} 56
turnout_read_datagrams_bucket{le="+Inf"} 56
turnout_read_datagrams_sum 53
turnout_read_datagrams_count 56
turnout_receive_calls_total 22
turnout_received_datagrams_total 23
turnout_relay_latency_seconds_bucket{direction="to_client",le="1"} 56
turnout_relay_latency_seconds_bucket{direction="to_client",le="1.5"} 58
turnout_relay_latency_seconds_bucket{direction="to_client",le="+Inf"} 58
turnout_relay_latency_seconds_sum{direction="to_client"} 55
turnout_relay_latency_seconds_count{direction="to_client"} 58
turnout_relay_latency_seconds_bucket{direction="to_peer",le="1"} 55
turnout_relay_latency_seconds_bucket{direction="to_peer",le="1.5"} 57
turnout_relay_latency_seconds_bucket{direction="to_peer",le="+Inf"} 57
turnout_relay_latency_seconds_sum{direction="to_peer"} 54
turnout_relay_latency_seconds_count{direction="to_peer"} 57
turnout_relay_ports 20
turnout_relay_ports_in_use 19
turnout_relay_tcp_ports 27
turnout_relay_tcp_ports_in_use 28
turnout_relayed_bytes_total{direction="from_client",family="ipv4"} 12
turnout_relayed_bytes_total{direction="to_peer",family="ipv6"} 18
turnout_relayed_packets_total{direction="from_client",family="ipv4"} 11
turnout_relayed_packets_total{direction="to_peer",family="ipv6"} 17
turnout_requests_total{code="0",method="allocate"} 7
turnout_requests_total{code="401",method="allocate"} 8
turnout_send_calls_total 24
turnout_sent_datagrams_total 25
turnout_shortcut_enabled{shortcut="gro"} 0
turnout_shortcut_enabled{shortcut="gso"} 1
turnout_socket_drops_total{socket="listener"} 39
turnout_socket_drops_total{socket="relay"} 40
turnout_unauthenticated_budgets_spent 41
turnout_worker_cpu_seconds_total{worker="0"} 1.5
turnout_worker_cpu_seconds_total{worker="1"} 1
`
	got := "\n" + scrape(t, example())
	var lines []string
	for line := range strings.Lines(got[1:]) {
		if !strings.HasPrefix(line, "turnout_build_info") {
			lines = append(lines, line)
		} else if !strings.Contains(line, `revision="abc",version="v1.2.3"`) {
			t.Errorf("%s", line)
		}
	}
	if got := "\n" + strings.Join(lines, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Every declared metric has a value above; of a histogram, its count is one.
	values := slices.DeleteFunc(lines, regexp.MustCompile(`^[a-z_]+_(bucket|sum)[{ ]`).MatchString)
	if n := testutil.CollectAndCount(example()); n != len(values)+1 {
		t.Errorf("%d metrics, %d values", n, len(values))
	}
	for _, d := range all {
		name := d.String()
		name = name[strings.Index(name, `"`)+1:]
		name = name[:strings.Index(name, `"`)]
		if !strings.Contains(got, "\n"+name) {
			t.Errorf("%s is declared and never collected", name)
		}
	}
}

// TestBeforeTheRelay scrapes while there is nothing to read.
func TestBeforeTheRelay(t *testing.T) {
	t.Parallel()
	r := New(Build{Version: "v1.2.3"}, func() (relay.Stats, bool) { return relay.Stats{}, false }, func() secure.Stats { return secure.Stats{} }, nil)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	shown := strings.Join(names, " ")
	for _, want := range []string{"turnout_build_info", "go_goroutines", "process_"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %s in %s", want, shown)
		}
	}
	if strings.Contains(shown, "turnout_allocations") {
		t.Error("metrics of a relay that is not there")
	}
}

var _ prometheus.Collector = (*collector)(nil)
