package stun

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
)

// An accessor as the tables call it: everything it returns but its error is dropped.
type accessor func(m Message) error

func accessors() map[string]struct {
	typ  AttributeType
	read accessor
} {
	type entry = struct {
		typ  AttributeType
		read accessor
	}
	return map[string]entry{
		"Uint32":            {AttrLifetime, func(m Message) error { _, err := m.Uint32(AttrLifetime); return err }},
		"Uint8 of 4":        {AttrRequestedTransport, func(m Message) error { _, err := m.Uint8(AttrRequestedTransport, 4); return err }},
		"Uint8 of 0":        {AttrDontFragment, func(m Message) error { _, err := m.Uint8(AttrDontFragment, 0); return err }},
		"EvenPort":          {AttrEvenPort, func(m Message) error { _, err := m.EvenPort(); return err }},
		"AddrPort":          {AttrAlternateServer, func(m Message) error { _, err := m.AddrPort(AttrAlternateServer); return err }},
		"XORAddrPort":       {AttrXORPeerAddress, func(m Message) error { _, err := m.XORAddrPort(AttrXORPeerAddress); return err }},
		"ChannelNumber":     {AttrChannelNumber, func(m Message) error { _, err := m.ChannelNumber(); return err }},
		"ErrorCode":         {AttrErrorCode, func(m Message) error { _, _, err := m.ErrorCode(); return err }},
		"AddressErrorCode":  {AttrAddressErrorCode, func(m Message) error { _, _, _, err := m.AddressErrorCode(); return err }},
		"PasswordAlgorithm": {AttrPasswordAlgorithm, func(m Message) error { _, err := m.PasswordAlgorithm(); return err }},
		"PasswordAlgorithms": {AttrPasswordAlgorithms, func(m Message) error {
			as, err := m.PasswordAlgorithms([]PasswordAlgorithm{7})
			if err != nil && !slices.Equal(as, []PasswordAlgorithm{7}) {
				return errors.New("dst changed on an error")
			}
			return err
		}},
		"UnknownAttributes": {AttrUnknownAttributes, func(m Message) error { _, err := m.UnknownAttributes(nil); return err }},
		"Userhash":          {AttrUserhash, func(m Message) error { _, err := m.Userhash(); return err }},
		"ReservationToken":  {AttrReservationToken, func(m Message) error { _, err := m.ReservationToken(); return err }},
		"ICMP":              {AttrICMP, func(m Message) error { _, _, _, err := m.ICMP(); return err }},
		"ChangeRequest":     {AttrChangeRequest, func(m Message) error { _, _, err := m.ChangeRequest(); return err }},
		"ResponsePort":      {AttrResponsePort, func(m Message) error { _, err := m.ResponsePort(); return err }},
		"AccessToken":       {AttrAccessToken, func(m Message) error { _, _, err := m.AccessToken(); return err }},
	}
}

