// Package config reads turnout's configuration: a YAML file, environment
// variables above it, and command-line settings above both. Every problem is
// told at once, each with its file and line or its variable.
//
// The struct tree below is the one description of the configuration. Its tags
// drive the loader and its field comments become config.example.yaml,
// deploy/turnout.yaml and docs/configuration.md (go test ./internal/config -update).
//
// Tags: key is the name in the file; default is what a zero field stands for;
// oneof lists the words a string may be; min and max bound a number; example is
// what the example file shows uncommented; shape is the value's form in words
// where the type does not say it.
package config

// A Config is the whole configuration. The zero value of a field means its default.
type Config struct {
	// Name of this service in long-term credentials, told to every client. At most 127 characters.
	// Keys of clients are derived from it. Needs a restart.
	Realm string `key:"realm" default:"turnout"`

	// Where clients are served, as scheme://address:port. Schemes are udp and tcp.
	// 0.0.0.0 means every IPv4 interface, [::] every IPv6 one. Port 0 takes a free port at every start.
	// Needed: without a listener there is no relay. Put this host's public addresses here. Needs a restart.
	Listen []Listener `key:"listen" example:"[udp://127.0.0.1:3478, tcp://127.0.0.1:3478]" shape:"a list of scheme://address:port"`

	// How data is relayed.
	Relay Relay `key:"relay"`

	// Which peers may be reached. Loopback, private and other addresses that are not global unicast, this host's own
	// and cloud metadata services are denied unless allowed here. The most specific entry wins, deny on a tie.
	Peers Peers `key:"peers"`

	// Who may use the relay. Secrets, users or both are needed.
	Auth Auth `key:"auth"`

	// How much may be used at a time.
	Quota Quota `key:"quota"`

	// Bounds that keep one client from harming the others.
	Limits Limits `key:"limits"`

	// The service: users, their access tokens and relay credentials over HTTP.
	API API `key:"api"`

	// What turnout keeps: users, revocations and the keys that it makes.
	Store Store `key:"store"`

	// Listener for the operator: /metrics, /livez and /readyz.
	Admin Admin `key:"admin"`

	// Second listener for a Prometheus server elsewhere: /metrics, /livez and /readyz only.
	Metrics Metrics `key:"metrics"`

	// What is logged, to standard error.
	Log Log `key:"log"`
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

	// How long allocations live (RFC 8656 §7.2).
	Lifetime Lifetime `key:"lifetime"`

	// Channel numbers that clients may bind: rfc8656 is 0x4000 to 0x4FFF, rfc5766 is 0x4000 to 0x7FFF, for old clients. Needs a restart.
	Channels string `key:"channels" default:"rfc8656" oneof:"rfc8656|rfc5766"`

	// System interface for packets: auto is the fastest this system has, portable works everywhere with one worker and is the way
	// around a kernel's fault. Needs a restart.
	Network string `key:"network" default:"auto" oneof:"auto|portable"`
}

// A Lifetime bounds how long allocations live.
type Lifetime struct {
	// For clients that ask for none, and at least for those that ask for less. Needs a restart.
	Default Duration `key:"default" default:"10m"`

	// The longest that one request is given. Needs a restart.
	Max Duration `key:"max" default:"1h"`

	// The age at which an allocation is refreshed no more. If zero, it can be refreshed for ever. Needs a restart.
	Total Duration `key:"total" default:"0"`
}

// Peers says which peers may be reached.
type Peers struct {
	// Blocks opened. Loopback and this host's own addresses open only by an entry inside that block, a metadata service
	// only by its exact address. Needs a restart.
	Allow []Prefix `key:"allow" default:"[]" shape:"a list of CIDR blocks or addresses"`

	// Blocks closed. Needs a restart.
	Deny []Prefix `key:"deny" default:"[]" shape:"a list of CIDR blocks or addresses"`
}

