package admin

import (
	"net/http"
	"time"

	"turnout/allocation"
	"turnout/relay"
)

// A momentBody is what there was at one time. Counters are totals since the start.
type momentBody struct {
	Now                    time.Time         `json:"now"`
	Allocations            int               `json:"allocations"`
	AllocationsByTransport map[string]int    `json:"allocationsByTransport"`
	Relayed                relayedBody       `json:"relayed"`
	Drops                  map[string]uint64 `json:"drops"`
	Authentications        map[string]uint64 `json:"authentications"`
	Latency                latencyBody       `json:"latency"`
}

// A statusBody is the answer of GET /v1/status.
type statusBody struct {
	Version  string    `json:"version"`
	Revision string    `json:"revision"`
	Started  time.Time `json:"started"`
	State    State     `json:"state"`
	Reasons  []string  `json:"reasons"` // sentences: what is wrong with it all the same
	momentBody
	AllocationsTotal uint64        `json:"allocationsTotal"`
	Requests         []requestBody `json:"requests"`
	Ports            portsBody     `json:"ports"`
	Connections      int           `json:"connections"`
	Workers          int           `json:"workers"`
	Drain            drainBody     `json:"drain"`
	Config           configBody    `json:"config"`
}

// A trafficBody counts relayed packets and their payload.
type trafficBody struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

type relayedBody struct {
	FromClients trafficBody `json:"fromClients"`
	ToPeers     trafficBody `json:"toPeers"`
	FromPeers   trafficBody `json:"fromPeers"`
	ToClients   trafficBody `json:"toClients"`
}

// A requestBody counts requests of a method that were answered with a code; 0 is success.
type requestBody struct {
	Method string `json:"method"`
	Code   int    `json:"code"`
	Count  uint64 `json:"count"`
}

// A latencyBody says how long a sample of UDP packets was in the relay.
type latencyBody struct {
	Buckets []bucketBody `json:"buckets"`
}

// A bucketBody counts what took at most le seconds, those of the buckets before it among them. The last one's le is the
// text +Inf, as Prometheus writes it.
type bucketBody struct {
	UpTo  any    `json:"le"`
	Count uint64 `json:"count"`
}

// latencyOf adds up histograms of one scale.
func latencyOf(all ...relay.Histogram) latencyBody {
	b := latencyBody{Buckets: []bucketBody{}}
	var count uint64
	for _, h := range all {
		count += h.Count
		for i, c := range h.Classic {
			if i == len(b.Buckets) {
				b.Buckets = append(b.Buckets, bucketBody{UpTo: c.UpTo})
			}
			b.Buckets[i].Count += c.Count
		}
	}
	b.Buckets = append(b.Buckets, bucketBody{"+Inf", count})
	return b
}

// A portsBody is about UDP ports.
type portsBody struct {
	Used int `json:"used"`
	All  int `json:"all"`
}

type drainBody struct {
	Draining bool       `json:"draining"`
	Deadline *time.Time `json:"deadline,omitempty"`
}

type configBody struct {
	Hash   string    `json:"hash"`
	Loaded time.Time `json:"loaded"`
}

func drainOf(d DrainState) drainBody {
	b := drainBody{Draining: d.Draining}
	if !d.Deadline.IsZero() {
		at := d.Deadline.UTC()
		b.Deadline = &at
	}
	return b
}

func trafficOf(t relay.Traffic) trafficBody { return trafficBody(t) }

// transports are those that clients come by, by their names in filters and counts.
var transports = map[string]allocation.Transport{
	"udp": allocation.UDP, "tcp": allocation.TCP, "tls": allocation.TLS, "dtls": allocation.DTLS,
}

// status says how everything is. Without a relay its counts are zero.
func (a *API) status(*http.Request) (reply, error) {
	c, stats := a.Control.Configuration(), a.stats()
	b := statusBody{
		Version: a.Build.Version, Revision: a.Build.Revision, Started: a.Started.UTC(),
		State: a.state(), Reasons: []string{}, momentBody: a.moment(stats), Requests: []requestBody{},
		AllocationsTotal: stats.AllocationsTotal, Ports: portsBody{stats.PortsInUse, stats.Ports},
		Connections: stats.Streams, Workers: stats.Workers,
		Drain: drainOf(a.Control.Draining()), Config: configBody{c.Hash, c.Loaded.UTC()},
	}
	if a.degraded != nil {
		for _, r := range a.degraded() {
			b.Reasons = append(b.Reasons, r.Message)
		}
	}
	stats.EachRequest(func(method string, code int, n uint64) {
		if n > 0 { // of all others there were none
			b.Requests = append(b.Requests, requestBody{method, code, n})
		}
	})
	return reply{http.StatusOK, b}, nil
}

// stats are the relay's; zero without one.
func (a *API) stats() relay.Stats {
	if r := a.Relay(); r != nil {
		return r.Stats()
	}
	return relay.Stats{}
}

// moment is what a relay has counted, and what was dropped before it, as of now.
func (a *API) moment(s relay.Stats) momentBody {
	m := momentBody{
		Now: time.Now().UTC(), Allocations: s.Allocations, AllocationsByTransport: map[string]int{},
		Relayed: relayedBody{trafficOf(s.FromClients), trafficOf(s.ToPeers), trafficOf(s.FromPeers), trafficOf(s.ToClients)},
		Drops:   map[string]uint64{}, Authentications: map[string]uint64{}, Latency: latencyOf(s.LatencyToPeers, s.LatencyToClients),
	}
	for name, t := range transports {
		m.AllocationsByTransport[name] = s.AllocationsBy[t]
	}
	s.EachDrop(func(reason string, n uint64) { m.Drops[reason] = n })
	s.EachAuthentication(func(result string, n uint64) { m.Authentications[result] = n })
	if a.Drops != nil {
		a.Drops(func(reason string, n uint64) { m.Drops[reason] += n })
	}
	return m
}