func TestAccessorsAbsent(t *testing.T) {
	t.Parallel()
	m := mustParse(t, build(nil))
	for name, a := range accessors() {
		if err := a.read(m); err != ErrAbsent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAccessorsRefuse(t *testing.T) {
	t.Parallel()
	sizes := func(ns ...int) (values [][]byte) {
		for _, n := range ns {
			values = append(values, make([]byte, n))
		}
		return values
	}
	address := append(sizes(0, 1), // and with a family, all sizes but the right one
		[]byte{0, 0, 0, 0, 1, 2, 3, 4}, []byte{0, 3, 0, 0, 1, 2, 3, 4},
		[]byte{0, 1}, []byte{0, 1, 0, 0}, []byte{0, 1, 0, 0, 1, 2, 3}, []byte{0, 1, 0, 0, 1, 2, 3, 4, 5},
		[]byte{0, 2, 0, 0}, []byte{0, 2, 0, 0, 1, 2, 3, 4}, append([]byte{0, 2}, make([]byte, 17)...), append([]byte{0, 2}, make([]byte, 19)...),
		append([]byte{0, 1}, make([]byte, 18)...))
	code := append(sizes(0, 3), []byte{1, 0, 2, 99}, []byte{1, 0, 7, 0}, []byte{1, 0, 4, 100}, []byte{1, 0, 0, 0, 'x'})
	tests := map[string][][]byte{
		"Uint32":             sizes(0, 1, 3, 5, 8),
		"Uint8 of 4":         sizes(0, 1, 3, 5, 8),
		"Uint8 of 0":         sizes(0, 1),
		"EvenPort":           sizes(0, 2, 4),
		"AddrPort":           address,
		"XORAddrPort":        address,
		"ChannelNumber":      sizes(0, 2, 3, 5),
		"ErrorCode":          code,
		"AddressErrorCode":   append(code, []byte{0, 0, 4, 40}, []byte{3, 0, 4, 40}),
		"PasswordAlgorithm":  append(sizes(0, 1, 3, 5, 8), []byte{0, 1, 0, 4, 1, 2, 3, 4}, []byte{0, 2, 0, 1, 1}, []byte{0, 9, 0, 1}, []byte{0, 9, 0, 1, 1, 0, 0, 0, 0}, []byte{0, 9, 0xFF, 0xFF, 0}),
		"PasswordAlgorithms": append(sizes(1, 3, 5, 6, 7), []byte{0, 2, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4}, []byte{0, 2, 0, 0, 0, 9, 0, 5, 1, 2, 3, 4}),
		"UnknownAttributes":  sizes(1, 3),
		"Userhash":           sizes(0, 31, 33),
		"ReservationToken":   sizes(0, 7, 9),
		"ICMP":               sizes(0, 4, 7, 9),
		"ChangeRequest":      sizes(0, 3, 5),
		"ResponsePort":       sizes(0, 1, 3, 5),
		"AccessToken":        append(sizes(0, 1), []byte{0, 1}, []byte{0, 3, 1, 2}, []byte{0xFF, 0xFF, 0}),
	}
	for name, a := range accessors() {
		values, ok := tests[name]
		if !ok {
			t.Errorf("%s: no bad values listed", name)
		}
		for _, v := range values {
			m := mustParse(t, build(func(b *Builder) { b.Add(a.typ, v) }))
			if err := a.read(m); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s of % x: %v", name, v, err)
			}
		}
	}
}

// TestDecodeXORAddrPortRefuses: a zero-length XOR-PEER-ADDRESS met in a range.
func TestDecodeXORAddrPortRefuses(t *testing.T) {
	t.Parallel()
	m := mustParse(t, build(nil))
	for _, v := range [][]byte{nil, {}, {0}, {0, 1}, make([]byte, 65535)} {
		if _, err := m.DecodeXORAddrPort(v); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", len(v), err)
		}
	}
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	token := ReservationToken{8, 7, 6, 5, 4, 3, 2, 1}
	m := mustParse(t, build(func(b *Builder) {
		b.AddUint32(AttrLifetime, 0x01020304)
		b.AddUint8(AttrRequestedTransport, 17, 4)
		b.AddEvenPort(true)
		b.AddChannelNumber(0x4ABC)
		b.AddErrorCode(CodeAllocationMismatch)
		b.AddAddressErrorCode(FamilyIPv6, CodeAddressFamilyNotSupported)
		b.AddUnknownAttributes([]AttributeType{0x7001, 0x7002, 0x7003})
		b.AddReservationToken(token)
		b.AddICMP(3, 4, 1280)
		b.AddPasswordAlgorithms(PasswordSHA256, PasswordMD5)
		b.AddPasswordAlgorithm(PasswordSHA256)
		b.AddChangeRequest(true, false)
		b.AddResponsePort(0xABCD)
		b.AddAccessToken([]byte("nonce"), []byte("block"))
		b.Add(AttrUserhash, bytes.Repeat([]byte{9}, 32))
	}))
	check := func(name string, ok bool) {
		t.Helper()
		if !ok {
			t.Errorf("%s does not round-trip", name)
		}
	}
	u32, err := m.Uint32(AttrLifetime)
	check("LIFETIME", u32 == 0x01020304 && err == nil)
	u8, err := m.Uint8(AttrRequestedTransport, 4)
	check("REQUESTED-TRANSPORT", u8 == 17 && err == nil)
	reserve, err := m.EvenPort()
	check("EVEN-PORT", reserve && err == nil)
	n, err := m.ChannelNumber()
	check("CHANNEL-NUMBER", n == 0x4ABC && n.Valid() && err == nil)
	c, reason, err := m.ErrorCode()
	check("ERROR-CODE", c == 437 && string(reason) == "Allocation Mismatch" && err == nil)
	f, c, reason, err := m.AddressErrorCode()
	check("ADDRESS-ERROR-CODE", f == FamilyIPv6 && c == 440 && string(reason) == c.Reason() && err == nil)
	types, err := m.UnknownAttributes(nil)
	check("UNKNOWN-ATTRIBUTES", slices.Equal(types, []AttributeType{0x7001, 0x7002, 0x7003}) && err == nil)
	tok, err := m.ReservationToken()
	check("RESERVATION-TOKEN", tok == token && err == nil)
	typ, code, data, err := m.ICMP()
	check("ICMP", typ == 3 && code == 4 && data == 1280 && err == nil)
	as, err := m.PasswordAlgorithms(nil)
	check("PASSWORD-ALGORITHMS", slices.Equal(as, []PasswordAlgorithm{PasswordSHA256, PasswordMD5}) && err == nil)
	raw, _ := m.Attribute(AttrPasswordAlgorithms)
	check("AppendPasswordAlgorithms", bytes.Equal(raw, AppendPasswordAlgorithms(nil, PasswordSHA256, PasswordMD5)) &&
		bytes.Equal(raw, []byte{0, 2, 0, 0, 0, 1, 0, 0}))
	a, err := m.PasswordAlgorithm()
	check("PASSWORD-ALGORITHM", a == PasswordSHA256 && err == nil)
	ip, port, err := m.ChangeRequest()
	check("CHANGE-REQUEST", ip && !port && err == nil)
	rp, err := m.ResponsePort()
	check("RESPONSE-PORT", rp == 0xABCD && err == nil)
	nonce, block, err := m.AccessToken()
	check("ACCESS-TOKEN", string(nonce) == "nonce" && string(block) == "block" && err == nil)
	hash, err := m.Userhash()
	check("USERHASH", len(hash) == 32 && hash[31] == 9 && err == nil)
}

