package netio

import (
	"io"
	"net"
	"sync"
)

// transferBuffer is what one TLS record carries.
const transferBuffer = 16 << 10

var transferBuffers = sync.Pool{New: func() any { return new([transferBuffer]byte) }}

// copyStream is Transfer by way of a buffer.
func copyStream(dst, src net.Conn, moved func(n int)) error {
	buf := transferBuffers.Get().(*[transferBuffer]byte)
	defer transferBuffers.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
			moved(n)
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// Transfer copies by way of a buffer.
func (p *portable) Transfer(dst, src net.Conn, moved func(n int)) error {
	return copyStream(dst, src, moved)
}

// Transfer copies by way of a buffer.
func (m *Memory) Transfer(dst, src net.Conn, moved func(n int)) error {
	return copyStream(dst, src, moved)
}
