package stun

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
)

// messageSeeds are the RFCs' vectors and what the encoder makes: every
// attribute, every order of integrity and fingerprint, and the bad values of old
// crashes.
func messageSeeds() [][]byte {
	var seeds [][]byte
	for _, v := range vectors() {
		seeds = append(seeds, v.message)
	}
	key := []byte("key")
	sha1 := func(b *Builder) { b.AddIntegrity(key, IntegritySHA1) }
	sha256 := func(b *Builder) { b.AddIntegrity(key, IntegritySHA256) }
	text := func(b *Builder) { b.AddString(AttrUsername, "user") }
	fp := (*Builder).AddFingerprint
	for _, parts := range [][]func(*Builder){
		{}, {fp}, {text, fp}, {text, sha1, fp}, {text, sha256, fp}, {text, sha1, sha256, fp}, {text, sha256, sha1, fp},
		{sha1, text, sha256, text, fp}, {sha256, text}, {fp, sha1}, {fp, text, fp}, {sha1, fp, fp}, {sha1, sha256, sha256}, {sha1, sha1},
	} {
		seeds = append(seeds, build(func(b *Builder) {
			for _, add := range parts {
				add(b)
			}
		}))
	}
	all := build(func(b *Builder) {
		b.AddXORAddrPort(AttrXORPeerAddress, netip.MustParseAddrPort("192.0.2.1:9"))
		b.AddXORAddrPort(AttrXORPeerAddress, netip.MustParseAddrPort("[2001:db8::1]:9"))
		b.AddAddrPort(AttrAlternateServer, netip.MustParseAddrPort("[2001:db8::1]:3478"))
		b.AddAddrPort(AttrMappedAddress, netip.MustParseAddrPort("192.0.2.1:3478"))
		b.AddErrorCode(CodeStaleNonce)
		b.AddAddressErrorCode(FamilyIPv6, CodeInsufficientCapacity)
		b.AddUnknownAttributes([]AttributeType{1, 2, 3})
		b.AddChannelNumber(0x4000)
		b.AddUint32(AttrLifetime, 600)
		b.AddUint8(AttrRequestedTransport, 17, 4)
		b.AddEvenPort(true)
		b.AddReservationToken(ReservationToken{1})
		b.AddICMP(3, 4, 1280)
		b.AddPasswordAlgorithms(PasswordSHA256, PasswordMD5)
		b.AddPasswordAlgorithm(PasswordMD5)
		b.AddChangeRequest(true, true)
		b.AddResponsePort(1)
		b.AddAccessToken([]byte("nonce"), []byte("block"))
		b.Add(AttrMobilityTicket, nil)
		b.Add(AttrUserhash, make([]byte, 32))
		b.AddString(AttrData, "payload")
	})
	return append(seeds, all,
		build(func(b *Builder) { b.Add(AttrXORPeerAddress, nil) }),
		build(func(b *Builder) { b.Add(AttrXORMappedAddress, []byte{1, 1, 0, 9, 1, 2, 3, 4}) }),
		build(func(b *Builder) { b.Add(AttrXORMappedAddress, []byte{0, 1, 0, 9, 1, 2}) }),
		build(func(b *Builder) { b.Add(AttrXORMappedAddress, []byte{0, 2, 0, 9, 1, 2, 3, 4}) }),
		build(func(b *Builder) { b.Add(AttrMappedAddress, []byte{0, 1, 0, 9, 1, 2, 3, 4, 5, 6}) }),
		build(func(b *Builder) { b.Add(0x8020, []byte{0, 1, 0, 9, 1, 2, 3, 4}) }),
		build(func(b *Builder) { b.Add(AttrErrorCode, []byte{0, 0, 7, 200}) }),
		build(func(b *Builder) { b.Add(AttrMessageIntegrity, nil); b.AddFingerprint() }),
		append([]byte{0x04}, all[1:]...),
		append(bytes.Clone(all), 0), all[:len(all)-4], all[:19], nil,
		append([]byte{0xC0}, all[1:]...), []byte("GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"))
}

// zeroPadding returns a copy of a parsed message with its padding zero, as a
// sender must make it.
func zeroPadding(m Message) []byte {
	b := bytes.Clone(m.raw)
	for off := uint32(HeaderSize); int(off) < len(b); {
		_, v, next := m.at(off)
		clear(b[int(off)+AttributeHeaderSize+len(v) : next])
		off = next
	}
	return b
}

func FuzzParse(f *testing.F) {
	for _, b := range messageSeeds() {
		f.Add(b, []byte("key"))
	}
	f.Fuzz(func(t *testing.T, data, key []byte) {
		before := bytes.Clone(data)
		m, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("Parse: %v does not match ErrMalformed", err)
			}
			return
		}
		for name, a := range accessors() {
			if err := a.read(m); err != nil && err != ErrAbsent && !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := m.CheckIntegrity(key); (err == ErrAbsent) != (m.Integrity() == IntegrityNone) {
			t.Errorf("%v: CheckIntegrity: %v", m.Integrity(), err)
		}
		if err := m.CheckFingerprint(); err != nil && !m.HasFingerprint() {
			t.Errorf("CheckFingerprint: %v", err)
		}
		_ = m.Type().String()
		checkHonoured(t, m)
		checkRebuilt(t, m, key)
		if !bytes.Equal(data, before) {
			t.Error("reading changed the message")
		}
	})
}

