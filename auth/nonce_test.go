package auth

import (
	"encoding/base64"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	clientA  = netip.MustParseAddrPort("192.0.2.1:5000")
	clientB  = netip.MustParseAddrPort("192.0.2.1:5001")
	clientV6 = netip.MustParseAddrPort("[2001:db8::1]:5000")
)

func testNonces(anonymity bool) *Nonces {
	return NewNonces([32]byte{1, 2, 3}, time.Hour, anonymity)
}

// RFC 8489 §9.2 and §18.1: the cookie that RFC 8656 §20 shows for password algorithms.
func TestNonceCookie(t *testing.T) {
	t.Parallel()
	var st NonceState
	for _, test := range []struct {
		anonymity bool
		cookie    string
		bits      byte
	}{{false, "obMatJos2gAAA", 0x80}, {true, "obMatJos2wAAA", 0xC0}} {
		nonce := string(testNonces(test.anonymity).Append(&st, []byte("x"), clientA, testNow))[1:]
		if nonce[:13] != test.cookie {
			t.Errorf("anonymity %v: cookie %s", test.anonymity, nonce[:13])
		}
		features, err := base64.StdEncoding.DecodeString(nonce[9:13])
		if err != nil || features[0] != test.bits || features[1] != 0 || features[2] != 0 {
			t.Errorf("features %x, %v", features, err)
		}
		if len(nonce) != NonceSize || NonceSize >= 128 {
			t.Errorf("nonce of %d bytes, NonceSize %d", len(nonce), NonceSize)
		}
		// RFC 3261 qdtext, so that RFC 8489 §14.10 holds without quoting.
		if strings.ContainsFunc(nonce, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			t.Errorf("%q needs quoting", nonce)
		}
		if !HasPasswordAlgorithms([]byte(nonce)) {
			t.Errorf("%s has the bit", nonce)
		}
	}
}

func TestHasPasswordAlgorithms(t *testing.T) {
	t.Parallel()
	for nonce, want := range map[string]bool{
		"obMatJos2gAAA":       true,
		"obMatJos2wAAArest":   true,
		"obMatJos2////":       true,
		"obMatJos2AAAC":       false,
		"obMatJos2QAAA":       false, // anonymity alone
		"obMatJos2gAA":        false,
		"obMatJos2gA==":       false,
		"obMatJos2g\nAA":      false,
		"obMatJos2gAA_":       false,
		"oobMatJos2gAAAd":     false,
		"obmatjos2gAAA":       false,
		"":                    false,
		"1234567890123456789": false,
	} {
		if got := HasPasswordAlgorithms([]byte(nonce)); got != want {
			t.Errorf("HasPasswordAlgorithms(%q) = %v", nonce, got)
		}
	}
}

func TestNonceLifetime(t *testing.T) {
	t.Parallel()
	var st NonceState
	made := testNow.Truncate(time.Second)
	for _, test := range []struct {
		lifetime, age time.Duration
		ok            bool
	}{
		{time.Hour, 0, true},
		{time.Hour, time.Hour - 1, true},
		{time.Hour, time.Hour, false},
		{time.Hour, 1000 * time.Hour, false},
		{0, time.Hour - 1, true}, // RFC 8656 §5
		{0, time.Hour, false},
		{-1, time.Hour - 1, true},
		{10 * time.Second, 10*time.Second - 1, true},
		{10 * time.Second, 10 * time.Second, false},
		{time.Hour, -nonceSkew, true}, // from the future
		{time.Hour, -nonceSkew - 1, false},
		{time.Hour, -1000 * time.Hour, false},
	} {
		n := NewNonces([32]byte{9}, test.lifetime, false)
		nonce := n.Append(&st, nil, clientA, made)
		if err := n.Check(&st, nonce, clientA, made.Add(test.age)); (err == nil) != test.ok || err != nil && err != ErrStaleNonce {
			t.Errorf("lifetime %v, age %v: %v", test.lifetime, test.age, err)
		}
	}
}

