package secure

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"turnout/internal/netio"
)

// A further handshake displaces the oldest, of its source or of all; one of an
// unproven address first.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	hs := newHandshakes(20)
	var displaced []string
	begun := map[string]*handshake{}
	begin := func(name, from string, proven bool) {
		begun[name] = hs.begin(sourceOf(netip.MustParseAddr(from)), proven, func() { displaced = append(displaced, name) })
	}
	for i := range 10 {
		begin(fmt.Sprint("a", i), "192.0.2.1", true)
	}
	if want := []string{"a0", "a1"}; !slices.Equal(displaced, want) {
		t.Fatalf("displaced %q, want %q", displaced, want)
	}
	for i := range 10 { // one /64 is one source
		begin(fmt.Sprint("b", i), fmt.Sprintf("2001:db8::%d", i+1), false)
	}
	if want := []string{"a0", "a1", "b0", "b1"}; !slices.Equal(displaced, want) {
		t.Fatalf("displaced %q, want %q", displaced, want)
	}
	displaced = nil
	begun["b2"].prove()
	begin("c", "2001:db8::99", false) // b2 is older than b3, and proven
	for i := range 6 {
		begin(fmt.Sprint("d", i), fmt.Sprintf("198.51.100.%d", i), true)
	}
	if want := []string{"b3", "b4", "b5"}; !slices.Equal(displaced, want) { // b3 of its source; 8+8+6 are two more than 20
		t.Fatalf("displaced %q, want %q", displaced, want)
	}
	if begun["b3"].end() || !begun["b2"].end() || begun["b2"].end() {
		t.Error("end does not tell who was displaced")
	}
	if n := hs.count(); n != 19 {
		t.Errorf("%d are under way, want 19", n)
	}
}

// Whatever happens, what is counted is what is there, and nothing is left.
func TestHandshakesRandomly(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	hs := newHandshakes(50)
	live := map[*handshake]bool{}
	for range 20000 {
		switch n := random.IntN(4); {
		case n < 2:
			source := sourceOf(netip.AddrFrom4([4]byte{10, 0, 0, byte(random.IntN(20))}))
			if random.IntN(4) == 0 {
				source = netip.Prefix{}
			}
			var h *handshake
			h = hs.begin(source, random.IntN(2) == 0, func() { delete(live, h) })
			live[h] = true
		case len(live) > 0:
			for h := range live {
				switch {
				case n == 2:
					delete(live, h)
					if !h.end() {
						t.Fatal("a live handshake was displaced")
					}
				case h.source.IsValid():
					h.prove()
				default:
					h.reveal(sourceOf(netip.AddrFrom4([4]byte{10, 0, 0, byte(random.IntN(20))})))
				}
				break
			}
		}
		perAddress := map[netip.Prefix]int{}
		for h := range live {
			perAddress[h.source]++
		}
		for source, n := range perAddress {
			if source.IsValid() && (n > perSource || n != len(hs.sources[source])) {
				t.Fatalf("%v has %d, counted %d", source, n, len(hs.sources[source]))
			}
		}
		if hs.count() != len(live) || len(live) > 50 {
			t.Fatalf("%d are counted, %d there", hs.count(), len(live))
		}
	}
	for h := range live {
		h.end()
	}
	if hs.count() != 0 || len(hs.sources) != 0 {
		t.Errorf("%d handshakes, %d sources are left", hs.count(), len(hs.sources))
	}
}

// Thousands of connections that say nothing: no more than the limit, the oldest
// go, a client beside them gets through.
func TestTLSFlood(t *testing.T) { // not in parallel: it measures memory
	synctest.Test(t, func(t *testing.T) {
		network := netio.NewMemory()
		h := newHub(t, network, func(c *Config) { c.Handshakes = 200 })
		at, stop := h.stream(netip.MustParseAddrPort("93.184.216.5:5349"), true)
		defer stop()
		flood := func(port uint16) {
			for i := range 5000 {
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, byte(i >> 8), byte(i), 1}), port)
				conn, err := network.DialTCP(t.Context(), from, at)
				if err != nil {
					t.Fatal(err)
				}
				if i%3 == 0 {
					conn.Close()
				} else {
					defer conn.Close()
				}
				switch i % 3 {
				case 1:
					conn.Write(helloBytes(t)[:200])
				}
				if i%50 == 0 {
					synctest.Wait()
				}
			}
			synctest.Wait()
			if n := h.Stats().HalfOpen; n > 200 {
				t.Errorf("%d handshakes under way, want at most 200", n)
			}
			conn, err := network.DialTCP(t.Context(), netip.AddrPortFrom(netip.MustParseAddr("8.8.8.8"), port), at)
			if err != nil {
				t.Fatal(err)
			}
			secured := tlsClient(conn)
			line(t, secured)
			echoes(t, secured, "unharmed")
			secured.Close()
			io.ReadAll(conn)
			waitVirtually()
		}
		flood(4000)
		before := heap()
		flood(4001)
		// A connection that is kept holds 10 KiB and more, so one in twenty-five would show; what a
		// collection leaves of stacks and maps is a quarter of this bound.
		if after := heap(); after > before+5000*400 {
			t.Errorf("memory was %d KiB, is %d KiB", before>>10, after>>10)
		} else {
			t.Logf("memory %d KiB before 5000 connections, %d KiB after", before>>10, after>>10)
		}
		if s := h.Stats(); s.HalfOpen != 0 || s.CompletedBy[TLS] != 2 ||
			s.DroppedBy[DropHandshakeFailed]+s.DroppedBy[DropHandshakeDisplaced]+s.DroppedBy[DropHandshakeTimeout] != 10000 {
			t.Errorf("%+v", s)
		}
	})
}
