package relay

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"turnout/stun"
)

// notAttributes are keys of a request's line that say how it is made, signed and sent.
var notAttributes = map[string]bool{
	"auth": true, "class": true, "tid": true, "user": true, "password": true, "realm": true,
	"nonce": true, "userhash": true, "omit": true, "algorithm": true, "algorithms": true,
	"integrity": true, "fingerprint": true, "tos": true, "to": true,
}

// attributes adds those that a line names, in its order.
func (a *actor) attributes(b *stun.Builder, l line) {
	a.script.t.Helper()
	for i, k := range l.keys {
		if !notAttributes[k] && !strings.HasPrefix(k, "after-") {
			a.attribute(b, k, l.all[i])
		}
	}
}

func (a *actor) attribute(b *stun.Builder, key, v string) {
	a.script.t.Helper()
	number := func() uint64 {
		n, err := strconv.ParseUint(a.script.expand(v), 0, 32)
		if err != nil {
			a.fatalf("%s: %v", key, err)
		}
		return n
	}
	switch key {
	case "lifetime":
		b.AddUint32(stun.AttrLifetime, uint32(number()))
	case "transport":
		if v != "none" {
			b.AddUint8(stun.AttrRequestedTransport, uint8(number()), 4)
		}
	case "family":
		b.AddUint8(stun.AttrRequestedAddressFamily, familyNumber(v), 4)
	case "additional":
		b.AddUint8(stun.AttrAdditionalAddressFamily, familyNumber(v), 4)
	case "even-port":
		b.AddUint8(stun.AttrEvenPort, map[string]uint8{"yes": 0, "reserve": 0x80}[v], 1)
	case "token":
		token, err := hex.DecodeString(a.script.expand(v))
		if err != nil {
			a.fatalf("token: %v", err)
		}
		b.Add(stun.AttrReservationToken, token)
	case "token-of": // another client's access token
		b.Add(stun.AttrAccessToken, a.script.actor(v).token)
	case "mobility":
		b.Add(stun.AttrMobilityTicket, nil)
	case "ticket":
		b.AddString(stun.AttrMobilityTicket, a.script.expand(v))
	case "dont-fragment":
		b.Add(stun.AttrDontFragment, nil)
	case "peer":
		addPeer(b, a.script.address(v))
	case "number":
		b.AddChannelNumber(stun.ChannelNumber(number()))
	case "unknown":
		b.Add(stun.AttributeType(number()), []byte("what?"))
	case "attribute":
		a.rawAttribute(b, v)
	case "change":
		b.AddChangeRequest(strings.Contains(v, "ip"), strings.Contains(v, "port"))
	case "response-port":
		b.AddResponsePort(uint16(number()))
	case "padding":
		b.Add(stun.AttrPadding, make([]byte, number()))
	case "connection":
		b.AddUint32(stun.AttrConnectionID, uint32(number()))
	case "software":
		b.AddString(stun.AttrSoftware, v)
	default:
		a.fatalf("no attribute is called %s", key)
	}
}

// addPeer adds XOR-PEER-ADDRESS, an IPv4 address mapped into IPv6 as it is, which
// the Builder would send as IPv4.
func addPeer(b *stun.Builder, peer netip.AddrPort) {
	mapped := peer.Addr().Is4In6()
	if mapped {
		ip := peer.Addr().As16()
		ip[10], ip[11] = 0, 0
		peer = netip.AddrPortFrom(netip.AddrFrom16(ip), peer.Port())
	}
	b.AddXORAddrPort(stun.AttrXORPeerAddress, peer)
	if mapped {
		value := b.Bytes()
		value = value[len(value)-16:]
		value[10], value[11] = ^value[10], ^value[11]
	}
}

// rawAttribute adds a type and value in hexadecimal: "000d:0258".
func (a *actor) rawAttribute(b *stun.Builder, v string) {
	a.script.t.Helper()
	name, text, _ := strings.Cut(v, ":")
	t, err := strconv.ParseUint(name, 16, 16)
	if err != nil {
		a.fatalf("attribute: %v", err)
	}
	value, err := hex.DecodeString(text)
	if err != nil {
		a.fatalf("attribute: %v", err)
	}
	b.Add(stun.AttributeType(t), value)
}

func familyNumber(v string) uint8 {
	switch v {
	case "4":
		return uint8(stun.FamilyIPv4)
	case "6":
		return uint8(stun.FamilyIPv6)
	}
	n, _ := strconv.ParseUint(v, 0, 8)
	return uint8(n)
}

// channel sends ChannelData: `channel 0x4000 "data"`, with another length field
// than the data's (length=9), or padded=yes in a datagram.
func (a *actor) channel(l line) {
	a.script.t.Helper()
	n, err := strconv.ParseUint(l.words[0], 0, 16)
	if err != nil {
		a.fatalf("%v", err)
	}
	data := l.words[1]
	length, padded := len(data), a.stream != nil && !a.records()
	for k, v := range l.values {
		switch k {
		case "length":
			length, _ = strconv.Atoi(v)
		case "padded":
			padded = true
		case "tos":
		default:
			a.fatalf("ChannelData has no %s", k)
		}
	}
	b := make([]byte, stun.ChannelHeaderSize, stun.ChannelHeaderSize+len(data)+3)
	stun.PutChannelHeader(b, stun.ChannelNumber(n), length)
	b = append(b, data...)
	if padded {
		b = append(b, make([]byte, -len(data)&3)...)
	}
	a.write(b, a.server())
}

// indication sends a Send indication: `send peer=peer "data"`.
func (a *actor) indication(l line) {
	a.script.t.Helper()
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodSend, stun.ClassIndication), stun.NewTransactionID())
	a.attributes(&b, l)
	for _, w := range l.words {
		b.AddString(stun.AttrData, w)
	}
	a.write(a.fingerprinted(&b, l), a.server())
}
