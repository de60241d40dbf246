// Package metrics declares every metric of turnout, in this one file. Those of the
// relay are read from it at each scrape; what the service does is counted by a
// [Service], which its parts are given behind interfaces and functions of their own.
//
// Labels come from closed sets only: never a user, an address or a realm.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"turnout/internal/secure"
	"turnout/relay"
)

// Build says which turnout runs.
type Build struct {
	Version  string // as v1.2.3; (devel) for one built from a working tree
	Revision string // commit; empty where the build does not know it
}

// New makes a registry of turnout's metrics, and those of the Go runtime and the process.
// Both functions are called at every scrape, from any goroutine. False means that there is no relay to read yet;
// secured tells of TLS, DTLS and PROXY headers, service of the rest of the process; nil where that is of no interest.
func New(build Build, stats func() (relay.Stats, bool), secured func() secure.Stats, service *Service) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newCollector(build, func() (snapshot, bool) {
			s, ok := stats()
			return snapshot{s, s}, ok
		}, secured))
	if service != nil {
		r.MustRegister(service)
	}
	return r
}

// counted is what the relay counts by words of its own closed sets.
type counted interface {
	EachRequest(yield func(method string, code int, n uint64))
	EachDrop(yield func(reason string, n uint64))
	EachAuthentication(yield func(result string, n uint64))
	EachLimit(yield func(limit string, n uint64))
	EachTraffic(yield func(direction, family string, t relay.Traffic))
}

// A snapshot is one reading of the relay.
type snapshot struct {
	relay.Stats
	counted
}

// The metrics. Counters end in _total, units are the base ones.
var (
	buildInfo = describe("build_info", "1, with the version that runs.", "version", "revision", "goversion")

	allocations     = describe("allocations", "Live allocations, by the transport of their client.", "transport")
	started         = describe("allocations_started_total", "Allocations made.")
	moves           = describe("allocation_moves_total", "Moves of allocations to another address of their client (RFC 8016).")
	handOvers       = describe("allocation_hand_overs_total", "Moves of allocations from one worker to another, for clients whose new address is that one's.")
	duration        = describe("allocation_duration_seconds", "How long allocations lived that have ended.")
	allocationBytes = describe("allocation_relayed_bytes", "Bytes of application data that allocations relayed that have ended, both ways together.")
	connections     = describe("client_connections", "Open client connections.")
	ports           = describe("relay_ports", "UDP ports of all relay addresses together.")
	portsInUse      = describe("relay_ports_in_use", "UDP ports of live allocations and reservations.")
	tcpPorts        = describe("relay_tcp_ports", "TCP ports of all relay addresses together.")
	tcpPortsInUse   = describe("relay_tcp_ports_in_use", "TCP ports of live allocations.")
	peers           = describe("peer_connections", "TCP connections of allocations to peers: being made, waiting for their client, and relaying.")
	draining        = describe("draining", "1 while new allocations are refused, else 0.")
	requests        = describe("requests_total", "STUN requests answered, by the error code of the answer; 0 is success.", "method", "code")
	authentication  = describe("authentications_total", "Checks of long-term credentials, by how they ended.", "result")

	packets      = describe("relayed_packets_total", "Packets of application data: from_client and from_peer arrived, to_client and to_peer were sent. TCP connections to peers have none. The family is that of the client's or the peer's address.", "direction", "family")
	bytes        = describe("relayed_bytes_total", "Bytes of application data without any header, in the directions and families of relayed_packets_total.", "direction", "family")
	latency      = describe("relay_latency_seconds", "Time from the system's receipt of a packet to its sending, of a sample of UDP packets (relay.latency-sample).", "direction")
	limits       = describe("limits_total", "How often a limit was reached: requests refused, packets dropped, and waits of TCP connections.", "limit")
	drops        = describe("drops_total", "Packets that were not relayed or answered, by reason.", "reason")
	socketDrops  = describe("socket_drops_total", "What the system dropped at sockets, mostly because their buffers were full; datagrams that arrived together count as one.", "socket")
	budgetsSpent = describe("unauthenticated_budgets_spent", "Sources that get no answer to what is not authenticated, since they used up their budget.")
	streamsCut   = describe("client_connections_cut_total", "Client connections that were closed because the client took nothing for 30 s.")
	panics       = describe("panics_total", "Panics in packet handlers; each is logged and is a fault of turnout.")

	workerCPU     = describe("worker_cpu_seconds_total", "CPU time of each worker's thread: its rate is how busy the worker is.", "worker")
	reads         = describe("read_datagrams", "Datagrams that each read of a ready socket brought.")
	recvCalls     = describe("receive_calls_total", "System calls that read datagrams.")
	recvDatagrams = describe("received_datagrams_total", "Datagrams read, of every kind.")
	sendCalls     = describe("send_calls_total", "System calls that sent datagrams.")
	sendDatagrams = describe("sent_datagrams_total", "Datagrams sent, of every kind.")
	gsoMessages   = describe("gso_messages_total", "Messages that carried several datagrams to the kernel.")
	gsoSegments   = describe("gso_segments_total", "Datagrams in the messages of gso_messages_total.")
	groMessages   = describe("gro_messages_total", "Reads of several datagrams that arrived together.")
	groSegments   = describe("gro_segments_total", "Datagrams in the reads of gro_messages_total.")
	shortcut      = describe("shortcut_enabled", "1 while every worker uses this shortcut of the kernel, else 0.", "shortcut")

	handshakes  = describe("handshakes_total", "TLS and DTLS handshakes that were completed or failed; drops_total says why, and which were displaced by others.", "transport", "result")
	halfOpen    = describe("handshakes", "Handshakes under way, PROXY headers included.")
	passedOn    = describe("fallback_connections_total", "Connections of browsers passed on to the HTTPS server.")
	certificate = describe("certificate_expiry_timestamp_seconds", "When a certificate in use expires, by its key in the configuration.", "key")
)

