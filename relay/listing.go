package relay

import (
	"context"
	"iter"
	"net/netip"
	"strings"
	"time"

	"turnout/allocation"
)

// A worker that is asked for its allocations copies this many rows at most, and looks at this many slots, before it goes
// back to its packets: that takes a small part of a millisecond (TestListingHoldsNoWorker).
const (
	rowsAtOnce  = 256
	slotsAtOnce = 1024
)

// An AllocationInfo is what operators see of an allocation: a copy, of the moment when its worker was asked.
type AllocationInfo struct {
	ID               allocation.ID // names it until it ends, or its client moves to another worker
	Subject          string        // who made it; of a static user its name
	Class            string        // of the credential; empty for none
	Bandwidth        int64         // of the credential, in bits a second; 0: the class's counts
	Transport        allocation.Transport
	Client, Server   netip.AddrPort
	TCP              bool              // of RFC 6062
	Relayed          [2]netip.AddrPort // IPv4, IPv6; the zero AddrPort where there is none
	Created, Expires time.Time         // the latest of the families' ends, unless it is refreshed
	Permissions      int
	Channels         int
	// Relayed payload, that of TCP connections to peers too, which have no packets.
	FromClient, ToClient Traffic
}

// A Filter says which allocations are asked for. The zero value is all of them.
type Filter struct {
	Subject   string               // If not empty, that one's alone.
	Contains  string               // Part of the subject.
	Client    Block                // Where the client is.
	Relayed   Block                // A relayed transport address.
	Transport allocation.Transport // If zero, any.
	// After is the ID of the last row that was read: the ones behind it follow. It may have ended meanwhile. If zero, from
	// the first one.
	After allocation.ID
}

// Admits says whether the filter lets a row through. After is not looked at.
func (f *Filter) Admits(i *AllocationInfo) bool {
	return f.admitsAddresses(i.Transport, i.Client, i.Relayed[0], i.Relayed[1]) && f.admitsSubject(i.Subject)
}

func (f *Filter) admitsAddresses(t allocation.Transport, client, ipv4, ipv6 netip.AddrPort) bool {
	return (f.Transport == 0 || f.Transport == t) && f.Client.Contains(client) && (f.Relayed.Contains(ipv4) || f.Relayed.Contains(ipv6))
}

func (f *Filter) admitsSubject(subject string) bool {
	return (f.Subject == "" || f.Subject == subject) && strings.Contains(subject, f.Contains)
}

// A Block is addresses, or ports, or both. The zero value is everything.
type Block struct {
	Prefix netip.Prefix // If zero, every address.
	Port   uint16       // If zero, every port.
}

// Contains says whether an address is of the block.
func (b Block) Contains(a netip.AddrPort) bool {
	return a.IsValid() && (b.Port == 0 || b.Port == a.Port()) && (!b.Prefix.IsValid() || b.Prefix.Contains(a.Addr()))
}

// Allocations yields the live allocations that a filter lets through, in an order that stays the same: one that lives
// all the while is yielded exactly once, however many come and go, unless its client moves to another worker meanwhile.
// Workers are asked for a few at a time, and yield is called in between, so that who reads slowly holds nobody up. It
// ends early when ctx is done, which the caller has to look at. Safe for concurrent use, while Serve runs.
func (s *Server) Allocations(ctx context.Context, f Filter) iter.Seq[AllocationInfo] {
	return func(yield func(AllocationInfo) bool) {
		first := 0
		if f.After != 0 {
			first = f.After.Index() + 1
		}
		l := newListing(&f)
		for i := f.After.Worker(); i < len(s.workers); i++ {
			for first >= 0 {
				l.next = first
				if !s.ask(ctx, s.workers[i], l.fill) {
					return
				}
				for k := range l.rows {
					if !yield(l.rows[k]) {
						return
					}
				}
				first = l.next
			}
			first = 0
		}
	}
}

// A listing is one question to a worker, and its answer.
type listing struct {
	filter *Filter
	next   int // the first slot to look at; afterwards the first that was not, -1 at the end
	rows   []AllocationInfo
}

// newListing has room for the rows already: a worker does not wait for memory.
func newListing(f *Filter) *listing {
	return &listing{filter: f, rows: make([]AllocationInfo, 0, rowsAtOnce)}
}

// fill copies the rows of a few slots. The worker calls it.
func (l *listing) fill(w *worker) {
	l.rows = l.rows[:0]
	end := min(l.next+slotsAtOnce, w.table.Slots())
	for ; l.next < end; l.next++ {
		a := w.table.At(l.next)
		if a == nil || !w.passes(a, l.filter) {
			continue
		}
		if len(l.rows) == rowsAtOnce {
			return
		}
		l.rows = append(l.rows, w.describe(a))
	}
	if l.next >= w.table.Slots() {
		l.next = -1
	}
}

// passes says whether a filter lets an allocation through.
func (w *worker) passes(a *allocation.Allocation, f *Filter) bool {
	tuple := a.FiveTuple()
	return f.admitsAddresses(tuple.Transport, tuple.Client, a.Relayed(false), a.Relayed(true)) &&
		(f.Subject == "" && f.Contains == "" || f.admitsSubject(w.table.Subject(a)))
}

// describe copies what operators see of an allocation.
func (w *worker) describe(a *allocation.Allocation) AllocationInfo {
	l := w.links[a.ID().Index()]
	for _, c := range l.connections() {
		c.settle(a) // what it carries goes past the worker
	}
	tuple, traffic, g := a.FiveTuple(), a.Traffic(), l.grant.read()
	return AllocationInfo{
		ID: a.ID(), Subject: w.table.Subject(a), Class: g.class, Bandwidth: g.bandwidth,
		Transport: tuple.Transport, Client: tuple.Client, Server: tuple.Server,
		TCP: a.TCP(), Relayed: [2]netip.AddrPort{a.Relayed(false), a.Relayed(true)},
		Created: w.at(a.Created()), Expires: w.at(max(a.Expires(false), a.Expires(true))),
		Permissions: a.Permissions(), Channels: a.Channels(),
		FromClient: Traffic{traffic.PacketsIn, traffic.BytesIn},
		ToClient:   Traffic{traffic.PacketsOut, traffic.BytesOut},
	}
}

// at is a time of the worker's clock on the wall's, as of this round.
func (w *worker) at(t allocation.Time) time.Time {
	return w.wall.Add(time.Duration(t - w.now)).Round(0) // without the monotonic reading, which means nothing elsewhere
}
