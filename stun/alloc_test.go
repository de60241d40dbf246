package stun

import (
	"net/netip"
	"testing"
)

// request is an authenticated Allocate request as a client sends it.
func request(key []byte, i Integrity) []byte {
	return build(func(b *Builder) {
		b.AddUint8(AttrRequestedTransport, 17, 4)
		b.AddUint32(AttrLifetime, 600)
		b.Add(AttrDontFragment, nil)
		b.AddString(AttrUsername, "1735689600:alice")
		b.AddString(AttrRealm, "turnout.example")
		b.AddString(AttrNonce, "obMatJos2gAAA0123456789abcdef0123456789abcdef")
		if i == IntegritySHA256 {
			b.AddPasswordAlgorithms(PasswordSHA256, PasswordMD5)
			b.AddPasswordAlgorithm(PasswordSHA256)
		}
		b.AddIntegrity(key, i)
		b.AddFingerprint()
	})
}

// respond builds a success response to an Allocate request.
func respond(b *Builder, buf, key []byte, i Integrity) []byte {
	b.Reset(buf, NewMessageType(MethodAllocate, ClassSuccess), testID)
	b.AddXORAddrPort(AttrXORRelayedAddress, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 49152))
	b.AddXORAddrPort(AttrXORMappedAddress, netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: 1}), 5000))
	b.AddUint32(AttrLifetime, 600)
	b.AddString(AttrSoftware, "turnout")
	b.AddIntegrity(key, i)
	b.AddFingerprint()
	return b.Bytes()
}

// refuse builds a 401.
func refuse(b *Builder, buf []byte, algorithms []byte) []byte {
	b.Reset(buf, NewMessageType(MethodAllocate, ClassError), testID)
	b.AddErrorCode(CodeUnauthenticated)
	b.AddString(AttrRealm, "turnout.example")
	b.AddString(AttrNonce, "obMatJos2gAAA0123456789abcdef0123456789abcdef")
	b.Add(AttrPasswordAlgorithms, algorithms)
	b.AddPasswordAlgorithms(PasswordSHA256, PasswordMD5)
	b.AddUnknownAttributes([]AttributeType{1, 2, 3})
	return b.Bytes()
}

var sink int // keeps results alive

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Log("allocations are not counted under the race detector, which makes sync.Pool forget at random")
	}
	longKey := make([]byte, 100)
	sha1Request, sha256Request := request(make([]byte, 16), IntegritySHA1), request(longKey, IntegritySHA256)
	send := build(func(b *Builder) {
		b.AddXORAddrPort(AttrXORPeerAddress, netip.MustParseAddrPort("192.0.2.1:9"))
		b.AddString(AttrData, "payload")
	})
	channelData := []byte{0x40, 0, 0, 1, 'x', 0, 0, 0}
	known := NewAttributeSet(AttrUsername, AttrData)
	unknown := make([]AttributeType, 0, 16)
	algorithms := AppendPasswordAlgorithms(nil, PasswordSHA256, PasswordMD5)
	buf := make([]byte, 0, 1500)
	var b Builder
	var reused Message
	var signed interface{ CheckIntegrity(key []byte) error } = &reused
	tests := map[string]func(){
		"Parse": func() {
			m, _ := Parse(sha1Request)
			v, _ := m.Attribute(AttrUsername)
			sink += len(v)
		},
		"accessors": func() {
			m, _ := Parse(sha256Request)
			l, _ := m.Uint32(AttrLifetime)
			p, _ := m.Uint8(AttrRequestedTransport, 4)
			a, _ := m.PasswordAlgorithm()
			_, err := m.AddrPort(AttrAlternateServer)
			_, _, err2 := m.ErrorCode()
			if err == nil || err2 == nil {
				t.Error("an absent attribute is there")
			}
			sink += int(l) + int(p) + int(a)
		},
		"addresses": func() {
			m, _ := Parse(send)
			a, _ := m.XORAddrPort(AttrXORPeerAddress)
			_, err := m.DecodeXORAddrPort(nil)
			if err == nil {
				t.Error("an empty address is accepted")
			}
			sink += int(a.Port())
		},
		"Attributes": func() {
			m, _ := Parse(sha256Request)
			for typ, v := range m.Attributes() {
				sink += int(typ) + len(v)
			}
		},
		"UnknownRequired": func() {
			m, _ := Parse(sha1Request)
			unknown = m.UnknownRequired(unknown[:0], known)
			sink += len(unknown)
		},
		"CheckIntegrity SHA-1": func() {
			var key [16]byte // stays on the stack
			m, _ := Parse(sha1Request)
			if err := m.CheckIntegrity(key[:]); err != nil {
				t.Error(err)
			}
		},
		"CheckIntegrity SHA-256, a long key": func() {
			m, _ := Parse(sha256Request)
			if err := m.CheckIntegrity(longKey); err != nil {
				t.Error(err)
			}
		},
		"CheckIntegrity through an interface": func() {
			reused, _ = Parse(sha1Request)
			if err := signed.CheckIntegrity(longKey[:16]); err != nil {
				t.Error(err)
			}
		},
		"CheckFingerprint": func() {
			m, _ := Parse(sha1Request)
			if err := m.CheckFingerprint(); err != nil {
				t.Error(err)
			}
		},
		"refused messages": func() {
			_, err := Parse(send[:30])
			_, _, err2 := ParseChannelData(channelData[:4])
			_, err3 := FrameLength(send[4:])
			if err == nil || err2 == nil || err3 == nil {
				t.Error("a malformed message is accepted")
			}
		},
		"Builder SHA-1":    func() { sink += len(respond(&b, buf, longKey[:16], IntegritySHA1)) },
		"Builder SHA-256":  func() { sink += len(respond(&b, buf, longKey, IntegritySHA256)) },
		"Builder of a 401": func() { sink += len(refuse(&b, buf, algorithms)) },
		"BeginData": func() {
			b.Reset(buf, NewMessageType(MethodData, ClassIndication), testID)
			b.AddXORAddrPort(AttrXORPeerAddress, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 9))
			sink += b.BeginData(1200)
		},
		"ChannelData": func() {
			n, data, _ := ParseChannelData(channelData)
			length, _ := FrameLength(channelData)
			PutChannelHeader(channelData, n, len(data))
			sink += length + len(data)
		},
	}
	for name, f := range tests {
		allocs := testing.AllocsPerRun(200, f)
		if !raceEnabled && allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
