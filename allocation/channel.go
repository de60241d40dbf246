package allocation

import "net/netip"

// A ChannelNumber is 0x4000 to 0x7FFF. RFC 8656 §12 leaves clients 0x4000 to 0x4FFF of them; the rest is for those of
// RFC 5766, and whether they are served is for the caller to decide.
type ChannelNumber uint16

const (
	minChannel ChannelNumber = 0x4000
	maxChannel ChannelNumber = 0x7FFF
)

// A channel binds a number to a peer's transport address (RFC 8656 §12).
type channel struct {
	timer  timer
	order  links // in the allocation's list, the one refreshed longest ago first
	key    peerKey
	number ChannelNumber
}

func (c *channel) links() *links { return &c.order }

// BindChannel binds a channel number to a peer's transport address, or refreshes the binding, for [ChannelLifetime]. It
// installs or refreshes the permission for the peer's address too, as Permit does (RFC 8656 §12.2).
//
// Errors, which leave everything as it was: ErrChannelNumber; ErrChannelInUse if the number is bound to another peer or
// the peer to another number; ErrPeerFamily; ErrTooMany. What has expired is not bound.
func (t *Table) BindChannel(a *Allocation, n ChannelNumber, peer netip.AddrPort, restricted bool, now Time) error {
	if n < minChannel || n > maxChannel {
		return ErrChannelNumber // RFC 8656 §12.2: 400
	}
	k := peerKey{endpointOf(peer.Addr(), peer.Port()), a.ref()}
	bound := t.liveChannel(t.channelByNumber.at(makeChannelKey(a.ref(), n)), now)
	if bound != t.liveChannel(t.channelByPeer.at(k), now) {
		return ErrChannelInUse // RFC 8656 §12.2: 400
	}
	f := k.peer.family
	if !a.has(f) {
		return ErrPeerFamily // RFC 8656 §12.2: 443
	}
	if bound == 0 && !t.roomForChannel(a, now) {
		return ErrTooMany // RFC 8656 §12.2: 508
	}
	if err := t.Permit(a, peer.Addr(), restricted, now); err != nil {
		return err
	}
	l := &a.relayed[f.index()].channels
	if bound != 0 {
		unlink(&t.channels, l, bound)
	} else {
		bound = t.channels.take()
		c := t.channels.at(bound)
		c.key, c.number = k, n
		t.channelByPeer.put(k, bound)
		t.channelByNumber.put(makeChannelKey(a.ref(), n), bound)
	}
	push(&t.channels, l, bound)
	t.wheel.set(nodeChannel|node(bound), now.add(ChannelLifetime), now)
	return nil
}

// liveChannel is n, or 0 if n has expired: it is removed then, and both its number and its peer are free.
func (t *Table) liveChannel(n ref, now Time) ref {
	if n != 0 && t.channels.at(n).timer.expires <= now {
		t.removeChannel(n)
		return 0
	}
	return n
}

// roomForChannel says whether one more fits. Where it does not at first, it removes what has expired.
func (t *Table) roomForChannel(a *Allocation, now Time) bool {
	if t.channels.len() >= maxRef {
		return false
	}
	ipv4, ipv6 := &a.relayed[0].channels, &a.relayed[1].channels
	if int(ipv4.len+ipv6.len) < t.maxChannels {
		return true
	}
	for _, l := range [...]*list{ipv4, ipv6} {
		for l.head != 0 && t.channels.at(l.head).timer.expires <= now {
			t.removeChannel(l.head)
		}
	}
	return int(ipv4.len+ipv6.len) < t.maxChannels
}

// Peer is where data on a channel goes. ok is false when the channel is unbound or has expired. permitted is false when
// the permission for the peer has lapsed: a channel does not stand in for one, and it lives longer (RFC 8656 §12.1).
// It allocates nothing.
func (t *Table) Peer(a *Allocation, n ChannelNumber, now Time) (peer netip.AddrPort, permitted bool, ok bool) {
	r := t.channelNumbered(a, n)
	if r == 0 {
		return netip.AddrPort{}, false, false
	}
	c := t.channels.at(r)
	if c.timer.expires <= now || !a.lives(c.key.peer.family, now) {
		return netip.AddrPort{}, false, false
	}
	k := c.key
	k.peer.port = 0
	p := t.permissionFor(a, &k)
	return c.key.peer.addrPort(), p != 0 && now < t.permissions.at(p).timer.expires, true
}

// Channel is the number that data from peer goes to the client on; false when peer has no channel, or it has expired.
// Whether peer is permitted is for Permitted to say. It allocates nothing.
func (t *Table) Channel(a *Allocation, peer netip.AddrPort, now Time) (ChannelNumber, bool) {
	k := peerKey{endpointOf(peer.Addr(), peer.Port()), a.ref()}
	r := t.channelTo(a, &k)
	if r == 0 {
		return 0, false
	}
	c := t.channels.at(r)
	if c.timer.expires <= now || !a.lives(c.key.peer.family, now) {
		return 0, false
	}
	return c.number, true
}

func (t *Table) removeChannel(n ref) {
	c := t.channels.at(n)
	a := t.allocations.at(c.key.allocation)
	unlink(&t.channels, &a.relayed[c.key.peer.family.index()].channels, n)
	t.wheel.clear(nodeChannel | node(n))
	t.channelByPeer.remove(c.key, n)
	t.channelByNumber.remove(makeChannelKey(c.key.allocation, c.number), n)
	*c = channel{}
	t.channels.give(n)
}
