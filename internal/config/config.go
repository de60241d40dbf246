// Package config reads turnout's configuration: a YAML file, environment
// variables above it, and command-line settings above both. Every problem is
// told at once, each with its file and line or its variable.
//
// The struct tree below is the one description of the configuration. Its tags
// drive the loader and its field comments become config.example.yaml,
// deploy/turnout.yaml and docs/configuration.md (go test ./internal/config -update).
//
// Tags: key is the name in the file; reload is true where a change takes effect in a running process; default is what a zero field stands for;
// oneof lists the words a string may be; min and max bound a number; example is
// what the example file shows uncommented; shape is the value's form in words
// where the type does not say it.
package config

// A Config is the whole configuration. The zero value of a field means its default.
type Config struct {
	// Name of this service in long-term credentials, told to every client. At most 127 characters.
	// Keys of clients are derived from it. Needs a restart.
	Realm string `key:"realm" default:"turnout"`

	// What answers say of the software that made them. A version would help an attacker choose; none says nothing at all.
	// At most 127 characters. Reloadable.
	Software string `key:"software" reload:"true" default:"turnout"`

	// Where clients are served, as scheme://address:port. Schemes are udp, tcp, tls and dtls.
	// 0.0.0.0 means every IPv4 interface, [::] every IPv6 one. Port 0 takes a free port at every start.
	// Needed: without a listener there is no relay. Put this host's public addresses here. Reloadable.
	Listen []Listener `key:"listen" reload:"true" example:"[udp://127.0.0.1:3478, tcp://127.0.0.1:3478]" shape:"a list of scheme://address:port"`

	// Certificates of tls:// and dtls:// listeners, which need one.
	TLS TLS `key:"tls"`

	// Load balancers that say by the PROXY protocol, version 1 or 2, whose a connection is.
	ProxyProtocol ProxyProtocol `key:"proxy-protocol"`

	// How data is relayed.
	Relay Relay `key:"relay"`

	// Answers to clients that explore the NAT before them (RFC 5780).
	NATDiscovery NATDiscovery `key:"nat-discovery"`

	// Which peers may be reached. Loopback, private and other addresses that are not global unicast, this host's own
	// and cloud metadata services are denied unless allowed here. The most specific entry wins, deny on a tie.
	Peers Peers `key:"peers"`

	// Who may use the relay. Secrets, users or access tokens are needed.
	Auth Auth `key:"auth"`

	// Whether clients may take their allocations along to another address and transport (RFC 8016), as phones do that leave the
	// Wi-Fi. Without it, clients that ask are refused by 405 and go on as they can. Reloadable.
	Mobility string `key:"mobility" reload:"true" default:"false" oneof:"true|false"`

	// Servers that clients are sent to (300, Try Alternate) when no port is left here or all allocations are in use, and while
	// this server drains. Each is a URL as turn:other.example:3478?transport=udp, or {url, weight, domain}; weights divide the
	// clients among those that serve their address family and transport. They must know the same users. Reloadable.
	Alternates []Alternate `key:"alternates" reload:"true" default:"[]" shape:"a list of turn: URLs or {url, weight, domain}"`

	// How turnout ends when it is told to.
	Drain Drain `key:"drain"`

	// How much may be used at a time.
	Quota Quota `key:"quota"`

	// What users of a class may use in place of quota.user. The service puts the class into a credential: of its own tokens, or
	// as class-claim of api.issuers says. Names have at most 16 characters of a-z, 0-9 and -. A class that is not here has what
	// quota.user says, and a line in the log tells of it. Reloadable.
	Classes map[string]Class `key:"classes" reload:"true" default:"{}" shape:"a map of names to {allocations, bandwidth}"`

	// Bounds that keep one client from harming the others.
	Limits Limits `key:"limits"`

	// The service: users, their access tokens and relay credentials over HTTP.
	API API `key:"api"`

	// What turnout keeps: users, revocations and the keys that it makes.
	Store Store `key:"store"`

	// Listener for the operator: /metrics, /livez, /readyz, and the API by which allocations are listed and ended and the relay is
	// drained (GET /v1/status, /v1/allocations, docs/operating.md).
	Admin Admin `key:"admin"`

	// Second listener for a Prometheus server elsewhere: /metrics, /livez and /readyz only.
	Metrics Metrics `key:"metrics"`

	// What is logged, to standard error.
	Log Log `key:"log"`
}