// An Auth says who may use the relay.
type Auth struct {
	// Secrets that time-limited credentials are derived from: a string, {id: k1, secret: …} or {id: k1, file: /path}.
	// The first issues, all verify, so that they can be rotated. A file's path is relative to this file.
	// The one below is known to everybody and works on loopback only: replace it with what `openssl rand -base64 32` prints. Needs a restart.
	Secrets []SharedSecret `key:"secrets" default:"[]" example:"[{id: k1, secret: replace-this-example-secret}]" shape:"a list of strings, {id, secret} or {id, file}" secret:"true"`

	// Users with a password of their own, as name: password. Needs a restart.
	Users map[string]Secret `key:"users" default:"{}" shape:"a map of names to passwords" secret:"true"`

	// What the end of a credential does to a live allocation: allocate is nothing, so that long calls survive;
	// refresh fails its next Refresh; hard ends it. Needs a restart.
	Expiry string `key:"expiry" default:"allocate" oneof:"allocate|refresh|hard"`
}

// A Quota says how much may be used at a time.
type Quota struct {
	// Of one user. Counts the subjects of derived credentials, not static users.
	User UserQuota `key:"user"`

	// Of all users together.
	Total TotalQuota `key:"total"`
}

// A UserQuota bounds one user.
type UserQuota struct {
	// Live allocations. One call makes an allocation for each network interface and server URL: less than 12 breaks calls.
	// If zero, no limit. Needs a restart.
	Allocations int `key:"allocations" default:"0" min:"0"`
}

// A TotalQuota bounds all users together.
type TotalQuota struct {
	// Live allocations. If zero, no limit but the number of ports. Needs a restart.
	Allocations int `key:"allocations" default:"0" min:"0"`
}

// Limits keep one client from harming the others.
type Limits struct {
	// Permissions of one allocation. Needs a restart.
	Permissions int `key:"permissions" default:"1024" min:"1" max:"65536"`

	// Channels of one allocation. Needs a restart.
	Channels int `key:"channels" default:"1024" min:"1" max:"16384"`

	// Answers to requests that carry no valid nonce, over UDP: a forged source address makes them an attack on somebody else.
	Unauthenticated Unauthenticated `key:"unauthenticated"`

	// What is queued for one client connection over TCP. Beyond it, data is dropped and counted.
	Backlog Backlog `key:"backlog"`
}

// Unauthenticated is a budget of answers per source: an IPv4 address or an IPv6 /64.
type Unauthenticated struct {
	// Answers a second to one IPv4 address or IPv6 /64. -1 is no limit. Needs a restart.
	Rate int `key:"rate" default:"100" min:"-1"`

	// Answers at once, after a pause. Whole offices share an address. Needs a restart.
	Burst int `key:"burst" default:"1000" min:"1"`
}

// A Backlog bounds what is queued for one client connection.
type Backlog struct {
	// In bytes. A keyframe of video must fit. Needs a restart.
	Bytes int `key:"bytes" default:"1048576" min:"65540"`

	// And for how long. Needs a restart.
	Time Duration `key:"time" default:"500ms"`
}

// A Store is what turnout keeps.
type Store struct {
	// Folder of the store's file. One process at a time may use it. Without a configuration file the default is
	// $XDG_STATE_HOME/turnout or ~/.local/state/turnout. Needs a restart.
	Path string `key:"path" default:"/var/lib/turnout" shape:"a folder"`

	// NATS JetStream in place of the file, for several services and relays that share users, keys and revocations.
	NATS NATS `key:"nats"`
}

// An Admin is the operator's listener.
type Admin struct {
	// A loopback address:port. If absent, there is none; without any configuration it is 127.0.0.1:9478. Needs a restart.
	Listen Address `key:"listen" example:"127.0.0.1:9478" shape:"an address:port"`
}

// A Metrics is the listener for a Prometheus server elsewhere.
type Metrics struct {
	// An address:port, 0.0.0.0:9479 for every IPv4 interface. It asks for no password: let the firewall admit your Prometheus only.
	// If absent, there is none. Needs a restart.
	Listen Address `key:"listen" shape:"an address:port"`
}

// A Log says what is logged.
type Log struct {
	// The least severe that is logged. Needs a restart.
	Level string `key:"level" default:"info" oneof:"debug|info|warn|error"`

	// auto is text on a terminal and JSON otherwise. Needs a restart.
	Format string `key:"format" default:"auto" oneof:"auto|text|json"`
}
