package netio

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	splicePipe  = 256 << 10 // bytes asked for: 64 segments of the network, which take a page each however short they are
	spliceMost  = 1 << 20   // bytes moved into a pipe at once; it is full before that
	spliceFlags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK
	idlePipes   = 64 // kept for the next transfer
)

// A pipe is what splice moves bytes through. It is empty while nobody has it.
type pipe struct{ read, write int }

// pipes are idle ones: a transfer holds one only while it has bytes in it, so that connections without traffic hold none.
var pipes = make(chan pipe, idlePipes)

func takePipe() (pipe, error) {
	select {
	case p := <-pipes:
		return p, nil
	default:
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return pipe{}, os.NewSyscallError("pipe2", err)
	}
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, splicePipe) // the smaller one works too
	return pipe{fds[0], fds[1]}, nil
}

// give takes an empty pipe back.
func (p pipe) give() {
	select {
	case pipes <- p:
	default:
		p.close()
	}
}

func (p pipe) close() {
	_ = unix.Close(p.read)
	_ = unix.Close(p.write)
}

// errNoSplice says that the kernel does not splice here, or not now: nothing has been lost.
var errNoSplice = errors.New("connection cannot be spliced")

// Transfer leaves the bytes of TCP connections in the kernel, and copies others' by way of a buffer. TCP is what gives
// its descriptor: a *net.TCPConn, or one with other addresses around it. A connection with TLS gives none.
func (system) Transfer(dst, src net.Conn, moved func(n int)) error {
	to, ok := dst.(syscall.Conn)
	from, also := src.(syscall.Conn)
	if !ok || !also {
		return copyStream(dst, src, moved)
	}
	err := spliceStream(to, from, moved)
	if err == errNoSplice {
		return copyStream(dst, src, moved)
	}
	return err
}

func spliceStream(dst, src syscall.Conn, moved func(n int)) error {
	from, err := src.SyscallConn()
	if err != nil {
		return err
	}
	to, err := dst.SyscallConn()
	if err != nil {
		return err
	}
	for {
		p, n, err := fillPipe(from)
		if n == 0 || err != nil {
			return err
		}
		if err := drainPipe(p, to, n, moved); err != nil {
			p.close() // bytes nobody will get may be left in it
			return err
		}
		p.give()
	}
}

// fillPipe waits for bytes and moves them into a pipe; none and no error at the end of the stream. Nothing is lost
// when the deadline passes, since bytes are waited for without a pipe.
func fillPipe(from syscall.RawConn) (p pipe, n int, err error) {
	var failure error
	err = from.Read(func(fd uintptr) (done bool) {
		if p, failure = takePipe(); failure != nil {
			failure = errNoSplice // out of descriptors: a buffer will do
			return true
		}
		n, failure = splice(int(fd), p.write, spliceMost)
		if n > 0 {
			return true
		}
		p.give()
		return failure != unix.EAGAIN
	})
	switch {
	case err != nil:
		return p, 0, err
	case n > 0:
		return p, n, nil
	case failure == unix.EINVAL || failure == unix.ENOSYS || failure == unix.EOPNOTSUPP:
		return p, 0, errNoSplice
	case failure == errNoSplice:
		return p, 0, failure
	}
	return p, 0, os.NewSyscallError("splice", failure)
}

// drainPipe moves n bytes out of a pipe, as dst takes them.
func drainPipe(p pipe, to syscall.RawConn, n int, moved func(n int)) error {
	for n > 0 {
		out, failure := 0, error(nil)
		err := to.Write(func(fd uintptr) (done bool) {
			out, failure = splice(p.read, int(fd), n)
			return failure != unix.EAGAIN
		})
		if err == nil {
			err = os.NewSyscallError("splice", failure)
		}
		if err != nil {
			return err
		}
		n -= out
		moved(out)
	}
	return nil
}

// splice is the system call, again where a signal interrupted it.
func splice(from, to, most int) (int, error) {
	for {
		n, err := unix.Splice(from, nil, to, nil, most, spliceFlags)
		if err != unix.EINTR {
			return int(max(n, 0)), err
		}
	}
}
