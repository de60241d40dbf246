package relay

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"turnout/stun"
)

// expectAttribute checks one key=value of an expectation against the message.
func (a *actor) expectAttribute(m stun.Message, l line, key, v string) {
	a.script.t.Helper()
	text := func(t stun.AttributeType) string {
		got, ok := m.Attribute(t)
		if !ok {
			a.fatalf("no %v in %s", t, describe(m.Bytes()))
		}
		return string(got)
	}
	switch key {
	case "tid":
		var id stun.TransactionID
		copy(id[:], "tid-"+v)
		if m.TransactionID() != id {
			a.fatalf("transaction %v, want %s", m.TransactionID(), v)
		}
	case "lifetime":
		n, err := m.Uint32(stun.AttrLifetime)
		if err != nil {
			a.fatalf("LIFETIME: %v", err)
		}
		a.bind(key, v, strconv.Itoa(int(n)))
	case "mapped":
		a.expectAddr(m, l, key, stun.AttrXORMappedAddress)
	case "from":
		a.expectAddr(m, l, key, stun.AttrXORPeerAddress)
	case "relayed", "relayed6":
		a.bindAddr(key, l, a.relayed(m, key == "relayed6"))
	case "port", "port6":
		a.expectPort(a.relayed(m, key == "port6").Port(), v)
	case "token":
		a.bind(key, v, hex.EncodeToString([]byte(text(stun.AttrReservationToken))))
	case "family-error":
		a.bind(key, v, a.familyError(m))
	case "unknown":
		a.bind(key, v, numbers(text(stun.AttrUnknownAttributes)))
	case "signed":
		a.expectSigned(m, v)
	case "software":
		a.bind(key, v, text(stun.AttrSoftware))
	case "realm":
		a.bind(key, v, text(stun.AttrRealm))
	case "nonce":
		a.bind(key, v, text(stun.AttrNonce))
	case "other-nonce":
		if text(stun.AttrNonce) == a.script.expand(v) {
			a.fatalf("the nonce is %s again", v)
		}
	case "cookie": // the nonce's first 13 characters, RFC 8489 §9.2
		a.bind(key, v, text(stun.AttrNonce)[:13])
	case "algorithms":
		a.bind(key, v, numbers(text(stun.AttrPasswordAlgorithms)))
	case "reason":
		_, reason, _ := m.ErrorCode() // its form was checked
		a.bind(key, v, string(reason))
	case "info":
		_, _, info, _ := m.ICMP()
		a.bind(key, v, strconv.Itoa(int(info)))
	case "third-party":
		a.bind(key, v, text(stun.AttrThirdPartyAuthorization))
	case "ticket":
		a.bind(key, v, text(stun.AttrMobilityTicket))
		if n := len(text(stun.AttrMobilityTicket)); n > 32 {
			a.fatalf("a ticket of %d bytes", n)
		}
	case "other-ticket":
		if text(stun.AttrMobilityTicket) == a.script.expand(v) {
			a.fatalf("the ticket is %s again", v)
		}
	case "alternate":
		a.bind(key, v, strings.Join(alternateServers(m), ","))
	case "domain":
		a.bind(key, v, text(stun.AttrAlternateDomain))
	case "origin":
		a.expectPlainAddr(m, l, key, stun.AttrResponseOrigin)
	case "other":
		a.expectPlainAddr(m, l, key, stun.AttrOtherAddress)
	case "mapped-plain":
		a.expectPlainAddr(m, l, key, stun.AttrMappedAddress)
	case "padding":
		a.bind(key, v, strconv.Itoa(len(text(stun.AttrPadding))))
	case "at":
	case "connection":
		a.bind(key, v, strconv.FormatUint(uint64(binary.BigEndian.Uint32([]byte(text(stun.AttrConnectionID)))), 10))
	case "has", "lacks":
		a.expectPresence(m, key, v)
	case "at-most": // bytes of the whole message
		if most, err := strconv.Atoi(v); err != nil || len(m.Bytes()) > most {
			a.fatalf("%d bytes, want at most %s", len(m.Bytes()), v)
		}
	case "tos":
	default:
		a.fatalf("cannot expect %s=", key)
	}
}

