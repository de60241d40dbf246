package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What other services make with the secret, every form seen in the field.
func TestVerifyThirdParty(t *testing.T) {
	t.Parallel()
	v := verifier(t, VerifierConfig{Keyring: keyring(t, key("k1", "one"), key("k2", "two"))})
	for _, test := range []struct {
		username, subject string
		charged           bool
		expires           time.Time
	}{
		{"1700000001:bob", "bob", true, time.Unix(1700000001, 0)},
		{"1700000001:8:acs:a_b", "8:acs:a_b", true, time.Unix(1700000001, 0)},
		{"1700000001:" + `"bob"`, `"bob"`, true, time.Unix(1700000001, 0)},
		{"1700000001:Jose\u0301 \U0001F600", "Jose\u0301 \U0001F600", true, time.Unix(1700000001, 0)},
		{"1700000001", "", false, time.Unix(1700000001, 0)},
		{"1700000001:", "", false, time.Unix(1700000001, 0)},
		{"1700000000.5:bob", "bob", true, time.Unix(1700000000, 5e8)},
		{"1700000000.5", "", false, time.Unix(1700000000, 5e8)},
		{"1700000001:" + strings.Repeat("x", 752), strings.Repeat("x", 752), true, time.Unix(1700000001, 0)}, // RFC 8489 §14.3: 763 bytes
	} {
		for _, secret := range []string{"one", "two"} {
			for _, a := range []Algorithm{MD5, SHA256} {
				var st VerifierState
				for range 2 {
					m := signed(test.username, testRealm, thirdParty(secret, test.username), a)
					got, err := v.Verify(&st, m, []byte(test.username), a, testNow)
					if err != nil {
						t.Errorf("%q with %s, %v: %v", test.username, secret, a, err)
						continue
					}
					if string(got.Subject) != test.subject || got.Charged != test.charged || got.Class != nil ||
						!got.Issued.IsZero() || !got.Expires.Equal(test.expires) || string(got.Key) != string(m.key) {
						t.Errorf("%q with %s, %v: %v", test.username, secret, a, got)
					}
				}
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "one"))
	both := VerifierConfig{Keyring: k, Users: map[string]string{"alice": "wonderland"}}
	static := VerifierConfig{Users: both.Users}
	const good = "1700000001:bob"
	for _, test := range []struct {
		what, username, password string
		config                   VerifierConfig
		want                     error
	}{
		{"wrong secret", good, thirdParty("two", good), both, ErrIntegrity},
		{"secret as password", good, "one", both, ErrIntegrity},
		{"password of another", good, thirdParty("one", "1700000001:eve"), both, ErrIntegrity},
		{"wrong static password", "alice", "x", both, ErrIntegrity},
		{"static password from the secret", "alice", thirdParty("one", "alice"), both, ErrIntegrity},
		{"no such user", "Alice", "wonderland", both, ErrUnknownUser},
		{"user before time", "bob:1700000001", thirdParty("one", "bob:1700000001"), both, ErrUnknownUser},
		{"no keyring", good, thirdParty("", good), static, ErrUnknownUser},
		{"empty keyring", good, thirdParty("", good), VerifierConfig{Keyring: new(Keyring)}, ErrUnknownUser},
		{"empty", "", "", both, ErrUsername},
		{"NULs only", "\x00\x00", "", both, ErrUsername},
		{"too long", "1700000001:" + strings.Repeat("x", 753), "", both, ErrUsername},
		{"not UTF-8", "1700000001:\xff", thirdParty("one", "1700000001:\xff"), both, ErrUsername},
		{"control character", "1700000001:b\nb", thirdParty("one", "1700000001:b\nb"), both, ErrUsername},
		{"expired", "1700000000:bob", thirdParty("one", "1700000000:bob"), both, ErrExpired},
		{"expired and wrong", "1700000000:bob", "x", both, ErrIntegrity}, // an outsider does not learn which
	} {
		var st VerifierState
		m := signed(test.username, testRealm, test.password, MD5)
		got, err := verifier(t, test.config).Verify(&st, m, []byte(test.username), MD5, testNow)
		if err != test.want {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
		if got.Key != nil || got.Subject != nil {
			t.Errorf("%s: %v in spite of the error", test.what, got)
		}
	}
}

func TestVerifyOtherRealm(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "one"))
	v := verifier(t, VerifierConfig{Keyring: k, Users: map[string]string{"alice": "wonderland"}})
	c := issue(t, k, Grant{Subject: "bob"})
	var st VerifierState
	for name, password := range map[string]string{c.Username: c.Password, "alice": "wonderland"} {
		if _, err := v.Verify(&st, signed(name, "other.example", password, MD5), []byte(name), MD5, testNow); err != ErrIntegrity {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := v.Verify(&st, signed(name, testRealm, password, SHA256), []byte(name), MD5, testNow); err != ErrIntegrity {
			t.Errorf("%s with the other algorithm: %v", name, err)
		}
		if _, err := v.Verify(&st, signed(name, testRealm, password, MD5), []byte(name), MD5, testNow); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExpiryBoundary(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "one"))
	v := verifier(t, VerifierConfig{Keyring: k, MaxTTL: time.Hour})
	end := time.Unix(1_700_003_600, 0)
	issued := issue(t, k, Grant{Subject: "bob", Expires: end})
	half := "1700003600.5:bob"
	for _, test := range []struct {
		username, password string
		now                time.Time
		want               error
	}{
		{issued.Username, issued.Password, end.Add(-1), nil},
		{issued.Username, issued.Password, end, ErrExpired},
		{issued.Username, issued.Password, end.Add(1), ErrExpired},
		{issued.Username, issued.Password, end.Add(1e6 * time.Hour), ErrExpired},
		{issued.Username, issued.Password, end.Add(-time.Hour), nil},
		{issued.Username, issued.Password, end.Add(-time.Hour - 1), ErrLifetime},
		{issued.Username, issued.Password, end.Add(-time.Hour), nil}, // the refusal before is not remembered
		{half, thirdParty("one", half), end.Add(time.Second/2 - 1), nil},
		{half, thirdParty("one", half), end.Add(time.Second / 2), ErrExpired},
		{half, thirdParty("one", half), end.Add(time.Second/2 - time.Hour), nil},
		{half, thirdParty("one", half), end.Add(time.Second/2 - time.Hour - 1), ErrLifetime},
	} {
		var fresh VerifierState
		warm := new(VerifierState)
		_, _ = v.Verify(warm, signed(test.username, testRealm, test.password, MD5), []byte(test.username), MD5, end.Add(-time.Minute))
		if warm.cache.find([]byte(test.username), MD5) == nil {
			t.Fatal("not cached")
		}
		for _, st := range []*VerifierState{&fresh, warm} {
			m := signed(test.username, testRealm, test.password, MD5)
			if _, err := v.Verify(st, m, []byte(test.username), MD5, test.now); err != test.want {
				t.Errorf("%s at %v (cached: %v): %v, want %v", test.username, test.now.Sub(end), st == warm, err, test.want)
			}
		}
	}
}

func TestMaxTTLFarFuture(t *testing.T) {
	t.Parallel()
	const far = "999999999999999:bob" // milliseconds in place of seconds, and beyond
	m := signed(far, testRealm, thirdParty("one", far), MD5)
	k := keyring(t, key("k1", "one"))
	for ttl, want := range map[time.Duration]error{0: nil, 48 * time.Hour: ErrLifetime, 1<<63 - 1: ErrLifetime} {
		if _, err := verifier(t, VerifierConfig{Keyring: k, MaxTTL: ttl}).Verify(new(VerifierState), m, []byte(far), MD5, testNow); err != want {
			t.Errorf("max ttl %v: %v", ttl, err)
		}
	}
}

func TestRevoked(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "one"))
	var calls []string
	revoke := ""
	v := verifier(t, VerifierConfig{
		Keyring: k,
		Users:   map[string]string{"alice": "wonderland"},
		Revoked: func(subject, username []byte, issued, expires time.Time) bool {
			times := func(t time.Time) string {
				if t.IsZero() {
					return "-"
				}
				return fmt.Sprint(t.UnixMilli())
			}
			calls = append(calls, fmt.Sprintf("%s|%s|%s|%s", subject, username, times(issued), times(expires)))
			return string(subject) == revoke
		},
	})
	c := issue(t, k, Grant{Subject: "bob", Issued: time.UnixMilli(1_699_999_999_987)})
	users := []struct{ username, password, subject, call string }{
		{c.Username, c.Password, "bob", "bob|" + c.Username + "|1699999999987|1700003600000"},
		{"1700000001:eve", thirdParty("one", "1700000001:eve"), "eve", "eve|1700000001:eve|-|1700000001000"},
		{"1700000001", thirdParty("one", "1700000001"), "", "|1700000001|-|1700000001000"},
		{"alice", "wonderland", "alice", "alice|alice|-|-"},
	}
	var st VerifierState
	for _, u := range users {
		verify := func(password string) error {
			calls = nil
			_, err := v.Verify(&st, signed(u.username, testRealm, password, MD5), []byte(u.username), MD5, testNow)
			return err
		}
		revoke = "nobody"
		for _, what := range []string{"first", "cached"} {
			if err := verify(u.password); err != nil || len(calls) != 1 || calls[0] != u.call {
				t.Errorf("%s, %s: %v, calls %q, want %q", u.username, what, err, calls, u.call)
			}
		}
		if err := verify("wrong"); err != ErrIntegrity || calls != nil {
			t.Errorf("%s, wrong password: %v, calls %q", u.username, err, calls)
		}
		revoke = u.subject
		if err := verify(u.password); err != ErrRevoked {
			t.Errorf("%s revoked: %v", u.username, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	one, two, three := key("k1", "one"), key("k2", "two"), key("k3", "three")
	k := keyring(t, one)
	v := verifier(t, VerifierConfig{Keyring: k})
	var st VerifierState
	verify := func(username, password string) (*request, error) {
		m := signed(username, testRealm, password, MD5)
		_, err := v.Verify(&st, m, []byte(username), MD5, testNow)
		return m, err
	}
	old := issue(t, k, Grant{Subject: "bob"})
	const foreign = "1700000001:eve"
	steps := []struct {
		keys           []Key
		oldOK, foreign bool
		foreignChecks  int
	}{
		{[]Key{one}, true, true, 1},
		{[]Key{two, one}, true, true, 2},
		{[]Key{three, two, one}, true, true, 3},
		{[]Key{three, two}, false, false, 2},
		{[]Key{one}, true, true, 1},
		{[]Key{{"k1", []byte("another secret of the same id")}}, false, false, 1},
	}
	for i, step := range steps {
		if err := k.Replace(step.keys...); err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"fresh", "cached"} {
			if m, err := verify(old.Username, old.Password); (err == nil) != step.oldOK || m.checks > step.foreignChecks {
				t.Errorf("step %d, %s: suffixed: %v after %d checks", i, what, err, m.checks)
			} else if step.oldOK && m.checks != 1 {
				t.Errorf("step %d, %s: the suffix names the key, yet %d checks", i, what, m.checks)
			}
			want := step.foreignChecks
			if what == "cached" && step.foreign {
				want = 1
			}
			if m, err := verify(foreign, thirdParty("one", foreign)); (err == nil) != step.foreign || m.checks != want {
				t.Errorf("step %d, %s: foreign: %v after %d checks, want %d", i, what, err, m.checks, want)
			}
		}
		now := issue(t, k, Grant{Subject: "bob"})
		if _, err := verify(now.Username, now.Password); err != nil || !strings.Contains(now.Username, ":~1."+step.keys[0].ID+".") {
			t.Errorf("step %d: %s: %v", i, now.Username, err)
		}
	}
}

// One forged request costs one attempt for each key, also for a cached user.
func TestChecksAreBounded(t *testing.T) {
	t.Parallel()
	keys := make([]Key, MaxKeys)
	for i := range keys {
		keys[i] = key(fmt.Sprint("k", i), fmt.Sprint("secret ", i))
	}
	v := verifier(t, VerifierConfig{Keyring: keyring(t, keys...)})
	const name = "1700000001:bob"
	var st VerifierState
	for i := range keys { // the same username with the password of every secret
		m := signed(name, testRealm, thirdParty(fmt.Sprint("secret ", i), name), MD5)
		if _, err := v.Verify(&st, m, []byte(name), MD5, testNow); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
	m := signed(name, testRealm, "forged", MD5)
	if _, err := v.Verify(&st, m, []byte(name), MD5, testNow); err != ErrIntegrity || m.checks > MaxKeys+1 {
		t.Errorf("%v after %d checks", err, m.checks)
	}
}

// One state may see several verifiers, as after a reload; none inherits from another.
func TestStateFollowsVerifier(t *testing.T) {
	t.Parallel()
	one := keyring(t, key("k1", "one"))
	a := verifier(t, VerifierConfig{Keyring: one})
	b := verifier(t, VerifierConfig{Keyring: keyring(t, key("k1", "two"))})
	c := verifier(t, VerifierConfig{Realm: "c", Keyring: one})
	d := verifier(t, VerifierConfig{Users: map[string]string{"alice": "wonderland"}})
	const name = "1700000001:bob"
	var st VerifierState
	for range 2 {
		m := signed(name, testRealm, thirdParty("one", name), MD5)
		for i, test := range []struct {
			v    *Verifier
			want error
		}{{a, nil}, {b, ErrIntegrity}, {a, nil}, {c, ErrIntegrity}, {d, ErrUnknownUser}, {a, nil}} {
			if _, err := test.v.Verify(&st, m, []byte(name), MD5, testNow); err != test.want {
				t.Errorf("step %d: %v, want %v", i, err, test.want)
			}
		}
	}
}

// RFC 8489 §9.2.2 removes trailing NULs from the username.
func TestTrailingNUL(t *testing.T) {
	t.Parallel()
	v := verifier(t, VerifierConfig{Keyring: keyring(t, key("k1", "one")), Users: map[string]string{"alice": "wonderland"}})
	var st VerifierState
	const name = "1700000001:bob"
	for username, password := range map[string]string{name: thirdParty("one", name), "alice": "wonderland"} {
		got, err := v.Verify(&st, signed(username, testRealm, password, MD5), []byte(username+"\x00\x00"), MD5, testNow)
		if err != nil || strings.ContainsRune(string(got.Subject), 0) {
			t.Errorf("%q: %v, subject %q", username, err, got.Subject)
		}
	}
}

// The outcome does not change when the packet's buffer does.
func TestVerifiedIsCopied(t *testing.T) {
	t.Parallel()
	k := keyring(t, key("k1", "one"))
	v := verifier(t, VerifierConfig{Keyring: k, Users: map[string]string{"alice": "wonderland"}})
	c := issue(t, k, Grant{Subject: "bob", Class: "gold"})
	var st VerifierState
	packet := []byte(c.Username)
	got, err := v.Verify(&st, signed(c.Username, testRealm, c.Password, MD5), packet, MD5, testNow)
	clear(packet)
	if err != nil || string(got.Subject) != "bob" || string(got.Class) != "gold" {
		t.Errorf("%v, %v", got, err)
	}
	got, err = v.Verify(&st, signed("alice", testRealm, "wonderland", MD5), []byte("alice"), MD5, testNow)
	if err != nil {
		t.Fatal(err)
	}
	clear(got.Key) // a caller's mistake must not lock the user out
	if _, err = v.Verify(&st, signed("alice", testRealm, "wonderland", MD5), []byte("alice"), MD5, testNow); err != nil {
		t.Error(err)
	}
}

func TestErrorsAreDistinct(t *testing.T) {
	t.Parallel()
	all := []error{ErrUnknownUser, ErrIntegrity, ErrExpired, ErrLifetime, ErrRevoked, ErrUsername, ErrSubject, ErrStaleNonce}
	for i, a := range all {
		for j, b := range all {
			if (i == j) != errors.Is(a, b) || (i == j) != (a.Error() == b.Error()) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}
