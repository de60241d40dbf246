package netio

import (
	"math"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Wait waits for readiness; see Poller.
func (p *poller) Wait(timeout time.Duration) ([]Event, error) {
	if p.epoll < 0 {
		return nil, net.ErrClosed
	}
	p.turn++
	var n int
	var errno unix.Errno
	if timeout == 0 || p.more {
		p.more = false
		if n, errno = p.poll(); n == 0 && errno == 0 && timeout != 0 {
			n, errno = p.block(timeout)
		}
	} else {
		n, errno = p.block(timeout)
	}
	if errno != 0 {
		return nil, os.NewSyscallError("epoll_wait", errno)
	}
	return p.report(n), nil
}

// report turns the ready list into events.
func (p *poller) report(n int) []Event {
	for i := range n {
		r := &p.ready[i]
		e := Event{ID: eventID(r)}
		if e.ID == WakeID {
			// From here on a Wake writes again. One that came before has nothing to write for: this Wait returns, and
			// its caller then sees what was done ahead of that Wake.
			p.awake.Store(false)
		} else {
			// A hang-up is for recvmmsg to explain.
			e.Readable = r.Events&(unix.EPOLLIN|unix.EPOLLHUP) != 0
			e.Errored = r.Events&unix.EPOLLERR != 0
			e.Writable = r.Events&unix.EPOLLOUT != 0
		}
		p.events[i] = e
	}
	return p.events[:n]
}

// block waits until something is ready or timeout passes, unless it is negative. A signal only interrupts it for a moment.
func (p *poller) block(timeout time.Duration) (int, unix.Errno) {
	if timeout < 0 {
		for {
			if n, errno := p.pwait(-1); errno != unix.EINTR {
				return n, errno
			}
		}
	}
	end := time.Now().Add(timeout)
	for {
		var n int
		var errno unix.Errno
		if p.precise {
			n, errno = p.pwait2(timeout)
		} else {
			n, errno = p.pwait(milliseconds(timeout))
		}
		if errno != unix.EINTR {
			return n, errno
		}
		timeout = max(time.Until(end), 0)
	}
}

// milliseconds rounds up, so that a Wait never returns ahead of a timer it is to wait for.
func milliseconds(d time.Duration) int {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return int(min(ms, math.MaxInt32))
}

// poll takes what is ready now. It never blocks, so the scheduler need not be told.
func (p *poller) poll() (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.ready[0])), epollBatch, 0, 0, 0)
	return int(n), errno
}

// pwait waits for ms milliseconds, for ever if negative, and leaves the processor to others meanwhile.
func (p *poller) pwait(ms int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.ready[0])), epollBatch, uintptr(ms), 0, 0)
	return int(n), errno
}

// pwait2 is pwait with a precise timeout.
func (p *poller) pwait2(timeout time.Duration) (int, unix.Errno) {
	// A timespec of 64-bit fields, on every architecture.
	ts := struct{ sec, nsec int64 }{int64(timeout / time.Second), int64(timeout % time.Second)}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.ready[0])), epollBatch,
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	return int(n), errno
}

// one is what a Wake adds to the eventfd.
var one uint64 = 1

// Wake writes to the eventfd, unless a Wait is about to report an earlier Wake. It takes the lock against Close only: the
// descriptor may be another file's afterwards.
func (p *poller) Wake() {
	if p.awake.Load() || p.awake.Swap(true) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.eventfd >= 0 {
		// It fails only on a counter near 2^64, where the descriptor is ready anyway.
		unix.RawSyscall(unix.SYS_WRITE, uintptr(p.eventfd), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
	}
}
