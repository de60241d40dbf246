package auth

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestCacheFindsWhatWasAdded(t *testing.T) {
	t.Parallel()
	var c cache
	if c.find([]byte("bob"), MD5) != nil {
		t.Error("found in the zero cache")
	}
	c.clear() // of the zero cache
	c.add([]byte("bob"), MD5, bytes.Repeat([]byte{1}, 16), true)
	c.add([]byte("bob"), SHA256, bytes.Repeat([]byte{2}, 32), false)
	m, s := c.find([]byte("bob"), MD5), c.find([]byte("bob"), SHA256)
	if m == nil || s == nil || m.keySize != 16 || s.keySize != 32 || m.key[0] != 1 || s.key[31] != 2 || !m.authentic || s.authentic {
		t.Errorf("%+v %+v", m, s)
	}
	for _, other := range []string{"", "bo", "bobb", "Bob", "bob\x00"} {
		if c.find([]byte(other), MD5) != nil {
			t.Errorf("%q found", other)
		}
	}
	c.add([]byte("bob"), MD5, bytes.Repeat([]byte{3}, 16), false) // renewed, not doubled
	if m = c.find([]byte("bob"), MD5); m.key[0] != 3 || m.authentic {
		t.Errorf("%+v", m)
	}
	n := 0
	for _, tag := range c.tags {
		if tag != 0 {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d entries", n)
	}
	entries := c.entries
	c.clear()
	if c.find([]byte("bob"), MD5) != nil {
		t.Error("found after clear")
	}
	for i := range entries {
		if entries[i] != (cached{}) {
			t.Fatal("a key outlives clear")
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c cache
	name := func(i int) []byte { return fmt.Appendf(nil, "1700000000:user%d", i) }
	const n = 5 * cacheSets * cacheWays
	found := 0
	for i := range n {
		c.add(name(i), MD5, []byte{byte(i), byte(i >> 8)}, i%2 == 0)
		if c.find(name(i), MD5) == nil {
			t.Fatalf("%d: not found right after add", i)
		}
	}
	for i := range n {
		if e := c.find(name(i), MD5); e != nil {
			found++
			if e.key[0] != byte(i) || e.key[1] != byte(i>>8) || e.authentic != (i%2 == 0) {
				t.Errorf("%d: the entry of another", i)
			}
		}
	}
	if len(c.entries) != cacheSets*cacheWays || found != len(c.entries) {
		t.Errorf("%d of %d entries are in use", found, len(c.entries))
	}
	if size := reflect.TypeFor[cached]().Size(); size != 256 {
		t.Errorf("an entry is %d bytes", size)
	}
}

func TestCacheLongNames(t *testing.T) {
	t.Parallel()
	var c cache
	for _, size := range []int{0, 1, cachedName, cachedName + 1, maxParsed} {
		name := []byte(strings.Repeat("x", size))
		c.add(name, MD5, make([]byte, 16), false)
		if got := c.find(name, MD5) != nil; got != (size <= cachedName) {
			t.Errorf("%d bytes: found %v", size, got)
		}
	}
}

// Only what was verified gets in.
func TestFailuresAreNotCached(t *testing.T) {
	t.Parallel()
	v := verifier(t, VerifierConfig{Keyring: keyring(t, key("k1", "one"))})
	var st VerifierState
	for _, name := range []string{"1700000000:expired", "1700000001:wrong"} {
		password := "wrong"
		if strings.HasSuffix(name, "expired") {
			password = thirdParty("one", name)
		}
		if _, err := v.Verify(&st, signed(name, testRealm, password, MD5), []byte(name), MD5, testNow); err == nil {
			t.Errorf("%s verified", name)
		}
	}
	if st.cache.tags != nil {
		t.Error("a refused user is cached")
	}
}
