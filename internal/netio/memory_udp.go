package netio

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// A memoryGroup is the sockets bound to one UDP address: more than one if ListenUDP made them.
type memoryGroup struct {
	sockets []*memorySocket
}

// A memorySocket is a UDP socket of a Memory.
type memorySocket struct {
	network *Memory        // immutable
	local   netip.AddrPort // immutable
	kind    memoryKind     // immutable
	queue   receiveQueue
}

// A memoryKind says who holds a socket and what for.
type memoryKind uint8

const (
	memoryOutside   memoryKind = iota // a client or peer of the test's, somewhere on the network
	memoryListening                   // of ListenUDP
	memoryRelaying                    // of OpenUDP: has an error queue
)

// ListenUDP spreads clients over the sockets by a hash of the client's address: one client, one socket. Closing one moves the
// clients of the others, as in the kernel.
func (m *Memory) ListenUDP(addr netip.AddrPort, n int) ([]Socket, error) {
	if n < 1 {
		return nil, fmt.Errorf("listen udp %s: %d sockets", addr, n)
	}
	bound, err := m.bindUDP(addr, n, memoryListening)
	if err != nil {
		return nil, err
	}
	sockets := make([]Socket, n)
	for i, s := range bound {
		sockets[i] = s
	}
	return sockets, nil
}

// OpenUDP binds a socket with an error queue.
func (m *Memory) OpenUDP(addr netip.AddrPort) (Socket, error) {
	bound, err := m.bindUDP(addr, 1, memoryRelaying)
	if err != nil {
		return nil, err
	}
	return bound[0], nil
}

// bindUDP binds n sockets of the kind to one address.
func (m *Memory) bindUDP(addr netip.AddrPort, n int, kind memoryKind) ([]*memorySocket, error) {
	addr = plain(addr)
	m.mu.Lock()
	defer m.mu.Unlock()
	free := func(a netip.AddrPort) bool { return m.udp[a] == nil }
	if kind != memoryOutside {
		if err := m.bindableLocked(addr); err != nil {
			return nil, err
		}
		if m.limit > 0 && m.open+n > m.limit {
			return nil, fmt.Errorf("bind %s: %w", addr, ErrTooManyFiles)
		}
		free = m.udpFreeLocked
	}
	addr, err := m.pickPortLocked(addr, free)
	if err != nil {
		return nil, err
	}
	g := &memoryGroup{}
	for range n {
		s := &memorySocket{network: m, local: addr, kind: kind}
		s.queue.init(m.queue, m.queue*maxDatagram)
		g.sockets = append(g.sockets, s)
	}
	m.udp[addr] = g
	if kind != memoryOutside {
		m.open += n
		m.udpPorts[portOf(addr)]++
	}
	return append([]*memorySocket(nil), g.sockets...), nil
}

func (s *memorySocket) Local() netip.AddrPort   { return s.local }
func (s *memorySocket) receiver() *receiveQueue { return &s.queue }

// NewDrops implements DropCounter.
func (s *memorySocket) NewDrops() (uint32, error) { return s.queue.newDrops(), nil }

// Stamp implements Stamper.
func (s *memorySocket) Stamp(on bool) error {
	s.queue.stamp(on)
	return nil
}

func (s *memorySocket) Close() error {
	if !s.queue.close() {
		return net.ErrClosed
	}
	m := s.network
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.udp[s.local]
	for i := range g.sockets {
		if g.sockets[i] == s {
			g.sockets = append(g.sockets[:i:i], g.sockets[i+1:]...)
			break
		}
	}
	if s.kind != memoryOutside {
		m.open--
	}
	if len(g.sockets) > 0 {
		return nil
	}
	delete(m.udp, s.local)
	if s.kind != memoryOutside {
		m.udpPorts[portOf(s.local)]--
	}
	return nil
}

// send checks o as a kernel would, then copies it into the network: the one copy of a hop.
func (s *memorySocket) send(o *Out, _ *[]byte) error {
	m := s.network
	dst := plain(o.Dst)
	if dst.Addr().Is6() != s.local.Addr().Is6() || dst.Addr().IsUnspecified() || dst.Port() == 0 {
		return ErrUnreachable
	}
	m.mu.Lock()
	from, err := s.sourceLocked(o)
	mtu, fate := m.mtu, m.fate
	m.mu.Unlock()
	if err != nil {
		return err
	}
	size := len(o.Header) + len(o.Payload) + len(o.Padding)
	if err := s.checkSize(dst, size, o.DF, mtu); err != nil {
		return err
	}
	var f Fate
	if fate != nil {
		f = fate(Transit{From: from, To: dst, TOS: o.TOS, DF: o.DF, Header: o.Header, Payload: o.Payload, Padding: o.Padding})
	}
	if f.Err != nil {
		return f.Err
	}
	if f.Lost && f.ICMP.Type == 0 {
		m.lost.Add(1)
		return nil
	}
	payload := m.buffers.lend(size)[:0]
	payload = append(append(append(payload, o.Header...), o.Payload...), o.Padding...)
	fl := flight{datagram: datagram{from: from, to: dst, payload: payload, tos: o.TOS}, sender: s, icmp: f.ICMP}
	if f.Delay > 0 {
		m.depart(fl, f.Delay)
	} else {
		m.deliver(fl)
	}
	return nil
}

