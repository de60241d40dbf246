package netio

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func listen(t *testing.T, m *Memory, addr string) (net.Listener, netip.AddrPort) {
	t.Helper()
	l, err := m.ListenTCP(netip.MustParseAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return l, l.Addr().(*net.TCPAddr).AddrPort()
}

func TestMemoryBacklog(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		l, addr := listen(t, m, "192.0.2.1:3478")
		var dialed []net.Conn
		for range memoryBacklog {
			c, err := m.DialTCP(t.Context(), netip.AddrPort{}, addr)
			if err != nil {
				t.Fatal(err)
			}
			dialed = append(dialed, c)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := m.DialTCP(ctx, netip.AddrPort{}, addr); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Fatalf("beyond the backlog, after %v: %v", time.Since(start), err)
		}
		// One accepted makes room for one.
		made := make(chan net.Conn)
		go func() {
			c, err := m.DialTCP(t.Context(), netip.AddrPort{}, addr)
			if err != nil {
				t.Error(err)
			}
			made <- c
		}()
		synctest.Wait()
		first, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if first.RemoteAddr().String() != dialed[0].LocalAddr().String() {
			t.Error("not accepted in order")
		}
		dialed = append(dialed, <-made)
		// What nobody accepted is reset.
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := m.DialTCP(t.Context(), netip.AddrPort{}, addr); !errors.Is(err, errnoRefused) {
			t.Errorf("dial after Close: %v", err)
		}
		if _, err := dialed[1].Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read of a connection nobody accepted: %v", err)
		}
		for _, c := range append(dialed, first) {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestMemoryDialFate(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		l, addr := listen(t, m, "0.0.0.0:5000")
		addr = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), addr.Port())
		local := netip.MustParseAddrPort("198.51.100.1:6000")
		var fate Fate
		m.SetDialFate(func(from, to netip.AddrPort) Fate {
			if from != local || to != addr {
				t.Errorf("dial from %v to %v", from, to)
			}
			return fate
		})
		dial := func() (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			start := time.Now()
			c, err := m.DialTCP(ctx, local, addr)
			if err == nil {
				if c.LocalAddr().String() != local.String() || c.RemoteAddr().String() != addr.String() {
					t.Errorf("connected %v to %v", c.LocalAddr(), c.RemoteAddr())
				}
				far, err := l.Accept()
				if err := errors.Join(err, far.Close(), c.Close()); err != nil {
					t.Error(err)
				}
			}
			return time.Since(start), err
		}
		if took, err := dial(); err != nil || took != 0 {
			t.Fatalf("after %v: %v", took, err)
		}
		fate = Fate{Delay: time.Second}
		if took, err := dial(); err != nil || took != time.Second {
			t.Fatalf("delayed, after %v: %v", took, err)
		}
		fate = Fate{Lost: true}
		if took, err := dial(); !errors.Is(err, context.DeadlineExceeded) || took != 30*time.Second {
			t.Fatalf("lost, after %v: %v", took, err)
		}
		fate = Fate{Err: ErrUnreachable, Delay: time.Second}
		if took, err := dial(); !errors.Is(err, ErrUnreachable) || took != time.Second {
			t.Fatalf("unreachable, after %v: %v", took, err)
		}
	})
}

// TestMemoryDialFromListeningPort is RFC 6062's: connections to peers leave from the port peers connect to.
func TestMemoryDialFromListeningPort(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		_, relayed := listen(t, m, "192.0.2.1:50000")
		peers, peer := listen(t, m, "203.0.113.1:80")
		c, err := m.DialTCP(t.Context(), relayed, peer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.DialTCP(t.Context(), relayed, peer); !errors.Is(err, ErrAddrInUse) {
			t.Errorf("twice to one peer: %v", err)
		}
		far, err := peers.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if far.RemoteAddr().String() != relayed.String() {
			t.Errorf("the peer sees %v", far.RemoteAddr())
		}
		if err := errors.Join(c.Close(), far.Close()); err != nil {
			t.Error(err)
		}
		if _, err := m.DialTCP(t.Context(), netip.AddrPortFrom(loopback6, 0), peer); !errors.Is(err, ErrUnreachable) {
			t.Errorf("from IPv6 to IPv4: %v", err)
		}
	})
}

func TestMemoryStreamEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, m *Memory) {
		m.SetStreamBuffer(10)
		buf := make([]byte, 100)

		near, far := connect(t, m, anyPort4)
		if err := near.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := near.Write(buf[:11]); n != 10 || err == nil {
			t.Fatalf("wrote %d of 11 bytes into a buffer of 10, %v", n, err)
		}
		if n, err := far.Read(buf); n != 10 || err != nil {
			t.Fatalf("read %d bytes, %v", n, err)
		}
		// A reset throws away what is in flight, and tells a writer that waits.
		if err := near.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		wrote := make(chan error)
		go func() {
			_, err := near.Write(buf)
			wrote <- err
		}()
		synctest.Wait()
		if _, err := far.Write(buf[:5]); err != nil {
			t.Fatal(err)
		}
		if err := far.(*memoryStream).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		if err := far.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-wrote; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write to a reset stream: %v", err)
		}
		if n, err := near.Read(buf); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %d bytes of a reset stream, %v", n, err)
		}

		// An orderly end lets the reader have what was written.
		near, far = connect(t, m, anyPort4)
		if _, err := near.Write(buf[:5]); err != nil {
			t.Fatal(err)
		}
		if err := near.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := far.Read(buf); n != 5 || err != nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
		if _, err := far.Read(buf); err != io.EOF {
			t.Errorf("read at the end: %v", err)
		}
		if _, err := far.Write(buf); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write to a closed stream: %v", err)
		}
		for _, err := range []error{
			errorOf(near.Read(buf)), errorOf(near.Write(buf)), near.Close(), near.SetDeadline(time.Time{}), near.SetWriteDeadline(time.Time{}),
			near.(*memoryStream).CloseWrite(), near.(*memoryStream).CloseRead(), near.(*memoryStream).SetLinger(0),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("on a closed stream: %v", err)
			}
		}

		// CloseRead takes no more, and holds up nobody.
		near, far = connect(t, m, anyPort4)
		if err := far.(*memoryStream).CloseRead(); err != nil {
			t.Fatal(err)
		}
		if n, err := near.Write(buf); n != len(buf) || err != nil {
			t.Errorf("wrote %d bytes, %v", n, err)
		}
		if _, err := far.Read(buf); err != io.EOF {
			t.Errorf("read after CloseRead: %v", err)
		}
	})
}