func TestNonceFarTimes(t *testing.T) {
	t.Parallel()
	var st NonceState
	n := testNonces(false)
	for _, now := range []time.Time{time.Unix(0, 0), time.Unix(1<<32-1, 0), time.Unix(1<<32, 0), time.Unix(1<<40-1, 0)} {
		if err := n.Check(&st, n.Append(&st, nil, clientA, now), clientA, now); err != nil {
			t.Errorf("%v: %v", now, err)
		}
	}
	for _, now := range []time.Time{{}, time.Unix(-1, 0), time.Unix(1<<40, 0), time.Unix(1<<62, 0)} {
		if err := n.Check(&st, n.Append(&st, nil, clientA, now), clientA, now); err != ErrStaleNonce {
			t.Errorf("%v: %v", now, err)
		}
	}
}

// RFC 8489 §9.2.4: never the same nonce for two addresses or ports.
func TestNonceOfAnotherClient(t *testing.T) {
	t.Parallel()
	var st NonceState
	n := testNonces(false)
	clients := []netip.AddrPort{
		clientA, clientB, clientV6, netip.MustParseAddrPort("192.0.2.2:5000"), netip.MustParseAddrPort("[2001:db8::2]:5000"),
		netip.MustParseAddrPort("[::192.0.2.1]:5000"), {}, netip.MustParseAddrPort("[::]:0"),
	}
	seen := map[string]netip.AddrPort{}
	for _, c := range clients[:6] {
		nonce := n.Append(&st, nil, c, testNow)
		if other, ok := seen[string(nonce)]; ok {
			t.Errorf("%v and %v have the same nonce", c, other)
		}
		seen[string(nonce)] = c
		for _, d := range clients[:6] {
			if err := n.Check(&st, nonce, d, testNow); (err == nil) != (c == d) {
				t.Errorf("nonce of %v, checked for %v: %v", c, d, err)
			}
		}
	}
	for _, c := range clients[6:] { // the zero address does not panic
		if err := n.Check(&st, n.Append(&st, nil, c, testNow), c, testNow); err != nil {
			t.Error(err)
		}
	}
	mapped := netip.MustParseAddrPort("[::ffff:192.0.2.1]:5000")
	if err := n.Check(&st, n.Append(&st, nil, clientA, testNow), mapped, testNow); err != nil {
		t.Errorf("the same address inside IPv6: %v", err)
	}
}

func TestNonceChanged(t *testing.T) {
	t.Parallel()
	var st NonceState
	n := testNonces(false)
	good := n.Append(&st, nil, clientA, testNow)
	for i := range good {
		for bit := range 8 {
			bad := append([]byte(nil), good...)
			bad[i] ^= 1 << bit
			if err := n.Check(&st, bad, clientA, testNow); err != ErrStaleNonce {
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
	for size := range good {
		if err := n.Check(&st, good[:size], clientA, testNow); err != ErrStaleNonce {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for _, bad := range []string{string(good) + "A", string(good[:NonceSize-1]) + "\n", string(good[:NonceSize-4]) + "\r\n\r\n"} {
		if err := n.Check(&st, []byte(bad), clientA, testNow); err != ErrStaleNonce {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := n.Check(&st, good, clientA, testNow); err != nil {
		t.Error(err)
	}
	// A state follows the nonces it is used with.
	other := NewNonces([32]byte{1, 2, 4}, time.Hour, false)
	if err := other.Check(&st, good, clientA, testNow); err != ErrStaleNonce {
		t.Errorf("another key: %v", err)
	}
	if err := n.Check(&st, good, clientA, testNow); err != nil {
		t.Error(err)
	}
}

func TestNonceRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var st, fresh NonceState
	n := testNonces(true)
	for range 2000 {
		var a [16]byte
		for i := range a {
			a[i] = byte(r.Uint32())
		}
		c := netip.AddrPortFrom(netip.AddrFrom16(a), uint16(r.Uint32()))
		now := time.Unix(r.Int64N(1<<40), r.Int64N(1e9))
		nonce := n.Append(&st, nil, c, now)
		if string(nonce) != string(n.Append(&fresh, nil, c, now)) {
			t.Fatal("two states make two nonces")
		}
		if err := n.Check(&fresh, nonce, c, now.Add(time.Duration(r.Int64N(int64(time.Hour-time.Second))))); err != nil {
			t.Fatalf("%v at %v: %v", c, now, err)
		}
	}
}