// numbers are 16-bit numbers in hexadecimal, joined by commas.
func numbers(list string) string {
	var names []string
	for ; len(list) >= 2; list = list[2:] {
		names = append(names, "0x"+hex.EncodeToString([]byte(list[:2])))
	}
	return strings.Join(names, ",")
}

func (a *actor) familyError(m stun.Message) string {
	a.script.t.Helper()
	f, code, _, err := m.AddressErrorCode()
	if err != nil {
		a.fatalf("ADDRESS-ERROR-CODE: %v", err)
	}
	return map[stun.Family]string{stun.FamilyIPv4: "4", stun.FamilyIPv6: "6"}[f] + ":" + strconv.Itoa(int(code))
}

func (a *actor) expectAddr(m stun.Message, l line, key string, t stun.AttributeType) {
	a.script.t.Helper()
	got, err := m.XORAddrPort(t)
	if err != nil {
		a.fatalf("%v: %v", t, err)
	}
	a.bindAddr(key, l, got)
}

// expectPlainAddr is expectAddr for addresses that are sent as they are.
func (a *actor) expectPlainAddr(m stun.Message, l line, key string, t stun.AttributeType) {
	a.script.t.Helper()
	got, err := m.AddrPort(t)
	if err != nil {
		a.fatalf("%v: %v", t, err)
	}
	a.bindAddr(key, l, got)
}

// relayed is the relayed address of a family.
func (a *actor) relayed(m stun.Message, ipv6 bool) (found netip.AddrPort) {
	a.script.t.Helper()
	for t, v := range m.Attributes() {
		if t != stun.AttrXORRelayedAddress {
			continue
		}
		got, err := m.DecodeXORAddrPort(v)
		if err != nil {
			a.fatalf("XOR-RELAYED-ADDRESS: %v", err)
		}
		if got.Addr().Is6() == ipv6 {
			found = got
		}
	}
	if !found.IsValid() {
		a.fatalf("no relayed address of the family: %s", describe(m.Bytes()))
	}
	return found
}

// expectPort checks that a port is even, odd, or in a range.
func (a *actor) expectPort(got uint16, want string) {
	a.script.t.Helper()
	ok := false
	switch want {
	case "even":
		ok = got%2 == 0
	case "odd":
		ok = got%2 == 1
	default:
		low, high := portRange(want)
		ok = low <= got && got <= high
	}
	if !ok {
		a.fatalf("port %d, want %s", got, want)
	}
}

// expectSigned checks how the response is signed: sha1, sha256 (with the key of
// the algorithm the client uses) or no.
func (a *actor) expectSigned(m stun.Message, v string) {
	a.script.t.Helper()
	want, ok := map[string]stun.Integrity{"no": stun.IntegrityNone, "sha1": stun.IntegritySHA1, "sha256": stun.IntegritySHA256}[v]
	if !ok || m.Integrity() != want {
		a.fatalf("signed by %v, want %v", m.Integrity(), v)
	}
	if want == stun.IntegrityNone {
		return
	}
	if err := m.CheckIntegrity(a.key(a.algorithm, a.user, a.realm, a.password)); err != nil {
		a.fatalf("%v", err)
	}
}

// expectPresence checks that attributes are there, or are not: "has=0x8002,0x0015".
func (a *actor) expectPresence(m stun.Message, key, v string) {
	a.script.t.Helper()
	for _, name := range strings.Split(v, ",") {
		n, err := strconv.ParseUint(name, 0, 16)
		if err != nil {
			a.fatalf("%v", err)
		}
		if t := stun.AttributeType(n); m.Has(t) != (key == "has") {
			a.fatalf("message %s %v: %s", map[bool]string{true: "lacks", false: "has"}[key == "has"], t, describe(m.Bytes()))
		}
	}
}
