package netio

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

func TestNetworkAddrInUse(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		for _, any := range []netip.AddrPort{anyPort4, anyPort6} {
			a := newStation(t, n, any, 0)
			if _, err := n.OpenUDP(a.addr()); !errors.Is(err, ErrAddrInUse) {
				t.Errorf("relay socket on %v again: %v", a.addr(), err)
			}
			if _, err := n.ListenUDP(a.addr(), 1); !errors.Is(err, ErrAddrInUse) {
				t.Errorf("listener on %v again: %v", a.addr(), err)
			}
			group, err := n.ListenUDP(any, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := n.ListenUDP(group[0].Local(), 1); !errors.Is(err, ErrAddrInUse) {
				t.Errorf("a second instance on %v: %v", group[0].Local(), err)
			}
			if err := group[0].Close(); err != nil {
				t.Error(err)
			}

			l, err := n.ListenTCP(any)
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.ListenTCP(l.Addr().(*net.TCPAddr).AddrPort())
			if !errors.Is(err, ErrAddrInUse) {
				t.Errorf("stream listener on %v again: %v", l.Addr(), err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestNetworkAddrFreeAfterClose(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		var lost error
		for range 10 { // a test that runs beside this one may pick the very port
			first, err := n.ListenUDP(anyPort4, 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := first[0].Close(); err != nil {
				t.Fatal(err)
			}
			again, err := n.ListenUDP(first[0].Local(), 1)
			if err == nil {
				if err := again[0].Close(); err != nil {
					t.Error(err)
				}
				return
			}
			lost = err
		}
		t.Fatalf("bound again after Close: %v", lost)
	})
}

func TestNetworkAddrNotAvailable(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		if m, ok := n.(*Memory); ok {
			m.SetHosts(loopback4, loopback6)
		}
		foreign := netip.MustParseAddrPort("192.0.2.1:0") // documentation: nobody's
		if s, err := n.OpenUDP(foreign); !errors.Is(err, ErrAddrNotAvailable) {
			t.Errorf("relay socket: %v, %v", s, err)
		}
		if s, err := n.ListenUDP(foreign, 1); !errors.Is(err, ErrAddrNotAvailable) {
			t.Errorf("listener: %v, %v", s, err)
		}
		if l, err := n.ListenTCP(foreign); !errors.Is(err, ErrAddrNotAvailable) {
			t.Errorf("stream listener: %v, %v", l, err)
		}
	})
}

func TestNetworkErrorsNameTheAddress(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		a := newStation(t, n, anyPort4, 0)
		_, err := n.OpenUDP(a.addr())
		if err == nil || !bytes.Contains([]byte(err.Error()), fmt.Append(nil, a.addr())) {
			t.Fatalf("error %v", err)
		}
	})
}

// TestNetworkNoGoroutineLeft is not parallel, so that the goroutines it counts are its own.
func TestNetworkNoGoroutineLeft(t *testing.T) {
	for _, tn := range networks {
		before := runtime.NumGoroutine()
		n := tn.open()
		p, err := n.NewPoller(PollerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			s, err := n.OpenUDP(anyPort4)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(p.Add(s, uint64(i)), p.Remove(s), s.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		// A goroutine that is done takes a moment to be gone.
		for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("%s: %d goroutines left\n%s", tn.name, runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
			}
		}
	}
}
