package relay

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/internal/netio"
)

// commands are the lines without an actor.
var commands = map[string]func(*script, line){
	"advance": (*script).advance, "drain": func(s *script, _ line) { s.server.Drain() },
	"undrain": func(s *script, _ line) { s.server.Undrain() }, "reload": (*script).reload,
	"drops": (*script).checkDrops, "metric": (*script).checkMetric,
	"icmp": (*script).injectICMP, "place": (*script).place,
	"logged": (*script).checkLog, "unlogged": (*script).checkNoLog, "refuse": (*script).refuse, "apart": (*script).checkApart, "silence": (*script).silence, "scattered": (*script).checkScattered,
}

// advance lets virtual time pass: "advance 300s".
func (s *script) advance(l line) {
	s.t.Helper()
	d, err := time.ParseDuration(l.words[0])
	if err != nil {
		s.fatalf("%v", err)
	}
	time.Sleep(d)
	synctest.Wait()
}

// place puts actors not met yet at an address: "place peer2=8.8.8.8:53".
func (s *script) place(l line) {
	s.t.Helper()
	for name, at := range l.values {
		addr, err := netip.ParseAddrPort(at)
		if err != nil || s.actors[name] != nil {
			s.fatalf("%s cannot be placed at %s", name, at)
		}
		s.places[name] = addr
	}
}

// refuse has the network refuse what is sent to an address from now on:
// "refuse to=peer error=unreachable"; error=none ends it.
func (s *script) refuse(l line) {
	s.t.Helper()
	err, ok := map[string]error{
		"full": netio.ErrWouldBlock, "not-permitted": netio.ErrNotPermitted,
		"unreachable": netio.ErrUnreachable, "other": errors.New("the cable is cut"), "none": nil,
	}[l.values["error"]]
	if !ok {
		s.fatalf("no error %s", l.values["error"])
	}
	to := s.address(l.values["to"])
	s.network.SetFate(func(t netio.Transit) (f netio.Fate) {
		if t.To == to {
			f.Err = err
		}
		return f
	})
}

// checkLog says that one line of the log has all of: "logged subject=alice
// relayed=$r"; of a time only the beginning is compared.
func (s *script) checkLog(l line) {
	s.t.Helper()
	if !s.logHas(l) {
		s.fatalf("the log has no such line:\n%s", s.log.String())
	}
}

// checkNoLog says that no line of the log has all of: "unlogged client=8.8.4.1:9000".
func (s *script) checkNoLog(l line) {
	s.t.Helper()
	if s.logHas(l) {
		s.fatalf("the log has such a line:\n%s", s.log.String())
	}
}

func (s *script) logHas(l line) bool {
	s.t.Helper()
	synctest.Wait()
	for _, text := range strings.Split(s.log.String(), "\n") {
		missing := false
		for k, v := range l.values {
			v = s.expand(v)
			missing = missing || !strings.Contains(text, k+"="+v) && !strings.Contains(text, k+`="`+v+`"`)
		}
		if !missing {
			return true
		}
	}
	return false
}

// checkApart says that two clients' allocations are of different workers.
func (s *script) checkApart(l line) {
	s.t.Helper()
	var owners [2]int
	for i, name := range l.words {
		client := s.actor(name)
		owners[i] = slices.IndexFunc(s.server.workers, func(w *worker) bool {
			return inWorker(w, func(w *worker) bool { return w.table.Lookup(client.tuple()) != nil })
		})
		if owners[i] < 0 {
			s.fatalf("%s has no allocation", name)
		}
	}
	if owners[0] == owners[1] {
		s.fatalf("the allocations of %s are both of worker %d", strings.Join(l.words, " and "), owners[0])
	}
}

// checkScattered says that the ports of addresses are as random ones are: in no
// order, and far apart.
func (s *script) checkScattered(l line) {
	s.t.Helper()
	var ports []uint16
	for _, w := range l.words {
		ports = append(ports, s.address(w).Port())
	}
	backwards := slices.Clone(ports)
	slices.Reverse(backwards)
	spread := int(slices.Max(ports)) - int(slices.Min(ports))
	if slices.IsSorted(ports) || slices.IsSorted(backwards) || spread < 16*len(ports) {
		s.fatalf("ports %d can be guessed", ports)
	}
}

