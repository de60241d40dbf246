package netio

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// systemSlots is the default of PollerConfig.Slots: one full read of a listener.
const systemSlots = 64

// epollBatch is how many ready sockets one Wait reports at most. The kernel goes round: the others come first in the next.
const epollBatch = 256

var (
	errSocketNetwork = errors.New("socket was opened by another network")
	errSocketAdded   = errors.New("socket is in a poller already")
	errSocketAbsent  = errors.New("socket is not in this poller")
	errReservedID    = errors.New("WakeID is not for sockets")
)

// A poller is an epoll instance, with an eventfd for Wake and the memory of a round. It is owned by the worker's
// goroutine, but for Wake.
type poller struct {
	// Immutable after newPoller.
	precise bool // the kernel has epoll_pwait2, whose timeout is in nanoseconds

	// Owned by the worker's goroutine.
	epoll     int    // -1 once closed
	turn      uint64 // counts Waits
	more      bool   // a read since the last Wait took all it asked for: probably there is more
	ready     [epollBatch]unix.EpollEvent
	events    [epollBatch]Event
	receive   receiver
	send      sender
	errQueue  errorReader
	counts    Counts
	shortcuts Shortcuts

	// Read and written by anyone.
	awake   atomic.Bool // a Wake has not been reported yet
	mu      sync.Mutex
	eventfd int // guarded by mu: -1 once closed
}

func newPoller(c PollerConfig) (*poller, error) {
	slots := c.Slots
	if slots <= 0 {
		slots = systemSlots
	}
	shortcuts, err := systemShortcuts(c)
	if err != nil {
		return nil, fmt.Errorf("new poller: %w", err)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, pollerFailed("epoll_create1", err)
	}
	eventfd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, pollerFailed("eventfd2", err)
	}
	// Edge-triggered, so that the counter need not be read: each write is an event.
	e := epollEvent(unix.EPOLLIN|unix.EPOLLET, WakeID)
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, eventfd, &e); err != nil {
		unix.Close(epoll)
		unix.Close(eventfd)
		return nil, pollerFailed("epoll_ctl", err)
	}
	p := &poller{
		epoll:     epoll,
		eventfd:   eventfd,
		receive:   newReceiver(slots),
		send:      newSender(),
		errQueue:  newErrorReader(),
		shortcuts: shortcuts,
	}
	_, errno := p.pwait2(0)
	p.precise = errno == 0 // ENOSYS before Linux 5.11, EPERM in some sandboxes
	return p, nil
}

func pollerFailed(call string, err error) error {
	return &pollerError{kind: openKind(err), cause: os.NewSyscallError(call, err)}
}

// A pollerError is why a poller could not be made.
type pollerError struct{ kind, cause error }

func (e *pollerError) Error() string { return "new poller: " + e.cause.Error() }

func (e *pollerError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.kind, e.cause}
}

// epollEvent makes what the kernel hands back for a ready descriptor: the caller's id fills the 64 bits that the kernel does
// not read, and package unix takes for a descriptor and padding.
func epollEvent(events uint32, id uint64) unix.EpollEvent {
	return unix.EpollEvent{Events: events, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
}

func eventID(e *unix.EpollEvent) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }

func (p *poller) Add(s Socket, id uint64) error {
	k, err := p.open(s)
	switch {
	case err != nil:
		return err
	case id == WakeID:
		return errReservedID
	case k.poller != nil && k.poller.epoll >= 0: // a closed poller has let go of it
		return errSocketAdded
	}
	e := epollEvent(unix.EPOLLIN, id) // EPOLLERR is always reported
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, k.fd, &e); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	k.poller = p
	p.aggregate(k)
	return nil
}

func (p *poller) Remove(s Socket) error {
	k, err := p.open(s)
	switch {
	case err != nil:
		return err
	case k.poller != p:
		return errSocketAbsent
	}
	k.poller = nil
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, k.fd, nil))
}

// open is the socket, if it and the poller are open.
func (p *poller) open(s Socket) (*socket, error) {
	k, ok := s.(*socket)
	switch {
	case !ok:
		return nil, errSocketNetwork
	case k.fd < 0 || p.epoll < 0:
		return nil, net.ErrClosed
	}
	return k, nil
}

func (p *poller) Counts() Counts { return p.counts }

func (p *poller) Shortcuts() Shortcuts { return p.shortcuts }

// Close closes the poller, and none of the sockets in it. Payloads and packets of its last round stay as they are.
func (p *poller) Close() error {
	if p.epoll < 0 {
		return nil
	}
	p.mu.Lock()
	eventfd := p.eventfd
	p.eventfd = -1
	p.mu.Unlock()
	err := errors.Join(os.NewSyscallError("close epoll", unix.Close(p.epoll)), os.NewSyscallError("close eventfd", unix.Close(eventfd)))
	p.epoll = -1
	return err
}