// A TLS is what tls:// and dtls:// listeners show.
type TLS struct {
	// PEM file of the certificate, followed by those that lead to its issuer. Its path is relative to this file. When what it holds
	// changes it is read again within 10 s; no connection is dropped. Reloadable.
	Cert string `key:"cert" reload:"true" shape:"a file"`

	// PEM file of its key. As with cert, what it holds is read again. Reloadable.
	Key string `key:"key" reload:"true" shape:"a file"`

	// More certificates: clients get the one of the name they ask for (SNI), and cert if there is none. What the files hold is read again. Reloadable.
	Certificates []Certificate `key:"certificates" reload:"true" default:"[]" shape:"a list of {cert, key}"`

	// HTTPS server that shares the port of tls:// listeners: who offers h2 or http/1.1 and nothing of STUN (ALPN) is passed on to it,
	// untouched. If absent, nobody is. Reloadable.
	Fallback Address `key:"fallback" reload:"true" shape:"an address:port"`
}

// A Certificate is one more certificate.
type Certificate struct {
	// PEM file of the certificate and those that lead to its issuer.
	Cert string `key:"cert"`
	// PEM file of its key.
	Key string `key:"key"`
}

// A ProxyProtocol names load balancers.
type ProxyProtocol struct {
	// Their addresses. Every connection from there to a tcp:// or tls:// listener must begin with a PROXY header; it is believed, so name
	// nobody else. If absent, there are none. Needs a restart.
	From []Prefix `key:"from" default:"[]" shape:"a list of CIDR blocks or addresses"`
}

// A Relay says how data is relayed.
type Relay struct {
	// Addresses that relayed ports are taken from: an address, or {bind: 10.0.0.4, external: 203.0.113.7} behind a 1:1 NAT,
	// where bind is this host's and external is what clients and peers are told. Put this host's public addresses here.
	// If absent, the source address of the default route, per family. Needs a restart.
	Addresses []RelayAddress `key:"addresses" example:"[127.0.0.1]" shape:"a list of addresses or {bind, external}"`

	// Relayed ports, lowest-highest. Open them in the firewall for UDP. Needs a restart.
	Ports PortRange `key:"ports" default:"49152-65535"`

	// Threads that relay. If zero, one per CPU. Needs a restart.
	Workers int `key:"workers" default:"0" min:"0" max:"1024"`

	// Datagrams a worker holds at a time: more carries a higher load, less takes less memory. Needs a restart.
	Batch int `key:"batch" default:"64" min:"1" max:"1024"`

	// Send datagrams of one length to one destination through the kernel together (UDP_SEGMENT): several times cheaper for video and
	// files. auto does so where the kernel has it and is not known to corrupt them (Linux 7.0 to 7.1.4), on refuses to start
	// without it and trusts every kernel, off is the way around a kernel's or network card's fault. Needs a restart.
	GSO string `key:"gso" default:"auto" oneof:"auto|on|off"`

	// Receive datagrams of one sender from the kernel together (UDP_GRO), likewise. Needs a restart.
	GRO string `key:"gro" default:"auto" oneof:"auto|on|off"`

	// Part of the UDP packets whose latency is measured, from the kernel's receipt to the sending: one of so many relayed addresses,
	// and of each second at the listeners. It costs some 0.1 µs a packet that is measured. -1 measures none. Needs a restart.
	LatencySample int `key:"latency-sample" default:"64" min:"-1" max:"65536"`

	// How long allocations live (RFC 8656 §7.2).
	Lifetime Lifetime `key:"lifetime"`

	// Channel numbers that clients may bind: rfc8656 is 0x4000 to 0x4FFF, rfc5766 is 0x4000 to 0x7FFF, for old clients. Needs a restart.
	Channels string `key:"channels" default:"rfc8656" oneof:"rfc8656|rfc5766"`

	// Relaying of TCP connections (RFC 6062), for clients that reach turnout by TCP or TLS.
	TCP TCPRelay `key:"tcp"`

	// System interface for packets: auto is the fastest this system has, portable works everywhere with one worker and is the way
	// around a kernel's fault. Needs a restart.
	Network string `key:"network" default:"auto" oneof:"auto|portable"`
}

// A TCPRelay says whether and where clients may open TCP connections.
type TCPRelay struct {
	// Whether TCP connections are relayed at all: for whoever holds a credential, turnout is a TCP proxy then. Open relay.ports
	// in the firewall for TCP too. Needs a restart.
	Enabled string `key:"enabled" default:"true" oneof:"true|false"`

	// Ports of peers that clients may connect to: ranges and single ports. What listens below 1024 is rarely a client's peer.
	// Connections that peers open to a relayed address may come from any port. Reloadable.
	Ports []PeerPorts `key:"ports" reload:"true" default:"[1024-65535]" shape:"a list of ports and ranges, as [443, 1024-65535]"`
}