// sourceLocked is the address o leaves from.
func (s *memorySocket) sourceLocked(o *Out) (netip.AddrPort, error) {
	a := s.local.Addr()
	if !a.IsUnspecified() {
		return s.local, nil
	}
	m := s.network
	if !o.Local.IsValid() || o.Local.IsUnspecified() {
		return netip.AddrPortFrom(m.sourceLocked(a.Is6()), s.local.Port()), nil
	}
	local := o.Local.Unmap().WithZone("")
	if local.Is6() != a.Is6() || !m.ownLocked(local) {
		return netip.AddrPort{}, ErrUnreachable // EADDRNOTAVAIL
	}
	return netip.AddrPortFrom(local, s.local.Port()), nil
}

// checkSize is what IP allows (65,507 bytes over IPv4, 65,527 over IPv6), and with DF what the path does.
func (s *memorySocket) checkSize(dst netip.AddrPort, size int, df bool, mtu int) error {
	v6 := dst.Addr().Is6()
	headers, most := udpHeaderLen+ipv4HeaderLen, maxDatagram-ipv4HeaderLen
	tooBig := ICMPError{Peer: dst, Type: 3, Code: 4, Info: uint32(mtu)}
	if v6 {
		headers, most = udpHeaderLen+ipv6HeaderLen, maxDatagram
		tooBig.Type, tooBig.Code = 2, 0
	}
	if size > most {
		return ErrMessageSize
	}
	if df && mtu > 0 && size+headers > mtu {
		s.tell(tooBig)
		return ErrMessageSize
	}
	return nil
}

// tell appends to the error queue of a socket that has one.
func (s *memorySocket) tell(e ICMPError) bool {
	return s.kind == memoryRelaying && s.queue.offerError(e)
}

// deliver puts a datagram into the queue of the socket it reaches, or its ICMP error into its sender's.
func (m *Memory) deliver(f flight) {
	if f.icmp.Type != 0 {
		if f.icmp.Peer == (netip.AddrPort{}) {
			f.icmp.Peer = f.to
		}
		f.sender.tell(f.icmp)
		m.buffers.free(f.payload)
		m.lost.Add(1)
		return
	}
	m.mu.Lock()
	s := m.receiverLocked(f.to, f.from)
	occupied := m.occupied[f.to.Port()]
	m.mu.Unlock()
	if s == nil {
		m.buffers.free(f.payload)
		m.unbound.Add(1)
		if !occupied {
			f.sender.tell(portUnreachable(f.to))
		}
		return
	}
	if err := s.queue.offer(f.datagram); err != nil {
		m.buffers.free(f.payload)
		if errors.Is(err, errQueueFull) {
			m.overflowed.Add(1)
		} else {
			m.unbound.Add(1) // closed this instant: nobody will know
		}
		return
	}
	m.delivered.Add(1)
}

// portUnreachable is what a host answers for a port without a socket: RFC 1122 §4.1.3.1, RFC 4443 §3.1.
func portUnreachable(peer netip.AddrPort) ICMPError {
	if peer.Addr().Is6() {
		return ICMPError{Peer: peer, Type: 1, Code: 4}
	}
	return ICMPError{Peer: peer, Type: 3, Code: 3}
}

// receiverLocked is the socket a datagram reaches: one bound to the address, else to the wildcard; of a group
// the one its source is hashed to.
func (m *Memory) receiverLocked(to, from netip.AddrPort) *memorySocket {
	g := m.udp[to]
	if g == nil && m.ownLocked(to.Addr()) {
		g = m.udp[netip.AddrPortFrom(wildcardOf(to.Addr()), to.Port())]
	}
	if g == nil {
		return nil
	}
	return g.sockets[clientHash(from)%uint32(len(g.sockets))]
}

// clientHash is FNV-1a over address and port, folded: the same in every run, so that tests are.
func clientHash(client netip.AddrPort) uint32 {
	const basis, prime = 2166136261, 16777619
	h := uint32(basis)
	for _, b := range client.Addr().As16() {
		h = (h ^ uint32(b)) * prime
	}
	h = (h ^ uint32(client.Port()>>8)) * prime
	h = (h ^ uint32(client.Port()&0xff)) * prime
	return h ^ h>>16
}
