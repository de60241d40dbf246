package relay

import (
	"errors"
	"net/netip"
	"sync/atomic"

	"turnout/allocation"
)

const (
	// peerMemory is how long a peer that a client does not send to is known: as long as a permission lives, at least.
	peerMemory = 5 * 60 * allocation.Second
	// newPeersBurst is how many new peers may be met at once: as many as the limit admits in this time. ICE tries
	// dozens of pairs of candidates when a call begins, and calls come together.
	newPeersBurst = 10 * allocation.Second
)

// errNewPeers refuses a peer that the client has not sent to before, since it has met too many of late.
var errNewPeers = errors.New("too many new peers")

// A bucket bounds how often something is done: a number a second, and a burst. It is safe for concurrent use.
type bucket struct{ paid atomic.Int64 } // allocation.Time, as of a budget

// take takes one, if there is one.
func (b *bucket) take(perSecond int, now allocation.Time) bool {
	interval := int64(allocation.Second) / int64(perSecond)
	for {
		old := b.paid.Load()
		paid := max(old, int64(now)) + interval
		if paid-int64(now) > max(int64(newPeersBurst), interval) {
			return false
		}
		if b.paid.CompareAndSwap(old, paid) {
			return true
		}
	}
}

// acquaintances are the peers, address and port, that a client has sent to from one allocation. There are no more of them
// than the limit let it meet in twice peerMemory. Owned by the worker.
type acquaintances struct {
	own     bucket                      // where the allocation is nobody's
	met     map[netip.AddrPort]struct{} // since began
	before  map[netip.AddrPort]struct{} // in the time before that
	began   allocation.Time
	passing netip.AddrPort // met last: datagrams come in runs
}

// knows says whether the client has sent to peer lately.
func (k *acquaintances) knows(peer netip.AddrPort, now allocation.Time) bool {
	if now >= k.began+allocation.Time(peerMemory) {
		k.met, k.before = map[netip.AddrPort]struct{}{}, k.met
		if now >= k.began+2*allocation.Time(peerMemory) {
			k.before = nil
		}
		k.began, k.passing = now, netip.AddrPort{}
	}
	if peer == k.passing {
		return true
	}
	if _, ok := k.met[peer]; !ok {
		if _, ok = k.before[peer]; !ok {
			return false
		}
		k.met[peer] = struct{}{}
	}
	k.passing = peer
	return true
}

// meets implements opener: it says whether the client may send to a peer, which may be one it has not sent to lately. What
// is counted is where something goes to, address and port, by a Send indication, a channel or a connection: a client that
// looks for open ports through the relay meets one with each attempt. Permissions are not counted, which send nothing.
func (w *worker) meets(a *allocation.Allocation, peer netip.AddrPort) bool {
	perSecond := w.quotas.Load().newPeers
	if perSecond == 0 {
		return true
	}
	l := w.links[a.ID().Index()]
	used := l.limited()
	if used.peersMet == nil {
		used.peersMet = &acquaintances{met: map[netip.AddrPort]struct{}{}, began: w.now}
	}
	k := used.peersMet
	if k.knows(peer, w.now) {
		return true
	}
	if _, bound := w.table.Channel(a, peer, w.now); bound {
		return true // met when it was bound, and data goes there all the time
	}
	b := &k.own
	if l.allowance != nil {
		b = &l.allowance.newPeers
	}
	if !b.take(perSecond, w.now) {
		return false
	}
	k.met[peer] = struct{}{}
	k.passing = peer
	return true
}

// whoHas is whom the log names for an allocation: its user, where somebody counts, else its client's address.
func (l *link) whoHas() culprit {
	if l.allowance != nil {
		return culprit{subject: l.allowance.name}
	}
	return culprit{source: l.origin.tuple.Client.Addr()}
}