// A Lifetime bounds how long allocations live.
type Lifetime struct {
	// For clients that ask for none, and at least for those that ask for less. Reloadable.
	Default Duration `key:"default" reload:"true" default:"10m"`

	// The longest that one request is given. Reloadable.
	Max Duration `key:"max" reload:"true" default:"1h"`

	// The age at which an allocation is refreshed no more. If zero, it can be refreshed for ever. Reloadable.
	Total Duration `key:"total" reload:"true" default:"0"`
}

// A NATDiscovery says from where else clients are answered.
type NATDiscovery struct {
	// Second address and port of this host, which both differ from those of the first udp listener of the family, at most one of
	// each family; {bind: "10.0.0.5:3479", external: 203.0.113.8} behind a 1:1 NAT. UDP sockets are opened on both addresses with
	// both ports: open them in the firewall. The listener must be on one address. If absent, requests that need it are refused.
	// Needs a restart.
	Alternate []DiscoveryAddress `key:"alternate" default:"[]" shape:"an address:port or {bind, external}, or a list of one per family"`
}

// Peers says which peers may be reached.
type Peers struct {
	// Blocks opened. Loopback and this host's own addresses open only by an entry inside that block, a metadata service
	// only by its exact address. Reloadable.
	Allow []Prefix `key:"allow" reload:"true" default:"[]" shape:"a list of CIDR blocks or addresses"`

	// Blocks closed. Reloadable.
	Deny []Prefix `key:"deny" reload:"true" default:"[]" shape:"a list of CIDR blocks or addresses"`
}

// An Auth says who may use the relay.
type Auth struct {
	// Secrets that time-limited credentials are derived from: a string, {id: k1, secret: …} or {id: k1, file: /path}.
	// The first issues, all verify, so that they can be rotated. A file's path is relative to this file.
	// The one below is known to everybody and works on loopback only: replace it with what `openssl rand -base64 32` prints. Reloadable.
	Secrets []SharedSecret `key:"secrets" reload:"true" default:"[]" example:"[{id: k1, secret: replace-this-example-secret}]" shape:"a list of strings, {id, secret} or {id, file}" secret:"true"`

	// Users with a password of their own, as name: password. Reloadable.
	Users map[string]Secret `key:"users" reload:"true" default:"{}" shape:"a map of names to passwords" secret:"true"`

	// What the end of a credential does to a live allocation: allocate is nothing, so that long calls survive;
	// refresh fails its next Refresh; hard ends it. Reloadable.
	Expiry string `key:"expiry" reload:"true" default:"allocate" oneof:"allocate|refresh|hard"`

	// Access tokens of authorization servers (RFC 7635): clients come with one in place of a password.
	OAuth OAuth `key:"oauth"`
}

// A Drain says how turnout ends when it is told to: it makes no more allocations and waits for those there are.
type Drain struct {
	// The longest that SIGTERM waits for live allocations to end. A second signal ends them at once. Reloadable.
	Deadline Duration `key:"deadline" reload:"true" default:"1h"`

	// Servers that clients are sent to meanwhile. If absent, those of alternates. Reloadable.
	Alternate []Alternate `key:"alternate" reload:"true" default:"[]" shape:"a list of turn: URLs or {url, weight, domain}"`
}

// A Quota says how much may be used at a time.
type Quota struct {
	// Of one user. Counts the subjects of derived credentials, not static users.
	User UserQuota `key:"user"`

	// Of one allocation.
	Allocation AllocationQuota `key:"allocation"`

	// Of all users together.
	Total TotalQuota `key:"total"`
}

// An AllocationQuota bounds one allocation.
type AllocationQuota struct {
	// Bits a second of payload that it may relay, each way. Datagrams that exceed it by more than a second's worth are
	// dropped; the connections of a TCP allocation share it, and are slowed down. If zero, no limit. Reloadable.
	Bandwidth int `key:"bandwidth" reload:"true" default:"0" min:"0"`
}

// A UserQuota bounds one user.
type UserQuota struct {
	// Live allocations. One call makes an allocation for each network interface and server URL: less than 12 breaks calls.
	// If zero, no limit. Reloadable.
	Allocations int `key:"allocations" reload:"true" default:"0" min:"0"`

	// Bits a second of payload that all allocations of a user may relay together, both ways added up. Datagrams that exceed it
	// by more than a second's worth are dropped; TCP connections are slowed down. If zero, no limit. Reloadable.
	Bandwidth int `key:"bandwidth" reload:"true" default:"0" min:"0" max:"1000000000000"`
}

// A Class is what users of a class may use.
type Class struct {
	// Live allocations. If zero, no limit.
	Allocations int `key:"allocations" min:"0"`
	// Bits a second, as quota.user.bandwidth. If zero, no limit.
	Bandwidth int `key:"bandwidth" min:"0" max:"1000000000000"`
}