// waiting are bounds for what somebody waits for: from an answer out of memory to one after a disk's write, or an issuer's answer.
var waiting = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// reaction are bounds for what is to happen within a second.
var reaction = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60}

// The metrics of the service, and of the process as a whole. A [Service] has them.
var (
	degraded = declare("degraded", "1 while something is wrong that does not stop the relay, by what it is; /readyz has it in words.", "reason")

	configInfo    = declare("config_info", "1, with a hash of the configuration in use: relays that show the same have the same one.", "hash")
	configLoaded  = declare("config_loaded_timestamp_seconds", "When the configuration in use was read.")
	configFits    = declare("config_last_reload_successful", "0 if the configuration was changed last to what cannot be used, else 1.")
	configReloads = declare("config_reloads_total", "Reloads of the configuration, by how they ended.", "result")

	logLines = declare("log_lines_total", "Log lines written.", "level")
	logLost  = declare("log_lines_lost_total", "Log lines that could not be written.")
	logLeft  = declare("log_lines_left_out_total", "Log lines that were not made, since there were too many of their kind; counted when the next line of it tells.")

	httpRequests = declare("http_requests_total", "HTTP requests answered, by listener, route and class of status.", "listener", "route", "status")
	httpSeconds  = declareSeconds("http_request_duration_seconds", "How long HTTP requests took, from their headers to the end of the answer.", waiting, "listener", "route")
	credentials  = declare("credentials_total", "Requests for relay credentials, by the contract they were made by, and what came of them.", "dialect", "result")
	tokens       = declare("tokens_total", "Requests for user access tokens, by what came of them.", "result")
	userChanges  = declare("user_changes_total", "Users created and deleted, and revocations that were ordered here.", "change")

	storeUp         = declare("store_up", "1 while the store can be reached and written, else 0.")
	storeOperations = declare("store_operations_total", "Operations on the store, by what they did and to which kind of record.", "operation", "kind")
	storeErrors     = declare("store_errors_total", "Operations on the store that failed; a record that is not there, or that another changed first, is no failure.", "operation", "reason")
	storeBytes      = declare("store_file_bytes", "Size of the embedded store's file.")
	storeConnected  = declare("store_connected", "1 while there is a connection to NATS, else 0.")
	storeReconnects = declare("store_reconnects_total", "Connections to NATS made after the first.")
	storeBehind     = declare("store_behind_seconds", "For how long changes in NATS may not have been seen; 0 while they are followed.")

	issuerFetches = declare("issuer_key_fetches_total", "Attempts to fetch the keys of a configured token issuer, by how they ended.", "issuer", "result")
	issuerKeys    = declare("issuer_keys", "Keys of a configured token issuer that are known.", "issuer")
	issuerFetched = declare("issuer_keys_fetched_timestamp_seconds", "When the keys of a configured token issuer came; absent while they never did.", "issuer")

	revocations = declare("revocations", "Revocations that are remembered, by what they are of.", "kind")
	delay       = declareSeconds("revocation_delay_seconds", "From a revocation to when this process knew of it, of a user and of its pseudonym.", reaction)
	teardown    = declareSeconds("revocation_teardown_seconds", "From a revocation to the end of the last live allocation that it ended on this relay.", reaction)
)

var all []*prometheus.Desc

// prefix begins every name.
const prefix = "turnout_"

func describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(prefix+name, help, labels, nil)
	all = append(all, d)
	return d
}
