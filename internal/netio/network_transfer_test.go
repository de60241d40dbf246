package netio

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A wrapped connection is any that is not the system's own, as one with TLS.
type wrapped struct{ net.Conn }

// line is two connections end to end: what left writes, Transfer moves from in to out, and right reads.
type line struct{ left, in, out, right net.Conn }

func newLine(t *testing.T, n Network) line {
	t.Helper()
	var l line
	l.left, l.in = connect(t, n, anyPort4)
	l.out, l.right = connect(t, n, anyPort4)
	return l
}

// Every byte gets through, in order, is counted once it is there, and the end of the stream leaves the other end open.
func TestTransfer(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		for _, wrap := range []string{"not", "whole", "with its descriptor"} {
			l := newLine(t, n)
			switch tcp, ok := l.in.(*net.TCPConn); {
			case wrap == "whole":
				l.in = wrapped{l.in}
			case wrap == "with its descriptor" && ok:
				l.in = struct{ *net.TCPConn }{tcp}
			}
			sent := pattern(6<<20, 7)
			var moved atomic.Int64
			var all sync.WaitGroup
			all.Go(func() {
				for rest := sent; len(rest) > 0; {
					piece := min(len(rest), 1+len(rest)*3%100_000)
					if _, err := l.left.Write(rest[:piece]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[piece:]
				}
				if err := l.left.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if err := n.Transfer(l.out, l.in, func(n int) { moved.Add(int64(n)) }); err != nil {
					t.Errorf("transfer: %v", err)
				}
				if _, err := l.out.Write([]byte("tail")); err != nil {
					t.Errorf("after the transfer: %v", err)
				}
				l.out.Close()
			})
			got, err := io.ReadAll(l.right)
			all.Wait()
			if want := append(sent, "tail"...); err != nil || !bytes.Equal(got, want) || moved.Load() != int64(len(want)-4) {
				t.Errorf("wrapped %s: %d bytes of %d arrived, %d counted, %v", wrap, len(got), len(want), moved.Load(), err)
			}
		}
	})
}

// A receiver that takes nothing stops the sender, and a deadline loses nothing.
func TestTransferWaits(t *testing.T) {
	onEach(t, func(t *testing.T, tn testNetwork) {
		n := tn.open()
		l := newLine(t, n)
		if _, err := l.left.Write([]byte("first")); err != nil {
			t.Fatal(err)
		}
		if err := l.in.SetReadDeadline(time.Now().Add(silence)); err != nil {
			t.Fatal(err)
		}
		moved := 0
		count := func(n int) { moved += n }
		if err := n.Transfer(l.out, l.in, count); !errors.Is(err, os.ErrDeadlineExceeded) || moved != 5 {
			t.Fatalf("%d bytes, %v", moved, err)
		}
		if err := l.in.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- n.Transfer(l.out, l.in, count) }()
		if err := l.left.SetWriteDeadline(time.Now().Add(silence)); err != nil {
			t.Fatal(err)
		}
		sent := pattern(64<<20, 5)
		written, err := l.left.Write(sent)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes written that nobody reads, %v", written, err)
		}
		got := make([]byte, 5+written)
		if _, err := io.ReadFull(l.right, got); err != nil || string(got[:5]) != "first" || !bytes.Equal(got[5:], sent[:written]) {
			t.Errorf("what was written did not arrive: %v", err)
		}
		l.right.Close()
		for {
			select {
			case err := <-ended:
				if err == nil {
					t.Error("a transfer whose receiver is gone ended well")
				}
				return
			default:
				l.left.SetWriteDeadline(time.Now().Add(silence))
				l.left.Write(sent[:1000]) // until it is known at the other end, or the buffers are full
			}
		}
	})
}