// TestReservedIgnored: reserved bits and bytes set by a sender change nothing.
func TestReservedIgnored(t *testing.T) {
	t.Parallel()
	m := mustParse(t, build(func(b *Builder) {
		b.Add(AttrChannelNumber, []byte{0x40, 0x01, 0xFF, 0xFF})
		b.Add(AttrEvenPort, []byte{0x7F})
		b.Add(AttrRequestedTransport, []byte{17, 0xFF, 0xFF, 0xFF})
		b.Add(AttrErrorCode, []byte{0xFF, 0xFF, 0xFC, 1})
		b.Add(AttrMappedAddress, []byte{0xFF, 1, 0, 9, 192, 0, 2, 1})
		b.Add(AttrChangeRequest, []byte{0xFF, 0xFF, 0xFF, 0xF9 &^ 4})
		b.Add(AttrResponsePort, []byte{0, 9})
		b.Add(AttrICMP, []byte{0xFF, 0xFF, 11, 1, 0, 0, 0, 0})
		b.Add(AttrPasswordAlgorithm, []byte{0, 9, 0, 5, 1, 2, 3, 4, 5}) // an algorithm not known, its padding left out
	}))
	if n, err := m.ChannelNumber(); n != 0x4001 || err != nil {
		t.Errorf("CHANNEL-NUMBER %x, %v", n, err)
	}
	if reserve, err := m.EvenPort(); reserve || err != nil {
		t.Errorf("EVEN-PORT %v, %v", reserve, err)
	}
	if v, err := m.Uint8(AttrRequestedTransport, 4); v != 17 || err != nil {
		t.Errorf("REQUESTED-TRANSPORT %v, %v", v, err)
	}
	if c, reason, err := m.ErrorCode(); c != 401 || len(reason) != 0 || err != nil {
		t.Errorf("ERROR-CODE %v, %q, %v", c, reason, err)
	}
	if a, err := m.AddrPort(AttrMappedAddress); a.String() != "192.0.2.1:9" || err != nil {
		t.Errorf("MAPPED-ADDRESS %v, %v", a, err)
	}
	if ip, port, err := m.ChangeRequest(); ip || port || err != nil {
		t.Errorf("CHANGE-REQUEST %v, %v, %v", ip, port, err)
	}
	if p, err := m.ResponsePort(); p != 9 || err != nil {
		t.Errorf("RESPONSE-PORT of 2 bytes: %v, %v", p, err)
	}
	if typ, code, _, err := m.ICMP(); typ != 11 || code != 1 || err != nil {
		t.Errorf("ICMP %v, %v, %v", typ, code, err)
	}
	if a, err := m.PasswordAlgorithm(); a != 9 || err != nil {
		t.Errorf("PASSWORD-ALGORITHM %v, %v", a, err)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.1:32853":          "192.0.2.1:32853",
		"0.0.0.0:0":                "0.0.0.0:0",
		"[2001:db8::1]:65535":      "[2001:db8::1]:65535",
		"[::]:0":                   "[::]:0",
		"[fe80::1%eth0]:1":         "[fe80::1]:1",     // a zone has no place on the wire
		"[::ffff:192.0.2.1]:49152": "192.0.2.1:49152", // IPv4 by another spelling
	} {
		a := netip.MustParseAddrPort(in)
		m := mustParse(t, build(func(b *Builder) {
			b.AddAddrPort(AttrMappedAddress, a)
			b.AddXORAddrPort(AttrXORMappedAddress, a)
		}))
		plain, err := m.AddrPort(AttrMappedAddress)
		if plain.String() != want || err != nil {
			t.Errorf("AddrPort of %s: %v, %v", in, plain, err)
		}
		xored, err := m.XORAddrPort(AttrXORMappedAddress)
		if xored.String() != want || err != nil {
			t.Errorf("XORAddrPort of %s: %v, %v", in, xored, err)
		}
		v, _ := m.Attribute(AttrMappedAddress)
		if f := FamilyOf(a.Addr()); f != Family(v[1]) {
			t.Errorf("FamilyOf(%s) = %v, sent %v", in, f, v[1])
		}
	}
	// What a peer sends as IPv6 is not turned into IPv4 behind a filter's back.
	m := mustParse(t, build(func(b *Builder) {
		b.Add(AttrMappedAddress, unhex("00020001 00000000 00000000 0000ffff 7f000001"))
	}))
	if a, err := m.AddrPort(AttrMappedAddress); err != nil || !a.Addr().Is4In6() {
		t.Errorf("IPv4-mapped address: %v, %v", a, err)
	}
}
