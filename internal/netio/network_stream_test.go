package netio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

func TestNetworkStreams(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		for _, any := range []netip.AddrPort{anyPort4, anyPort6} {
			near, far := connect(t, tn.open(), any)
			// More than the buffers hold, so that the writer waits for the reader.
			sent := pattern(4<<20, 3)
			var all sync.WaitGroup
			all.Go(func() {
				if _, err := near.Write(sent); err != nil {
					t.Errorf("write: %v", err)
				}
				if err := near.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
					t.Errorf("close write: %v", err)
				}
			})
			got, err := io.ReadAll(far)
			all.Wait()
			if err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%d bytes of %d, %v", len(got), len(sent), err)
			}
			// The other way is still open.
			if _, err := far.Write([]byte("back")); err != nil {
				t.Fatal(err)
			}
			back := make([]byte, 4)
			if _, err := io.ReadFull(near, back); err != nil || string(back) != "back" {
				t.Fatalf("%q, %v", back, err)
			}
		}
	})
}

func TestNetworkStreamBackpressureAndDeadlines(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		near, far := connect(t, tn.open(), anyPort4)
		if err := near.SetWriteDeadline(time.Now().Add(silence)); err != nil {
			t.Fatal(err)
		}
		sent := pattern(32<<20, 5)
		n, err := near.Write(sent)
		if ne := net.Error(nil); n == len(sent) || !errors.As(err, &ne) || !ne.Timeout() {
			t.Fatalf("%d bytes written that nobody reads, %v", n, err)
		}
		if err := near.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, sent[:n]) {
			t.Fatalf("%d bytes read of %d written, %v", len(got), n, err)
		}

		near, _ = connect(t, tn.open(), anyPort4)
		if err := near.SetReadDeadline(time.Now().Add(silence)); err != nil {
			t.Fatal(err)
		}
		_, err = near.Read(make([]byte, 1))
		if ne := net.Error(nil); !errors.As(err, &ne) || !ne.Timeout() {
			t.Fatalf("read: %v", err)
		}
		// Closing ends a read that waits.
		if err := near.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			_, err := near.Read(make([]byte, 1))
			ended <- err
		}()
		if err := near.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("read after Close: %v", err)
		}
	})
}

func TestNetworkStreamRefused(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		l, err := n.ListenTCP(anyPort4)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after Close: %v", err)
		}
		addr := netip.AddrPortFrom(loopback4, unboundPort)
		if c, err := n.DialTCP(t.Context(), anyPort4, addr); !errors.Is(err, errnoRefused) {
			t.Fatalf("dial %v: %v, %v", addr, c, err)
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		if c, err := n.DialTCP(done, anyPort4, addr); err == nil {
			t.Fatalf("dial with a context that is done: %v", c)
		}
	})
}

// connect makes a stream over a listener, and checks the addresses of its ends.
func connect(t *testing.T, n Network, any netip.AddrPort) (near, far net.Conn) {
	t.Helper()
	l, err := n.ListenTCP(any)
	if err != nil {
		t.Fatal(err)
	}
	near, err = n.DialTCP(t.Context(), any, l.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range []net.Conn{near, far} {
			if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
	})
	if near.RemoteAddr().String() != l.Addr().String() || near.LocalAddr().String() != far.RemoteAddr().String() {
		t.Fatalf("near %v to %v, far %v to %v", near.LocalAddr(), near.RemoteAddr(), far.LocalAddr(), far.RemoteAddr())
	}
	if _, ok := far.RemoteAddr().(*net.TCPAddr); !ok {
		t.Fatalf("address is a %T", far.RemoteAddr())
	}
	return near, far
}
