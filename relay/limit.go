package relay

import (
	"errors"
	"net/netip"

	"turnout/allocation"
	"turnout/stun"
)

// A Limit is a bound of the configuration that can be reached. How often one was is counted under its name, and told in
// the log once a minute at most, with who reached it most. The names are metric labels and change only by addition.
type Limit uint8

const (
	LimitUserAllocations Limit = iota
	LimitTotalAllocations
	LimitPorts
	LimitUserBandwidth
	LimitAllocationBandwidth
	LimitNewPeers
	LimitPermissions
	LimitChannels
	LimitConnections
	LimitUnauthenticated
	LimitBacklog
	numLimits

	// noticeUnknownClass is told as limits are, and is none.
	noticeUnknownClass = numLimits
	numNotices         = noticeUnknownClass + 1
)

var limits = [numLimits]struct {
	name   string
	key    string // of the configuration
	answer string // what is done with what exceeds it
}{
	LimitUserAllocations:     {"user_allocations", "quota.user.allocations or classes", "486"},
	LimitTotalAllocations:    {"total_allocations", "quota.total.allocations", "508, or 300 to alternates"},
	LimitPorts:               {"ports", "relay.ports", "508, or 300 to alternates"},
	LimitUserBandwidth:       {"user_bandwidth", "quota.user.bandwidth, classes or bandwidth-claim of api.issuers", "dropped; TCP connections wait"},
	LimitAllocationBandwidth: {"allocation_bandwidth", "quota.allocation.bandwidth", "dropped; TCP connections wait"},
	LimitNewPeers:            {"new_peers", "limits.new-peers", "508; dropped"},
	LimitPermissions:         {"permissions", "limits.permissions", "508"},
	LimitChannels:            {"channels", "limits.channels", "508"},
	LimitConnections:         {"connections", "limits.connections", "508; closed"},
	LimitUnauthenticated:     {"unauthenticated", "limits.unauthenticated", "no answer"},
	LimitBacklog:             {"backlog", "limits.backlog", "dropped"},
}

// String is the limit's name, as metrics label it.
func (l Limit) String() string { return limits[l].name }

// Key is the configuration's key that sets it.
func (l Limit) Key() string { return limits[l].key }

// Answer says what is done with what exceeds it: the STUN error code of requests, and what becomes of data.
func (l Limit) Answer() string { return limits[l].answer }

// Limits are all of them, in order.
func Limits() []Limit {
	all := make([]Limit, numLimits)
	for i := range all {
		all[i] = Limit(i)
	}
	return all
}

// EachLimit yields every limit with how often it was reached.
func (s Stats) EachLimit(yield func(limit string, n uint64)) {
	for _, l := range Limits() {
		yield(l.String(), s.Limited(l))
	}
}

// Limited is how often a limit was reached: requests that were refused, datagrams that were dropped, and times that a
// connection had to wait.
func (s Stats) Limited(l Limit) uint64 { return s.counts[counterLimits+int(l)] }

// A culprit is who reached a limit: a subject, or where that is not known an address.
type culprit struct {
	subject string
	source  netip.Addr
}

// note counts that a limit was reached. It costs no lock: packets that are dropped for a limit come here too.
func (s *state) note(l Limit, who culprit) {
	if l < numLimits {
		s.counters.add(counterLimits+int(l), 1)
	}
	s.tally(l, who)
}

// tally has the log tell of it.
func (s *state) tally(l Limit, who culprit) {
	t := &s.tallies[l]
	t.add(who)
	if t.times == 1 {
		select {
		case s.noticed <- struct{}{}:
		default: // the log is about to look already
		}
	}
}

// limited notes the limit behind the error that a request is refused with, if it is one's, and returns the error.
func (r *request) limited(err error) error {
	l, ok := limitOf(r.msg.Method(), err)
	if !ok {
		return err
	}
	who := culprit{subject: string(r.verified.Subject)}
	switch {
	case l == LimitUnauthenticated:
		who.subject = ""
	case who.subject == "" && r.allocation != nil:
		who.subject = r.table.Subject(r.allocation)
	}
	if who.subject == "" {
		who.source = r.from.tuple.Client.Addr()
	}
	r.note(l, who)
	return err
}

// limitOf is the limit that a request of a method has reached when it is refused with err.
func limitOf(m stun.Method, err error) (l Limit, ok bool) {
	switch {
	case err == nil:
		return 0, false
	case err == errBudget:
		return LimitUnauthenticated, true
	case err == errNewPeers:
		return LimitNewPeers, true
	case errors.Is(err, allocation.ErrQuota):
		return LimitUserAllocations, true
	case errors.Is(err, allocation.ErrTotal):
		return LimitTotalAllocations, true
	case errors.Is(err, allocation.ErrCapacity):
		return LimitPorts, true
	case !errors.Is(err, allocation.ErrTooMany):
		return 0, false
	}
	switch m {
	case stun.MethodCreatePermission:
		return LimitPermissions, true
	case stun.MethodChannelBind:
		return LimitChannels, true
	}
	return LimitConnections, true
}
