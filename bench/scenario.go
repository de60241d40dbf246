package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Transport is how clients reach the server.
type Transport string

const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls" // over TCP
)

// A Direction is which way packets are counted.
type Direction string

const (
	Up   Direction = "up"   // from clients to peers
	Down Direction = "down" // from peers to clients
	Echo Direction = "echo" // from clients to peers and back: the server relays each twice
)

// A Carrier is what packets between client and server are wrapped in.
type Carrier string

const (
	Channel    Carrier = "channel"    // ChannelData, RFC 8656 §12.4
	Indication Carrier = "indication" // Send and Data indications, RFC 8656 §11
)

// A Purpose is what a scenario is about.
type Purpose string

const (
	Traffic     Purpose = "traffic"     // relaying
	Allocations Purpose = "allocations" // setting up and keeping allocations: no packet is relayed
)

// A Scenario is a load. The table Scenarios has those with a name; flags change single fields.
type Scenario struct {
	Name      string    // in lower case, words joined by hyphens
	About     string    // one sentence
	Purpose   Purpose   // what is measured
	Transport Transport // between clients and server
	Flows     int       // allocations, each with one peer
	Payload   int       // bytes, stampSize at least
	Direction Direction // which way
	Carrier   Carrier   // between clients and server

	// Rate is packets a second of each flow, whether or not they arrive. If zero, the loop is closed: a flow has Window
	// packets under way and sends the next when one arrives.
	Rate float64
	// Window is how many packets a flow of a closed loop has under way.
	Window int
	// Burst is how many a flow of a closed loop sends at once, at least, so that a sender's segmentation offload has
	// something to join. If zero, 1.
	Burst int

	// Segmented lets the generator send and receive runs of a flow's packets at once (UDP_SEGMENT, UDP_GRO), as fast senders
	// and network cards do. Without it each packet is sent and received by itself, as those of many clients are.
	Segmented bool

	// Workers is how many relaying threads the server is told to run, and how many processors it gets.
	Workers int
}

// Scenarios are those that have a name, in the order in which they run. What closed loops have under way fits the socket buffers
// that Linux gives by default (212,992 bytes, which 92 packets of 1,200 bytes fill with the kernel's own overhead): so servers
// that ask for no larger ones are measured, and not their buffers.
var Scenarios = []Scenario{
	{
		Name: "one-flow-1200", About: "one flow as fast as it goes, large packets sent in trains: a file, a game, a video",
		Purpose: Traffic, Transport: UDP, Flows: 1, Payload: 1200, Direction: Echo, Carrier: Channel, Window: 64, Burst: 32, Segmented: true, Workers: 1,
	}, {
		Name: "ten-flows", About: "10 flows as fast as they go, small packets",
		Purpose: Traffic, Transport: UDP, Flows: 10, Payload: 160, Direction: Echo, Carrier: Channel, Window: 16, Workers: 1,
	}, {
		Name: "many-flows", About: "200 flows as fast as they go, small packets",
		Purpose: Traffic, Transport: UDP, Flows: 200, Payload: 160, Direction: Echo, Carrier: Channel, Window: 1, Workers: 1,
	}, {
		Name: "voice", About: "1,000 flows of 50 packets a second, as voice has them: latency and loss at a given load",
		Purpose: Traffic, Transport: UDP, Flows: 1000, Payload: 160, Direction: Echo, Carrier: Channel, Rate: 50, Workers: 1,
	}, {
		Name: "voice-two-workers", About: "the same load on two relaying threads",
		Purpose: Traffic, Transport: UDP, Flows: 1000, Payload: 160, Direction: Echo, Carrier: Channel, Rate: 50, Workers: 2,
	}, {
		Name: "indications", About: "10 flows as fast as they go by Send and Data indications in place of channels",
		Purpose: Traffic, Transport: UDP, Flows: 10, Payload: 160, Direction: Echo, Carrier: Indication, Window: 16, Workers: 1,
	}, {
		Name: "streams-1200", About: "10 TCP clients as fast as they go, large packets",
		Purpose: Traffic, Transport: TCP, Flows: 10, Payload: 1200, Direction: Echo, Carrier: Channel, Window: 32, Workers: 1,
	}, {
		Name: "tls-1200", About: "the same over TLS",
		Purpose: Traffic, Transport: TLS, Flows: 10, Payload: 1200, Direction: Echo, Carrier: Channel, Window: 32, Workers: 1,
	}, {
		Name: "set-up", About: "how fast allocations are made, each by a user of its own with authentication",
		Purpose: Allocations, Transport: UDP, Flows: 8000, Payload: 160, Direction: Up, Carrier: Channel, Workers: 1,
	}, {
		Name: "memory", About: "how much memory an allocation with a permission and a channel takes, of so many that what a server takes once hardly counts",
		Purpose: Allocations, Transport: UDP, Flows: 10000, Payload: 160, Direction: Up, Carrier: Channel, Workers: 1,
	},
}

// ScenarioNamed is the scenario of that name; the error lists the names there are.
func ScenarioNamed(name string) (Scenario, error) {
	var names []string
	for _, s := range Scenarios {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("no scenario %q, but %s", name, strings.Join(names, ", "))
}

// Check says what is wrong with a scenario, all of it.
func (s Scenario) Check() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("scenario %s: "+format, append([]any{s.Name}, args...)...))
		}
	}
	need(slices.Contains([]Purpose{Traffic, Allocations}, s.Purpose), "no purpose %q", s.Purpose)
	need(slices.Contains([]Transport{UDP, TCP, TLS}, s.Transport), "no transport %q, but udp, tcp, tls", s.Transport)
	need(slices.Contains([]Direction{Up, Down, Echo}, s.Direction), "no direction %q, but up, down, echo", s.Direction)
	need(slices.Contains([]Carrier{Channel, Indication}, s.Carrier), "no carrier %q, but channel, indication", s.Carrier)
	need(s.Transport == UDP || s.Direction == Echo, "streams are measured by echo alone")
	need(s.Transport == UDP || s.Carrier == Channel, "streams are measured by channels alone")
	need(s.Transport == UDP || s.Rate == 0, "streams are measured in a closed loop alone")
	need(s.Flows >= 1 && s.Flows <= maxFlows, "%d flows, of 1 to %d", s.Flows, maxFlows)
	need(s.Payload >= stampSize && s.Payload <= maxPayload, "a payload of %d bytes, of %d to %d", s.Payload, stampSize, maxPayload)
	need(s.Rate >= 0 && s.Rate*float64(s.Flows) <= maxRate, "%g packets a second in all, of at most %d", s.Rate*float64(s.Flows), maxRate)
	need(s.Rate > 0 || s.Purpose == Allocations || s.Window >= 1 && s.Window <= sequenceWindow/2,
		"a window of %d packets, of 1 to %d", s.Window, sequenceWindow/2)
	need(s.Burst >= 0 && s.Burst <= max(s.Window, 1), "bursts of %d packets with %d under way", s.Burst, s.Window)
	need(s.Workers >= 1 && s.Workers <= 256, "%d workers, of 1 to 256", s.Workers)
	return errors.Join(errs...)
}

// Bounds of a scenario. A relay address has 16,384 ports in the range of RFC 8656 §7.2, and descriptors end before
// several of them do.
const (
	maxFlows = 60000
	maxRate  = 5_000_000
)

// Relays is how often the server relays a packet of the scenario.
func (s Scenario) Relays() int {
	if s.Direction == Echo {
		return 2
	}
	return 1
}