// checkHonoured: nothing but the two exceptions follows an integrity attribute,
// and Attribute agrees with Attributes.
func checkHonoured(t *testing.T, m Message) {
	t.Helper()
	seen, types := IntegrityNone, map[AttributeType]bool{}
	for typ, v := range m.Attributes() {
		if !types[typ] {
			types[typ] = true
			checkFirst(t, m, typ)
		}
		if m.DecodeXORAddrPort(v); seen != IntegrityNone {
			if typ != AttrFingerprint && (typ != AttrMessageIntegritySHA256 || seen != IntegritySHA1) {
				t.Errorf("%v is honoured behind an integrity attribute", typ)
			}
		}
		switch typ {
		case AttrMessageIntegrity:
			seen = IntegritySHA1
		case AttrMessageIntegritySHA256:
			seen = IntegritySHA256
		}
	}
	if len(types) > 0 != (len(m.raw) > HeaderSize) {
		t.Errorf("%d types of attribute in %d bytes", len(types), len(m.raw))
	}
	if unknown := m.UnknownRequired(nil, 0); len(unknown) > maxUnknown {
		t.Errorf("%d unknown attributes listed", len(unknown))
	}
}

// checkRebuilt: what was parsed, built again attribute by attribute, is what
// was parsed, unless something in it was not honoured. Built anew with integrity
// and fingerprint of our own, it passes the checks.
func checkRebuilt(t *testing.T, m Message, key []byte) {
	t.Helper()
	var b, signed Builder
	b.Reset([]byte("front"), m.Type(), m.TransactionID())
	signed.Reset(nil, m.Type(), m.TransactionID())
	for typ, v := range m.Attributes() {
		b.Add(typ, v)
		switch typ {
		case AttrMessageIntegrity, AttrMessageIntegritySHA256, AttrFingerprint:
		default:
			signed.Add(typ, v)
		}
	}
	got, want := b.Bytes()[len("front"):], zeroPadding(m)
	if len(got) > len(want) || len(got) == len(want) && !bytes.Equal(got, want) || len(got) < len(want) && m.Integrity() == IntegrityNone {
		t.Errorf("rebuilt:\n got %x\nwant %x", got, want)
	}
	signed.AddIntegrity(key, IntegritySHA1)
	signed.AddIntegrity(key, IntegritySHA256)
	signed.AddFingerprint()
	if signed.Err() != nil {
		return // Integrity and fingerprint did not fit any more.
	}
	s, err := Parse(signed.Bytes())
	if err != nil {
		t.Fatalf("Parse of what was built: %v", err)
	}
	if err := errors.Join(s.CheckIntegrity(key), s.checkIntegrity(IntegritySHA1, key), s.CheckFingerprint()); err != nil {
		t.Error(err)
	}
}

func FuzzChannelData(f *testing.F) {
	for n := range 9 {
		frame := make([]byte, ChannelHeaderSize+n+Padding(n))
		PutChannelHeader(frame, 0x4000+ChannelNumber(n)<<10, n)
		f.Add(frame)
	}
	for _, b := range [][]byte{nil, {0x40}, {0x40, 0, 0, 1}, {0x7F, 0xFF, 0xFF, 0xFF, 0}, {0x3F, 0xFF, 0, 0}, {0x80, 0, 0, 0}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, data, err := ParseChannelData(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || n != 0 || data != nil {
				t.Errorf("%04x, %x, %v", n, data, err)
			}
			return
		}
		if Classify(b) != KindChannelData || n < 0x4000 || n > 0x7FFF {
			t.Errorf("channel %04x of %x", n, b)
		}
		frame := make([]byte, ChannelHeaderSize, ChannelHeaderSize+len(data))
		PutChannelHeader(frame, n, len(data))
		frame = append(frame, data...)
		if !bytes.Equal(frame, b[:len(frame)]) {
			t.Errorf("built again: %x, was %x", frame, b)
		}
	})
}

func FuzzFrameLength(f *testing.F) {
	for _, b := range messageSeeds() {
		f.Add(b)
	}
	for _, n := range []uint16{0, 1, 0xFFF8, 0xFFF9, 0xFFFA, 0xFFFB, 0xFFFC, 0xFFFD, 0xFFFF} {
		f.Add(binary.BigEndian.AppendUint16([]byte{0x40, 0}, n))
		f.Add(binary.BigEndian.AppendUint16([]byte{0, 1}, n))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := FrameLength(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || n != 0 {
				t.Errorf("%d, %v", n, err)
			}
			// What a stream refuses, a datagram must not accept either, but for the
			// methods above 0x0FF, whose first byte belongs to other protocols.
			if m, err := Parse(b); err == nil && m.Method() <= 0x0FF {
				t.Error("Parse accepts it")
			}
			if _, _, err := ParseChannelData(b); err == nil {
				t.Error("ParseChannelData accepts it")
			}
			return
		}
		// A reader goes forward by n: never 0, never more than its buffer must hold.
		if n < ChannelHeaderSize || n%4 != 0 || n > HeaderSize+maxLength {
			t.Fatalf("%d", n)
		}
		if _, err := Parse(b); err == nil && n != len(b) {
			t.Errorf("Parse accepts %d bytes, FrameLength says %d", len(b), n)
		}
		if n > len(b) {
			return
		}
		if Classify(b) == KindChannelData {
			if _, data, err := ParseChannelData(b[:n]); err != nil || ChannelHeaderSize+len(data)+Padding(len(data)) != n {
				t.Errorf("ParseChannelData of %d bytes: %d bytes of data, %v", n, len(data), err)
			}
		}
	})
}