// checkDrops compares drop counters: "drops no_allocation=1".
func (s *script) checkDrops(l line) {
	s.t.Helper()
	synctest.Wait()
	stats := s.server.Stats()
	got := map[string]uint64{}
	stats.EachDrop(func(reason string, n uint64) { got[reason] = n })
	for reason, want := range l.values {
		n, known := got[reason]
		if !known {
			s.fatalf("no drop reason %s", reason)
		}
		if strconv.FormatUint(n, 10) != want {
			s.fatalf("drops %s = %d, want %s", reason, n, want)
		}
	}
}

// checkMetric compares gauges and totals: "metric allocations=1 allocate-437=2".
func (s *script) checkMetric(l line) {
	s.t.Helper()
	synctest.Wait()
	stats := s.server.Stats()
	got := map[string]int{
		"allocations":       stats.Allocations,
		"allocations-udp":   stats.AllocationsBy[allocation.UDP],
		"allocations-tcp":   stats.AllocationsBy[allocation.TCP],
		"allocations-tls":   stats.AllocationsBy[allocation.TLS],
		"allocations-dtls":  stats.AllocationsBy[allocation.DTLS],
		"allocations-total": int(stats.AllocationsTotal),
		"ports":             stats.PortsInUse,
		"streams":           stats.Streams,
		"from-clients":      int(stats.FromClients.Packets),
		"to-peers":          int(stats.ToPeers.Packets),
		"from-peers":        int(stats.FromPeers.Packets),
		"to-clients":        int(stats.ToClients.Packets),
		"panics":            int(stats.Panics),
		"moves":             int(stats.Moves),
		"hand-overs":        int(stats.HandOvers),
		"tcp-ports":         stats.TCPPortsInUse,
		"connections":       stats.PeerConnections,
		"streams-cut":       int(stats.StreamsCut),
		"ended":             int(stats.AllocationSeconds.Count),
		"ended-seconds":     int(stats.AllocationSeconds.Sum),
		"ended-bytes":       int(stats.AllocationBytes.Sum),
		"bytes-up":          int(stats.FromClients.Bytes),
		"bytes-down":        int(stats.ToClients.Bytes),
	}
	stats.EachAuthentication(func(result string, n uint64) { got["auth-"+result] = int(n) })
	stats.EachLimit(func(limit string, n uint64) { got["limit-"+limit] = int(n) })
	stats.EachRequest(func(method string, code int, n uint64) {
		got[strings.ToLower(method)+"-"+strconv.Itoa(code)] = int(n)
	})
	for name, want := range l.values {
		n, known := got[name]
		if !known {
			s.fatalf("no metric %s", name)
		}
		if strconv.Itoa(n) != want {
			s.fatalf("metric %s = %d, want %s", name, n, want)
		}
	}
}

// injectICMP has an error arrive at a relay socket: "icmp at=$r about=peer type=3 code=1 info=0".
func (s *script) injectICMP(l line) {
	s.t.Helper()
	byteOf := func(key string) uint8 {
		n, _ := strconv.Atoi(l.values[key])
		return uint8(n)
	}
	info, _ := strconv.Atoi(l.values["info"])
	bound, ok := s.server.ports.Bound(netip.MustParseAddrPort(s.expand(l.values["at"])))
	if !ok {
		s.fatalf("%s is no relayed address", l.values["at"])
	}
	if !s.network.InjectICMP(bound, netio.ICMPError{
		Peer: s.address(l.values["about"]), Type: byteOf("type"), Code: byteOf("code"), Info: uint32(info),
	}) {
		s.fatalf("the error found no socket at %s", bound)
	}
	synctest.Wait()
}

// address is an actor's, a variable's or a literal address.
func (s *script) address(v string) netip.AddrPort {
	s.t.Helper()
	if strings.HasPrefix(v, "$") {
		v = s.expand(v)
	}
	if ap, err := netip.ParseAddrPort(v); err == nil {
		return ap
	}
	if a, err := netip.ParseAddr(v); err == nil {
		return netip.AddrPortFrom(a, 9000)
	}
	return s.actor(v).addr
}
