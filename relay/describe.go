package relay

import (
	"context"
	"net/netip"
	"time"

	"turnout/allocation"
)

// An AllocationDetail is all that operators see of one allocation.
type AllocationDetail struct {
	AllocationInfo
	Peers []PeerInfo
}

// A PeerInfo is a peer that the client permitted, or bound a channel to.
type PeerInfo struct {
	Address           netip.AddrPort // of a permission without a channel the port is 0: it is for all of them
	PermissionExpires time.Time      // zero where the permission has run out before its channel
	Channel           allocation.ChannelNumber
	ChannelExpires    time.Time // zero without a channel
}

// Allocation is one allocation with its peers; false if it has ended, its client has moved to another worker, or ctx was
// done first. Safe for concurrent use, while Serve runs.
func (s *Server) Allocation(ctx context.Context, id allocation.ID) (d AllocationDetail, ok bool) {
	ok = s.askAbout(ctx, id, func(w *worker, a *allocation.Allocation) {
		d = AllocationDetail{w.describe(a), w.peersOf(a)}
	})
	if !ok {
		return AllocationDetail{}, false // the worker may be writing to d just now
	}
	return d, true
}

// peersOf joins the channels of an allocation with the permissions of their peers.
func (w *worker) peersOf(a *allocation.Allocation) []PeerInfo {
	permitted := make(map[netip.Addr]time.Time, a.Permissions())
	w.table.EachPermission(a, func(peer netip.Addr, expires allocation.Time) { permitted[peer] = w.at(expires) })
	peers := make([]PeerInfo, 0, a.Permissions()+a.Channels())
	bound := make(map[netip.Addr]bool, a.Channels())
	w.table.EachChannel(a, func(n allocation.ChannelNumber, peer netip.AddrPort, expires allocation.Time) {
		bound[peer.Addr()] = true
		peers = append(peers, PeerInfo{peer, permitted[peer.Addr()], n, w.at(expires)})
	})
	w.table.EachPermission(a, func(peer netip.Addr, _ allocation.Time) {
		if !bound[peer] {
			peers = append(peers, PeerInfo{Address: netip.AddrPortFrom(peer, 0), PermissionExpires: permitted[peer]})
		}
	})
	return peers
}

// End ends one allocation, for an operator; false if it has ended already, or ctx was done first. Nothing keeps its
// client from making another one: that takes a revocation. Safe for concurrent use, while Serve runs.
func (s *Server) End(ctx context.Context, id allocation.ID) bool {
	return s.askAbout(ctx, id, func(w *worker, a *allocation.Allocation) { w.end(a, EndByOperator) })
}

// EndAllOf ends every allocation of a subject, for an operator, and says how many. One that is on its way between two
// workers just then escapes. Otherwise it is like [Server.EndSubject].
func (s *Server) EndAllOf(subject string) int {
	return s.endWhere(EndByOperator, func(w *worker, a *allocation.Allocation) bool { return w.isOf(a, subject) })
}

// askAbout has the worker of an allocation do something with it; false if there is none, or ctx was done first.
func (s *Server) askAbout(ctx context.Context, id allocation.ID, do func(*worker, *allocation.Allocation)) bool {
	if id.Worker() >= len(s.workers) {
		return false
	}
	found := false
	asked := s.ask(ctx, s.workers[id.Worker()], func(w *worker) {
		if a := w.table.LookupID(id); a != nil {
			found = true
			do(w, a)
		}
	})
	return asked && found
}

// ask has a worker do something, and waits for it; false if ctx was done first or the worker has ended. What do writes
// to is the worker's until then, and for ever after false.
func (s *Server) ask(ctx context.Context, w *worker, do func(*worker)) bool {
	done := make(chan struct{})
	if !w.inbox.put(post{do: func(w *worker) { do(w); close(done) }}) {
		return false
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
	case <-s.closed:
	}
	return false
}
