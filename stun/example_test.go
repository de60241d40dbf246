package stun_test

import (
	"crypto/md5"
	"errors"
	"fmt"
	"net/netip"

	"turnout/stun"
)

// A server answers a Binding request with the address it came from.
func Example() {
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodBinding, stun.ClassRequest), stun.NewTransactionID())
	request, err := stun.Parse(b.Bytes())
	if err != nil {
		return // Silently: it is not STUN, or damaged.
	}

	source := netip.MustParseAddrPort("192.0.2.1:32853")
	b.Reset(nil, stun.NewMessageType(request.Method(), stun.ClassSuccess), request.TransactionID())
	b.AddXORAddrPort(stun.AttrXORMappedAddress, source)
	b.AddString(stun.AttrSoftware, "turnout")
	b.AddFingerprint()

	response, err := stun.Parse(b.Bytes())
	if err != nil || response.CheckFingerprint() != nil {
		return
	}
	mapped, err := response.XORAddrPort(stun.AttrXORMappedAddress)
	fmt.Println(response.Type(), mapped, err)
	// Output: Binding success response 192.0.2.1:32853 <nil>
}

// The key of the long-term credential mechanism signs a request, and checks it
// (RFC 8489 §9.2.2).
func ExampleMessage_CheckIntegrity() {
	key := md5.Sum([]byte("user:realm:pass"))
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodRefresh, stun.ClassRequest), stun.NewTransactionID())
	b.AddUint32(stun.AttrLifetime, 600)
	b.AddIntegrity(key[:], stun.IntegritySHA1)
	b.AddUint32(stun.AttrLifetime, 3600) // added by somebody else: not honoured

	m, err := stun.Parse(b.Bytes())
	if err != nil {
		return
	}
	lifetime, _ := m.Uint32(stun.AttrLifetime)
	fmt.Println(m.Integrity(), m.CheckIntegrity(key[:]), lifetime)
	fmt.Println(m.CheckIntegrity([]byte("another key")))
	// Output:
	// SHA-1 <nil> 600
	// message integrity does not match
}

// CreatePermission may name several peers.
func ExampleMessage_Attributes() {
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodCreatePermission, stun.ClassRequest), stun.NewTransactionID())
	b.AddXORAddrPort(stun.AttrXORPeerAddress, netip.MustParseAddrPort("192.0.2.1:0"))
	b.AddXORAddrPort(stun.AttrXORPeerAddress, netip.MustParseAddrPort("[2001:db8::1]:0"))
	b.Add(stun.AttrXORPeerAddress, nil)

	m, err := stun.Parse(b.Bytes())
	if err != nil {
		return
	}
	for t, value := range m.Attributes() {
		if t != stun.AttrXORPeerAddress {
			continue
		}
		peer, err := m.DecodeXORAddrPort(value)
		if errors.Is(err, stun.ErrMalformed) {
			fmt.Println("answer 400")
			break
		}
		fmt.Println(peer.Addr())
	}
	// Output:
	// 192.0.2.1
	// 2001:db8::1
	// answer 400
}

// A payload stays where it was received: the message's head, the payload and
// the padding leave as three pieces of one datagram.
func ExampleBuilder_BeginData() {
	payload := []byte("hello")
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodData, stun.ClassIndication), stun.NewTransactionID())
	b.AddXORAddrPort(stun.AttrXORPeerAddress, netip.MustParseAddrPort("192.0.2.1:9"))
	padding := b.BeginData(len(payload))
	pieces := [][]byte{b.Bytes(), payload, make([]byte, padding)}

	var datagram []byte
	for _, p := range pieces {
		datagram = append(datagram, p...)
	}
	m, err := stun.Parse(datagram)
	if err != nil {
		return
	}
	data, _ := m.Attribute(stun.AttrData)
	fmt.Printf("%s, %d bytes of padding\n", data, padding)
	// Output: hello, 3 bytes of padding
}

// On a stream, a frame's first four bytes say how long it is.
func ExampleFrameLength() {
	stream := []byte{0x40, 0x01, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, 0x40}
	n, err := stun.FrameLength(stream)
	if err != nil {
		return // The stream cannot be read on: close it.
	}
	channel, data, err := stun.ParseChannelData(stream[:n])
	fmt.Printf("%d bytes: channel %#x, %s, %v\n", n, uint16(channel), data, err)
	// Output: 12 bytes: channel 0x4001, hello, <nil>
}