// A TotalQuota bounds all users together.
type TotalQuota struct {
	// Live allocations. If zero, no limit but the number of ports. Reloadable.
	Allocations int `key:"allocations" reload:"true" default:"0" min:"0"`
}

// Limits keep one client from harming the others.
type Limits struct {
	// Permissions of one allocation. Reloadable.
	Permissions int `key:"permissions" reload:"true" default:"1024" min:"1" max:"65536"`

	// Channels of one allocation. Reloadable.
	Channels int `key:"channels" reload:"true" default:"1024" min:"1" max:"16384"`

	// Peers a second, addresses with a port, that a user may send to for the first time in 5 minutes: by an indication, a
	// channel or a connection. Ten seconds' worth may be met at once: a call may try a hundred when it begins. It keeps
	// credentials from being used to look for open ports; with 20, two calls may begin at once. Of an allocation, where the
	// credential names no user. If zero, no limit. Reloadable.
	NewPeers int `key:"new-peers" reload:"true" default:"0" min:"0" max:"1000000"`

	// TCP connections to peers of one allocation (RFC 6062). Each takes up to six file descriptors. Reloadable.
	Connections int `key:"connections" reload:"true" default:"64" min:"1" max:"4096"`

	// Answers to requests that carry no valid nonce, over UDP: a forged source address makes them an attack on somebody else.
	Unauthenticated Unauthenticated `key:"unauthenticated"`

	// TLS and DTLS handshakes under way at a time, at most 8 of one IPv4 address or IPv6 /64 and 5 s each. A further one takes the
	// place of the oldest. Half a DTLS handshake holds 30 KiB. Reloadable.
	Handshakes int `key:"handshakes" reload:"true" default:"1000" min:"8" max:"1000000"`

	// What is queued for one client connection over TCP, TLS or DTLS. Beyond it, data is dropped and counted.
	Backlog Backlog `key:"backlog"`
}

// Unauthenticated is a budget of answers per source: an IPv4 address or an IPv6 /64.
type Unauthenticated struct {
	// Answers a second to one IPv4 address or IPv6 /64. -1 is no limit. Reloadable.
	Rate int `key:"rate" reload:"true" default:"100" min:"-1"`

	// Answers at once, after a pause. Whole offices share an address. Reloadable.
	Burst int `key:"burst" reload:"true" default:"1000" min:"1"`
}

// A Backlog bounds what is queued for one client connection.
type Backlog struct {
	// In bytes. A keyframe of video must fit. Reloadable.
	Bytes int `key:"bytes" reload:"true" default:"1048576" min:"65540"`

	// And for how long. Reloadable.
	Time Duration `key:"time" reload:"true" default:"500ms"`
}

// A Store is what turnout keeps.
type Store struct {
	// Folder of the store's file. One process at a time may use it. Its path is relative to this file. Without a configuration file the
	// default is $XDG_STATE_HOME/turnout or ~/.local/state/turnout. Needs a restart.
	Path string `key:"path" default:"/var/lib/turnout" shape:"a folder"`

	// NATS JetStream in place of the file, for several services and relays that share users, keys and revocations.
	NATS NATS `key:"nats"`
}

// An Admin is the operator's listener.
type Admin struct {
	// A loopback address:port, or a Unix socket as unix:/run/turnout/admin.sock, which turnout's user and group may use. Any other
	// address needs token-file. If absent, there is none; without any configuration it is 127.0.0.1:9478. Needs a restart.
	Listen OperatorAddress `key:"listen" example:"127.0.0.1:9478" shape:"an address:port, or unix: and a path"`

	// File that holds a token of at least 16 bytes. If set, the API answers only who shows it (Authorization: Bearer …), also on
	// loopback; /metrics, /livez and /readyz answer everybody. What it holds is read again at each request, so that it can be
	// replaced; the path is relative to this file. Needs a restart.
	TokenFile string `key:"token-file" shape:"a file"`
}

// A Metrics is the listener for a Prometheus server elsewhere.
type Metrics struct {
	// An address:port, 0.0.0.0:9479 for every IPv4 interface. It asks for no password: let the firewall admit your Prometheus only.
	// If absent, there is none. Needs a restart.
	Listen Address `key:"listen" shape:"an address:port"`
}

// A Log says what is logged.
type Log struct {
	// The least severe that is logged. Reloadable.
	Level string `key:"level" reload:"true" default:"info" oneof:"debug|info|warn|error"`

	// auto is text on a terminal and JSON otherwise. Needs a restart.
	Format string `key:"format" default:"auto" oneof:"auto|text|json"`
}
