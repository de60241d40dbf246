package relay

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"testing/synctest"

	"turnout/auth"
	"turnout/stun"
)

// expect checks what arrived next: "nothing", "closed", "success", "error CODE",
// "data", "icmp TYPE/CODE", "channel NUMBER DATA" for clients, DATA for peers.
func (a *actor) expect(l line) {
	a.script.t.Helper()
	what := l.words[0]
	if what == "closed" {
		synctest.Wait()
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.closed {
			a.fatalf("the connection is open, want it closed")
		}
		return
	}
	b, from, ok := a.next()
	if what == "nothing" {
		if ok {
			a.fatalf("got %s, want nothing", describe(b))
		}
		return
	}
	if !ok {
		a.fatalf("got nothing, want %s", strings.Join(l.words, " "))
	}
	if a.isPeer() {
		if string(b) != what {
			a.fatalf("got %.60q (%d bytes), want %.60q (%d bytes)", b, len(b), what, len(what))
		}
		a.bindAddr("from", l, from)
		return
	}
	if what == "channel" {
		a.expectChannel(l, b)
		return
	}
	m, err := stun.Parse(b)
	if err != nil {
		a.fatalf("got %q: %v", b, err)
	}
	if err := m.CheckFingerprint(); err != nil {
		a.fatalf("%v", err)
	}
	switch what {
	case "success":
		if m.Class() != stun.ClassSuccess {
			a.fatalf("got %s, want success", describe(b))
		}
	case "error":
		code, _, err := m.ErrorCode()
		if err != nil || strconv.Itoa(int(code)) != l.words[1] {
			a.fatalf("got %s, want error %s", describe(b), l.words[1])
		}
		if code == stun.CodeStaleNonce || code == stun.CodeUnauthenticated {
			a.learn(m)
		}
	case "data":
		data, ok := m.Attribute(stun.AttrData)
		if m.Method() != stun.MethodData || !ok || string(data) != l.words[1] {
			a.fatalf("got %.100s, want data %.60q", describe(b), l.words[1])
		}
	case "icmp":
		typ, code, info, err := m.ICMP()
		got := strconv.Itoa(int(typ)) + "/" + strconv.Itoa(int(code))
		if err != nil || got != l.words[1] {
			a.fatalf("got %s, want icmp %s", describe(b), l.words[1])
		}
		if want := l.values["info"]; want != "" && strconv.Itoa(int(info)) != want {
			a.fatalf("ICMP's error data is %d, want %s", info, want)
		}
	default:
		a.fatalf("cannot expect %q", what)
	}
	for i, k := range l.keys {
		a.expectAttribute(m, l, k, l.all[i])
	}
}

func (a *actor) expectChannel(l line, b []byte) {
	a.script.t.Helper()
	n, data, err := stun.ParseChannelData(b)
	want, _ := strconv.ParseUint(l.words[1], 0, 16)
	if err != nil || uint64(n) != want || string(data) != l.words[2] {
		a.fatalf("got %.100s, want channel %#x %.60q", describe(b), want, l.words[2])
	}
	if padding := len(b) - stun.ChannelHeaderSize - len(data); a.stream == nil && padding != 0 {
		a.fatalf("%d bytes of padding in a datagram", padding)
	}
}

// bindAddr compares an address with the line's, or binds it to the line's variable.
func (a *actor) bindAddr(key string, l line, got netip.AddrPort) {
	a.script.t.Helper()
	v, ok := l.values[key]
	if !ok {
		return
	}
	if _, bound := a.script.vars[v]; strings.HasPrefix(v, "$") && !bound {
		a.script.vars[v] = got.String()
		return
	}
	if want := a.script.address(v); want != got {
		a.fatalf("%s=%s, want %s", key, got, want)
	}
}

func (a *actor) bind(key, v, got string) {
	a.script.t.Helper()
	if _, bound := a.script.vars[v]; strings.HasPrefix(v, "$") && !bound {
		a.script.vars[v] = got
		return
	}
	if want := a.script.expand(v); want != got {
		a.fatalf("%s=%s, want %s", key, got, want)
	}
}

// expectAttribute checks one key=value of an expectation against the message.
func (a *actor) expectAttribute(m stun.Message, l line, key, v string) {
	a.script.t.Helper()
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
		a.expectRelayed(m, l, key)
	case "token":
		token, ok := m.Attribute(stun.AttrReservationToken)
		if !ok {
			a.fatalf("no RESERVATION-TOKEN")
		}
		a.bind(key, v, hex.EncodeToString(token))
	case "family-error":
		f, code, _, err := m.AddressErrorCode()
		if err != nil {
			a.fatalf("ADDRESS-ERROR-CODE: %v", err)
		}
		a.bind(key, v, map[stun.Family]string{stun.FamilyIPv4: "4", stun.FamilyIPv6: "6"}[f]+":"+strconv.Itoa(int(code)))
	case "unknown":
		list, ok := m.Attribute(stun.AttrUnknownAttributes)
		if !ok {
			a.fatalf("no UNKNOWN-ATTRIBUTES")
		}
		var names []string
		for ; len(list) >= 2; list = list[2:] {
			names = append(names, "0x"+hex.EncodeToString(list[:2]))
		}
		a.bind(key, v, strings.Join(names, ","))
	case "signed":
		a.expectSigned(m, v)
	case "software":
		got, _ := m.Attribute(stun.AttrSoftware)
		a.bind(key, v, string(got))
	case "has", "lacks":
		a.expectPresence(m, key, v)
	case "info":
	case "alternate":
		a.bind(key, v, strings.Join(alternateServers(m), ","))
	case "domain":
		got, _ := m.Attribute(stun.AttrAlternateDomain)
		a.bind(key, v, string(got))
	default:
		a.fatalf("cannot expect %s=", key)
	}
}

func (a *actor) expectAddr(m stun.Message, l line, key string, t stun.AttributeType) {
	a.script.t.Helper()
	got, err := m.XORAddrPort(t)
	if err != nil {
		a.fatalf("%v: %v", t, err)
	}
	a.bindAddr(key, l, got)
}

// expectRelayed finds the relayed address of a family.
func (a *actor) expectRelayed(m stun.Message, l line, key string) {
	a.script.t.Helper()
	for t, v := range m.Attributes() {
		if t != stun.AttrXORRelayedAddress {
			continue
		}
		got, err := m.DecodeXORAddrPort(v)
		if err != nil {
			a.fatalf("XOR-RELAYED-ADDRESS: %v", err)
		}
		if got.Addr().Is6() == (key == "relayed6") {
			a.bindAddr(key, l, got)
			return
		}
	}
	a.fatalf("no %s address", key)
}

// expectSigned checks how the response is signed: md5, sha256 (with the key of
// the algorithm the client uses) or no.
func (a *actor) expectSigned(m stun.Message, v string) {
	a.script.t.Helper()
	want := map[string]stun.Integrity{"no": stun.IntegrityNone, "sha1": stun.IntegritySHA1, "sha256": stun.IntegritySHA256}[v]
	if m.Integrity() != want {
		a.fatalf("signed by %v, want %v", m.Integrity(), want)
	}
	if want == stun.IntegrityNone {
		return
	}
	if err := m.CheckIntegrity(auth.DeriveKey(nil, a.algorithm, a.user, a.realm, a.password)); err != nil {
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
