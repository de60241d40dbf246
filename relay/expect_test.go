package relay

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing/synctest"

	"turnout/stun"
)

// expect checks what arrived next: "nothing", "closed", "open", "success",
// "error CODE", "attempt", "raw DATA" on a data connection, "data DATA", "icmp TYPE/CODE", "channel NUMBER DATA" for clients,
// DATA for peers.
func (a *actor) expect(l line) {
	a.script.t.Helper()
	what := l.words[0]
	if a.listener != nil {
		a.expectPeerTCP(l)
		return
	}
	if a.stream != nil && (what == "closed" || what == "open") {
		a.expectConnection(what)
		return
	}
	if what == "raw" {
		a.expectData(l.words[1])
		return
	}
	p, ok := a.next()
	if what == "nothing" {
		a.expectNoData()
		if ok {
			a.fatalf("got %s, want nothing", describe(p.bytes))
		}
		return
	}
	if !ok {
		a.fatalf("got nothing, want %.60s", strings.Join(l.words, " "))
	}
	if v := l.values["tos"]; v != "" {
		if want, err := strconv.ParseUint(v, 0, 8); err != nil || p.tos != uint8(want) {
			a.fatalf("TOS is %#x, want %s", p.tos, v)
		}
	}
	switch {
	case a.isPeer():
		if string(p.bytes) != what {
			a.fatalf("got %.60q (%d bytes), want %.60q (%d bytes)", p.bytes, len(p.bytes), what, len(what))
		}
		a.onlyKeys(l, "from", "tos")
		a.bindAddr("from", l, p.from)
	case p.from != a.answersFrom(l): // RFC 8489 §6.3.1.2, RFC 8656 §7.2: on the 5-tuple
		a.fatalf("got %s from %s, want it from %s", describe(p.bytes), p.from, a.answersFrom(l))
	case what == "hex":
		a.onlyKeys(l)
		if got, want := hex.EncodeToString(p.bytes), strings.Join(l.words[1:], ""); got != want {
			a.fatalf("got %s, want %s", got, want)
		}
	case what == "channel":
		a.onlyKeys(l, "tos")
		a.expectChannel(l, p.bytes)
	default:
		a.expectMessage(l, p.bytes)
	}
}

// answersFrom is where an answer comes from: where the client sends to, or what
// the line says with "at=".
func (a *actor) answersFrom(l line) netip.AddrPort {
	a.script.t.Helper()
	if v, ok := l.values["at"]; ok {
		return a.script.address(v)
	}
	return a.server()
}

func (a *actor) expectConnection(what string) {
	a.script.t.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed != (what == "closed") {
		a.fatalf("the connection is not %s", what)
	}
}

// expectMessage checks a STUN message, then every key of the line.
func (a *actor) expectMessage(l line, b []byte) {
	a.script.t.Helper()
	m, err := stun.Parse(b)
	if err != nil {
		a.fatalf("got %.60q: %v", b, err)
	}
	if err := m.CheckFingerprint(); err != nil {
		a.fatalf("%v", err)
	}
	switch what := l.words[0]; what {
	case "success":
		if m.Class() != stun.ClassSuccess {
			a.fatalf("got %s, want success", describe(b))
		}
	case "error":
		code, _, err := m.ErrorCode()
		if err != nil || m.Class() != stun.ClassError || strconv.Itoa(int(code)) != l.words[1] {
			a.fatalf("got %s, want error %s", describe(b), l.words[1])
		}
		if code == stun.CodeStaleNonce || code == stun.CodeUnauthenticated {
			a.learn(m)
		}
	case "attempt":
		a.expectAttempt(m)
	case "data":
		data, ok := m.Attribute(stun.AttrData)
		if m.Type() != dataIndication || !ok || string(data) != l.words[1] {
			a.fatalf("got %.100s, want data %.60q", describe(b), l.words[1])
		}
	case "icmp":
		typ, code, _, err := m.ICMP()
		got := strconv.Itoa(int(typ)) + "/" + strconv.Itoa(int(code))
		if m.Type() != dataIndication || err != nil || got != l.words[1] {
			a.fatalf("got %s, want icmp %s", describe(b), l.words[1])
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
	padding := len(b) - stun.ChannelHeaderSize - len(data)
	if (a.stream == nil || a.records()) && padding != 0 {
		a.fatalf("%d bytes of padding in a datagram", padding)
	}
}

// onlyKeys refuses keys that would go unchecked.
func (a *actor) onlyKeys(l line, known ...string) {
	a.script.t.Helper()
	for _, k := range l.keys {
		if !slices.Contains(known, k) {
			a.fatalf("cannot expect %s=", k)
		}
	}
}

// bindAddr compares an address with the line's, or binds it to the line's variable.
func (a *actor) bindAddr(key string, l line, got netip.AddrPort) {
	a.script.t.Helper()
	v, ok := l.values[key]
	switch {
	case !ok:
	case a.script.unbound(v):
		a.script.vars[v] = got.String()
	case a.script.address(v) != got:
		a.fatalf("%s=%s, want %s", key, got, a.script.address(v))
	}
}

// bind does the same for a text.
func (a *actor) bind(key, v, got string) {
	a.script.t.Helper()
	if a.script.unbound(v) {
		a.script.vars[v] = got
		return
	}
	if want := a.script.expand(v); want != got {
		a.fatalf("%s=%s, want %s", key, got, want)
	}
}
