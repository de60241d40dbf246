package auth

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzUsername verifies any username with the password that a holder of the
// secret makes for it. Nothing panics, and what only the issuer may say (class
// and time of issue) is said by the issuer's own usernames alone.
func FuzzUsername(f *testing.F) {
	const secret = "secret"
	k := keyring(f, key("k1", secret), key("k2", "another secret"))
	v := verifier(f, VerifierConfig{Keyring: k, Users: map[string]string{"alice": "wonderland"}})
	issued := map[string]Grant{}
	for _, g := range []Grant{
		{Subject: "bob", Class: "gold"}, {Subject: "8:acs:6f0c_2b"}, {Subject: vectorUser, Class: "a-1"}, {Subject: "bob", Class: "1", Bandwidth: 64_000}, {Subject: ":~1.k1.gold.1.AAAAAAAAAAAAAAAA"},
		{Subject: strings.Repeat("x", 400), Class: "abcdefghijklmnop", Issued: time.UnixMilli(1)},
	} {
		if g.Issued.IsZero() {
			g.Issued = testNow
		}
		c := issue(f, k, g)
		issued[c.Username] = g
		f.Add([]byte(c.Username))
		f.Add([]byte(strings.Replace(c.Username, "k1", "k2", 1)))
		f.Add([]byte(c.Username[:len(c.Username)-1]))
	}
	for _, name := range []string{"", "alice", "1700000001", "1700000001:bob", "1700000000.5:bob", "1:", ":~1.", "1700000001:\xff", "999999999999999"} {
		f.Add([]byte(name))
	}
	var warm, cold VerifierState
	f.Fuzz(func(t *testing.T, username []byte) {
		given := bytes.Clone(username)
		name := string(TrimNUL(username))
		m := signed(name, testRealm, thirdParty(secret, name), MD5)
		got, err := v.Verify(&warm, m, username, MD5, testNow)
		if !bytes.Equal(given, username) {
			t.Fatal("the username was written to")
		}
		clear(cold.cache.tags)
		again, err2 := v.Verify(&cold, m, username, MD5, testNow)
		if err != err2 || err == nil && (string(got.Subject) != string(again.Subject) || string(got.Class) != string(again.Class) || got.Bandwidth != again.Bandwidth || !got.Issued.Equal(again.Issued)) {
			t.Fatalf("%q: %v and %v, %v and %v", username, got, again, err, err2)
		}
		if err != nil {
			return
		}
		if string(got.Key) != string(m.key) || !got.Expires.After(testNow) || got.Charged != (len(got.Subject) > 0) || !utf8.ValidString(name) {
			t.Fatalf("%q: %v", username, got)
		}
		g, ours := issued[name]
		if ours != !got.Issued.IsZero() {
			t.Fatalf("%q: issued %v", username, got.Issued)
		}
		if ours && (string(got.Subject) != g.Subject || string(got.Class) != g.Class || got.Bandwidth != g.Bandwidth) || !ours && (got.Class != nil || got.Bandwidth != 0) {
			t.Fatalf("%q: %v", username, got)
		}
	})
}

// FuzzSubject issues for any subject: what is accepted comes back whole, fits a
// USERNAME and holds nothing that a STUN peer would change.
func FuzzSubject(f *testing.F) {
	for _, s := range []string{"", "bob", "8:acs:a_b", vectorUser, ":~1.k1.gold.1.AAAAAAAAAAAAAAAA", "Jose\u0301", "\u00a0", "\x00", `"`, strings.Repeat("x", 508)} {
		f.Add(s, "gold")
	}
	k := keyring(f, key("k1", "secret"))
	v := verifier(f, VerifierConfig{Keyring: k})
	var st VerifierState
	f.Fuzz(func(t *testing.T, subject, class string) {
		c, err := NewIssuer(k).Issue(Grant{Subject: subject, Class: class, Expires: testNow.Add(time.Hour)}, testNow)
		if err != nil {
			return
		}
		if len(c.Username) > MaxUsername || strings.ContainsAny(c.Username, "\"\x00\n\u00a0\u0301") || !utf8.ValidString(c.Username) {
			t.Fatalf("username %q", c.Username)
		}
		got, err := v.Verify(&st, signed(c.Username, testRealm, c.Password, SHA256), []byte(c.Username), SHA256, testNow)
		if err != nil {
			t.Fatalf("%q: %v", c.Username, err)
		}
		if subject != "" && string(got.Subject) != subject || len(got.Subject) == 0 || class != DefaultClass && string(got.Class) != class {
			t.Fatalf("%q, class %q became %v", subject, class, got)
		}
	})
}

// FuzzNonce checks any bytes. What is accepted is, byte for byte, what Append made
// for this client at a time within the lifetime.
func FuzzNonce(f *testing.F) {
	n := testNonces(false)
	var st NonceState
	for _, c := range []netip.AddrPort{clientA, clientB, clientV6} {
		a := c.Addr().As16()
		for _, age := range []time.Duration{0, time.Minute, 2 * time.Hour, -time.Second, -time.Hour} {
			f.Add(n.Append(&st, nil, c, testNow.Add(-age)), a[:], c.Port())
		}
		f.Add(testNonces(true).Append(&st, nil, c, testNow), a[:], c.Port())
	}
	f.Add([]byte("obMatJos2gAAA"), []byte{}, uint16(0))
	f.Add([]byte(strings.Repeat("\n", NonceSize)), []byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, nonce, address []byte, port uint16) {
		a, _ := netip.AddrFromSlice(address)
		client := netip.AddrPortFrom(a, port)
		_ = HasPasswordAlgorithms(nonce)
		if err := n.Check(&st, nonce, client, testNow); err != nil {
			if err != ErrStaleNonce {
				t.Fatal(err)
			}
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(string(nonce[cookieSize:]))
		if err != nil {
			t.Fatal(err)
		}
		made := readTime(raw)
		if age := testNow.Sub(made); age < -nonceSkew || age >= time.Hour {
			t.Fatalf("accepted at age %v", age)
		}
		plain, anonymous := n.Append(new(NonceState), nil, client, made), testNonces(true).Append(new(NonceState), nil, client, made)
		if !bytes.Equal(nonce, plain) && !bytes.Equal(nonce, anonymous) {
			t.Fatalf("accepted %q, made %q", nonce, plain)
		}
	})
}
