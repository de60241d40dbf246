package stun

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"sync"
	"testing"
)

// TestHMAC compares our HMAC with crypto/hmac for keys around the block size
// and messages around the sizes of the hashes' blocks.
func TestHMAC(t *testing.T) {
	t.Parallel()
	hashes := map[Integrity]func() hash.Hash{IntegritySHA1: sha1.New, IntegritySHA256: sha256.New}
	for i, h := range hashes {
		for _, keySize := range []int{0, 1, 16, 20, 32, 63, 64, 65, 128, 1000} {
			for _, size := range []int{20, 24, 44, 64, 108, 512, 1500, 65552} {
				key, message := bytes.Repeat([]byte{0xA5}, keySize), bytes.Repeat([]byte{0x5A}, size)
				got := appendHMAC([]byte("front"), i, key, message, 0x1234)
				message[2], message[3] = 0x12, 0x34
				want := hmac.New(h, key)
				want.Write(message)
				if !bytes.Equal(got, want.Sum([]byte("front"))) {
					t.Errorf("%v, key of %d bytes, message of %d: differs from crypto/hmac", i, keySize, size)
				}
			}
		}
	}
}

func TestCheckIntegrityRefuses(t *testing.T) {
	t.Parallel()
	key := []byte("key")
	full := mustParse(t, build(func(b *Builder) { b.AddIntegrity(key, IntegritySHA256) }))
	value, _ := full.Attribute(AttrMessageIntegritySHA256)
	tests := []struct {
		name string
		add  func(b *Builder)
		err  error
	}{
		{"SHA-1 of 19 bytes", func(b *Builder) { b.Add(AttrMessageIntegrity, make([]byte, 19)) }, ErrMalformed},
		{"SHA-1 of no bytes", func(b *Builder) { b.Add(AttrMessageIntegrity, nil) }, ErrMalformed},
		{"SHA-1 of 32 bytes", func(b *Builder) { b.Add(AttrMessageIntegrity, make([]byte, 32)) }, ErrMalformed},
		{"SHA-256 cut to 16 bytes", func(b *Builder) { b.Add(AttrMessageIntegritySHA256, value[:16]) }, ErrMalformed},
		{"SHA-256 of no bytes", func(b *Builder) { b.Add(AttrMessageIntegritySHA256, nil) }, ErrMalformed},
		{"SHA-256 of 36 bytes", func(b *Builder) { b.Add(AttrMessageIntegritySHA256, make([]byte, 36)) }, ErrMalformed},
		{"SHA-1 wrong", func(b *Builder) { b.Add(AttrMessageIntegrity, make([]byte, 20)) }, ErrIntegrity},
		{"SHA-256 wrong", func(b *Builder) { b.Add(AttrMessageIntegritySHA256, make([]byte, 32)) }, ErrIntegrity},
		{"SHA-1 right, SHA-256 wrong", func(b *Builder) {
			b.AddIntegrity(key, IntegritySHA1)
			b.Add(AttrMessageIntegritySHA256, make([]byte, 32))
		}, ErrIntegrity},
		{"SHA-256 wrong, SHA-1 right behind it", func(b *Builder) {
			b.Add(AttrMessageIntegritySHA256, make([]byte, 32))
			b.AddIntegrity(key, IntegritySHA1)
		}, ErrIntegrity},
		{"the first of two counts", func(b *Builder) {
			b.Add(AttrMessageIntegrity, make([]byte, 20))
			b.AddIntegrity(key, IntegritySHA1)
		}, ErrIntegrity},
	}
	for _, test := range tests {
		m := mustParse(t, build(test.add))
		if err := m.CheckIntegrity(key); !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", test.name, err, test.err)
		}
	}
}

func TestCheckFingerprintRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value []byte
		err   error
	}{
		"empty":   {nil, errSize},
		"3 bytes": {make([]byte, 3), errSize},
		"8 bytes": {make([]byte, 8), errSize},
		"wrong":   {make([]byte, 4), ErrFingerprint},
	} {
		m := mustParse(t, build(func(b *Builder) { b.Add(AttrFingerprint, test.value) }))
		if err := m.CheckFingerprint(); err != test.err || !errors.Is(err, ErrMalformed) || !m.HasFingerprint() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestIntegrityConcurrently: the pool of states is shared, the states are not.
func TestIntegrityConcurrently(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := bytes.Repeat([]byte{byte(i)}, 16+i)
			for range 200 {
				b := build(func(b *Builder) {
					b.AddIntegrity(key, IntegritySHA1)
					b.AddIntegrity(key, IntegritySHA256)
				})
				if m, err := Parse(b); err != nil || m.CheckIntegrity(key) != nil || m.checkIntegrity(IntegritySHA1, key) != nil {
					t.Error("integrity does not match its own key")
					return
				}
			}
		})
	}
	wg.Wait()
}
