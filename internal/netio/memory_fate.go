package netio

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// A Transit is a datagram that is being sent, as SetFate's function sees it. Its slices are the sender's own, as given to
// Send: a test compares them with what Recv handed out.
type Transit struct {
	From, To                 netip.AddrPort
	TOS                      uint8
	DF                       bool
	Header, Payload, Padding []byte
}

// A Fate is what becomes of a datagram or a connection attempt. The zero Fate is to arrive at once.
type Fate struct {
	// Delay holds it back. Datagrams due at the same moment arrive in the order they were sent.
	Delay time.Duration
	// Lost datagrams are gone without a word; a lost connection attempt waits for its context.
	Lost bool
	// Err is what the sender is told: ErrWouldBlock, ErrNotPermitted, ErrUnreachable …; it is not sent.
	Err error
	// ICMP, if its Type is not 0, reaches the sender's error queue after Delay, and the datagram nobody. If its Peer is zero,
	// the datagram's destination. No meaning for connections.
	ICMP ICMPError
}

// SetFate has every datagram's fate decided by f (nil: all arrive at once). It is called by whoever sends, from several
// goroutines at once; it may call the Memory's methods.
func (m *Memory) SetFate(f func(Transit) Fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fate = f
}

// SetDialFate has every connection attempt's fate decided by f (nil: all are made at once), as SetFate does.
func (m *Memory) SetDialFate(f func(local, peer netip.AddrPort) Fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dialFate = f
}

// InjectICMP puts e into the error queue of the relay socket bound to local, whether or not anything was sent to e.Peer. It is
// false where no such socket is, where it was not opened by OpenUDP, and where its queue is full.
func (m *Memory) InjectICMP(local netip.AddrPort, e ICMPError) bool {
	m.mu.Lock()
	g := m.udp[plain(local)]
	m.mu.Unlock()
	return g != nil && g.sockets[0].tell(e)
}

// A flight is a datagram between sending and delivery.
type flight struct {
	datagram
	sender *memorySocket
	icmp   ICMPError
	due    time.Time
	number uint64
}

// depart delivers f after a delay.
func (m *Memory) depart(f flight, delay time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f.due = time.Now().Add(delay)
	f.number = m.departures
	m.departures++
	i, _ := slices.BinarySearchFunc(m.flights, f, func(a, b flight) int {
		if c := a.due.Compare(b.due); c != 0 {
			return c
		}
		return cmp.Compare(a.number, b.number)
	})
	m.flights = slices.Insert(m.flights, i, f)
	if i == 0 {
		m.alarmLocked()
	}
}

// alarmLocked sets the alarm for the first flight.
func (m *Memory) alarmLocked() {
	if len(m.flights) == 0 {
		return
	}
	left := time.Until(m.flights[0].due)
	if m.alarm == nil {
		m.alarm = time.AfterFunc(left, m.land)
	} else {
		m.alarm.Reset(left)
	}
}

// land delivers every flight that is due.
func (m *Memory) land() {
	m.landing.Lock()
	defer m.landing.Unlock()
	m.mu.Lock()
	now := time.Now()
	n := 0
	for n < len(m.flights) && !m.flights[n].due.After(now) {
		n++
	}
	due := slices.Clone(m.flights[:n])
	m.flights = slices.Delete(m.flights, 0, n)
	m.alarmLocked()
	m.mu.Unlock()
	for _, f := range due {
		m.deliver(f)
	}
}
