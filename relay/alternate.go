package relay

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"turnout/allocation"
	"turnout/stun"
)

// An Alternate is another server that clients are sent to. RFC 8489 §10.
type Alternate struct {
	// IPv4 and IPv6 are where clients of each family reach it; the zero AddrPort where they do not. A client is only
	// sent to a server that it reaches by its own family, and told the other address too.
	IPv4, IPv6 netip.AddrPort
	// Transports are those it serves: a client tries it by the one it came by. If empty, every one.
	Transports []allocation.Transport
	// Weight is its share of the clients, against the others that would do. If zero, 1.
	Weight int
	// Domain is the name in its certificate, told as ALTERNATE-DOMAIN (RFC 8489 §14.16). If empty, none is told:
	// clients by TLS or DTLS then expect the name they knew before.
	Domain string
}

// Alternates say where clients are sent that get no allocation here.
type Alternates struct {
	// Full are for clients that find this server without a port, or with all its allocations in use.
	Full []Alternate
	// Draining are for clients that find it draining. If empty, Full.
	Draining []Alternate
}

// SetAlternates replaces Config.Alternates, for instance after their names have been looked up again. The slices are the
// server's from then on. It may be called from any goroutine.
func (s *Server) SetAlternates(a Alternates) { s.alternates.Store(&a) }

// elsewhere is the answer to an Allocate that this server has refused for want of capacity: 300 where an alternate
// serves the client, else refusal as it is. RFC 8656 §7.2, item 11. A reservation is of this server alone, so a request
// that claims one is sent nowhere.
func (r *request) elsewhere(claims bool, refusal error) error {
	if claims || code(refusal) != stun.CodeInsufficientCapacity {
		return refusal
	}
	list := r.alternates.Load()
	if list == nil {
		return refusal
	}
	candidates := list.Full
	if r.draining.Load() && len(list.Draining) > 0 {
		candidates = list.Draining
	}
	if r.alternate = chooseAlternate(candidates, &r.from.tuple, r.msg.TransactionID()); r.alternate == nil {
		return refusal
	}
	return errTryAlternate
}

// chooseAlternate picks one of those that serve the client, by weight; nil if none does. The transaction id, 96 random
// bits of the client's, decides: a retransmission gets the same answer, and nothing is remembered.
func chooseAlternate(list []Alternate, ft *allocation.FiveTuple, id stun.TransactionID) *Alternate {
	total := uint64(0)
	for i := range list {
		total += list[i].share(ft)
	}
	if total == 0 {
		return nil
	}
	point := binary.BigEndian.Uint64(id[4:]) % total
	for i := range list {
		share := list[i].share(ft)
		if point < share {
			return &list[i]
		}
		point -= share
	}
	return nil
}

// share is the alternate's weight for a client, 0 if it does not serve it.
func (a *Alternate) share(ft *allocation.FiveTuple) uint64 {
	if !a.address(ft.Client.Addr().Is6()).IsValid() {
		return 0
	}
	if len(a.Transports) > 0 && !slices.Contains(a.Transports, ft.Transport) {
		return 0
	}
	return uint64(max(1, a.Weight))
}

func (a *Alternate) address(ipv6 bool) netip.AddrPort {
	if ipv6 {
		return a.IPv6
	}
	return a.IPv4
}

// addAlternate tells the alternate: its address of the client's family first, the other one after it. RFC 8489 §10.
func (r *request) addAlternate(rs *stun.Builder) {
	ipv6 := r.from.tuple.Client.Addr().Is6()
	rs.AddAddrPort(stun.AttrAlternateServer, r.alternate.address(ipv6))
	if other := r.alternate.address(!ipv6); other.IsValid() {
		rs.AddAddrPort(stun.AttrAlternateServer, other)
	}
	if r.alternate.Domain != "" {
		rs.AddString(stun.AttrAlternateDomain, r.alternate.Domain)
	}
}
