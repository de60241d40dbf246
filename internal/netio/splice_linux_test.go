package netio

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"turnout/internal/ci"
)

// TestTransferStaysInKernel has the kernel tell how much this process read: what is spliced does not come by it. It counts what
// the whole process does, so that it is not parallel.
func TestTransferStaysInKernel(t *testing.T) {
	const size = 4 << 20
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	transfer := func(way func(net.Conn) net.Conn) (read int) {
		in, from := tcpPair(t)
		to, out := tcpPair(t)
		before := bytesRead(t)
		ended := make(chan error, 2)
		go func() {
			_, err := in.Write(data)
			ended <- err
			in.Close()
		}()
		go func() {
			moved := 0
			err := System().Transfer(to, way(from), func(n int) { moved += n })
			if err == nil && moved != size {
				err = fmt.Errorf("%d bytes moved", moved)
			}
			ended <- err
			to.Close()
		}()
		got, err := io.ReadAll(io.LimitReader(out, size+1))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		for range 2 {
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
		return bytesRead(t) - before
	}
	spliced := transfer(func(c net.Conn) net.Conn { return c })
	copied := transfer(func(c net.Conn) net.Conn { return wrapped{c} })
	t.Logf("of %d bytes the process read %d times as many where they are spliced, %d times where they are copied", size, spliced/size, copied/size)
	if copied < 2*size { // by Transfer, and by this test
		ci.Lacks(t, "this kernel does not tell: %d bytes read of %d that were copied", copied, size)
	}
	if spliced > size+size/2 { // by this test alone
		t.Errorf("%d bytes were read of %d: they came into the process", spliced, size)
	}
}

// tcpPair is two ends of a connection on loopback.
func tcpPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := System().ListenTCP(anyPort4)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp4", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return a, b
}

// bytesRead is what the process has read by read and its like, but not by splice.
func bytesRead(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		ci.Lacks(t, "this kernel does not tell: %v", err)
	}
	if _, err := fmt.Sscanf(string(text), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}
