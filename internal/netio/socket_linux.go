package netio

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Sizes asked for of the kernel's buffers, receive and send. The default holds 3 datagrams of 64 KiB.
const (
	listenerBuffer = 8 << 20 // everything to and from a worker's clients
	relayBuffer    = 1 << 20 // one allocation
)

// A use is what a socket is opened for, which decides its options.
type use int

const (
	listenerUse use = iota // for clients: large buffers
	relayUse               // for peers: ICMP errors are asked for
)

// A socket is a bound UDP socket, in 96 bytes: there is one for each relayed address. It is owned by the goroutine of the poller it is in, and handed over as a whole.
type socket struct {
	// Immutable after openUDP.
	family   int
	local    netip.AddrPort
	resting  int32 // IP_MTU_DISCOVER between datagrams that set DF
	wildcard bool  // bound to every address: datagrams come with theirs

	// Owned by the poller's goroutine.
	df         bool    // IP_MTU_DISCOVER is IP_PMTUDISC_DO
	aggregates bool    // UDP_GRO is set, and stays: what is queued may have been put together
	fd         int     // -1 once closed
	poller     *poller // it is added to, or nil
	appetite   appetite
	density    int32  // datagrams per slot of the last read
	drops      uint32 // as NewDrops read them last

	// The outs of the Send under way, by index; none between two.
	first, last int32
}

// none ends a list of outs.
const none = -1

// openUDP opens and binds a socket.
func openUDP(addr netip.AddrPort, u use) (*socket, error) {
	s, err := openUnbound(addr, u)
	if err != nil {
		return nil, err
	}
	if err := s.bind(addr); err != nil {
		s.Close()
		return nil, openFailed("listen udp", addr, err)
	}
	return s, nil
}

// openUnbound makes a socket with every option that must be set before anything arrives.
func openUnbound(addr netip.AddrPort, u use) (*socket, error) {
	s := &socket{family: unix.AF_INET, wildcard: addr.Addr().Unmap().IsUnspecified(), first: none, last: none}
	if !addr.Addr().Unmap().Is4() {
		s.family = unix.AF_INET6
	}
	var err error
	s.fd, err = unix.Socket(s.family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, openFailed("listen udp", addr, os.NewSyscallError("socket", err))
	}
	if err := s.setOptions(u); err != nil {
		s.Close()
		return nil, openFailed("listen udp", addr, err)
	}
	return s, nil
}

func (s *socket) setOptions(u use) error {
	size := listenerBuffer
	if u == relayUse {
		size = relayBuffer
	}
	s.setBuffers(size)
	if s.family == unix.AF_INET {
		return s.setIPv4Options(u)
	}
	return s.setIPv6Options(u)
}

// setBuffers asks for large buffers: past the system's limit where the process may, up to it where not. What came of it
// is to be seen by Buffers.
func (s *socket) setBuffers(size int) {
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size) != nil {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size)
	}
}

func (s *socket) setIPv4Options(u use) error {
	if err := s.setOption(unix.IPPROTO_IP, unix.IP_RECVTOS, 1, "IP_RECVTOS"); err != nil {
		return err
	}
	if s.wildcard {
		if err := s.setOption(unix.IPPROTO_IP, unix.IP_PKTINFO, 1, "IP_PKTINFO"); err != nil {
			return err
		}
	}
	if u == relayUse {
		if err := s.setOption(unix.IPPROTO_IP, unix.IP_RECVERR, 1, "IP_RECVERR"); err != nil {
			return err
		}
	}
	// No DF, or a datagram larger than the path would be lost. Of the two ways, IP_PMTUDISC_OMIT still reports ICMP type 3
	// code 4, which answers a datagram that was sent with DF, and believes no forged one; IP_PMTUDISC_DONT does neither.
	s.resting = unix.IP_PMTUDISC_OMIT
	if s.setOption(unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, int(s.resting), "IP_MTU_DISCOVER") == nil {
		return nil
	}
	s.resting = unix.IP_PMTUDISC_DONT
	return s.setOption(unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, int(s.resting), "IP_MTU_DISCOVER")
}

func (s *socket) setIPv6Options(u use) error {
	if err := s.setOption(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1, "IPV6_V6ONLY"); err != nil {
		return err
	}
	if err := s.setOption(unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1, "IPV6_RECVTCLASS"); err != nil {
		return err
	}
	if s.wildcard {
		if err := s.setOption(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"); err != nil {
			return err
		}
	}
	if u == relayUse {
		if err := s.setOption(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1, "IPV6_RECVERR"); err != nil {
			return err
		}
	}
	// Routers do not fragment IPv6: this host does, to the path MTU it learns from ICMPv6 (which OMIT would not).
	return s.setOption(unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT, "IPV6_MTU_DISCOVER")
}

func (s *socket) setOption(level, option, value int, name string) error {
	return os.NewSyscallError("setsockopt "+name, unix.SetsockoptInt(s.fd, level, option, value))
}

// setDF makes the IPv4 datagrams sent from now on have DF or not.
func (s *socket) setDF(df bool) error {
	if s.df == df {
		return nil
	}
	mode := int(s.resting)
	if df {
		mode = unix.IP_PMTUDISC_DO
	}
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, mode); err != nil {
		return err
	}
	s.df = df
	return nil
}

// bind binds the socket and learns its port.
func (s *socket) bind(addr netip.AddrPort) error {
	var to unix.Sockaddr
	ip := addr.Addr().Unmap()
	if s.family == unix.AF_INET {
		to = &unix.SockaddrInet4{Addr: ip.As4(), Port: int(addr.Port())}
	} else {
		scope, err := scopeID(ip)
		if err != nil {
			return err
		}
		to = &unix.SockaddrInet6{Addr: ip.As16(), Port: int(addr.Port()), ZoneId: scope}
	}
	if err := unix.Bind(s.fd, to); err != nil {
		return os.NewSyscallError("bind", err)
	}
	bound, err := unix.Getsockname(s.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	port := addr.Port()
	switch b := bound.(type) {
	case *unix.SockaddrInet4:
		port = uint16(b.Port)
	case *unix.SockaddrInet6:
		port = uint16(b.Port)
	}
	s.local = netip.AddrPortFrom(ip, port)
	return nil
}

func (s *socket) Local() netip.AddrPort { return s.local }

// Buffers implements BufferSizer.
func (s *socket) Buffers() (receive, send int, err error) {
	if s.fd < 0 {
		return 0, 0, net.ErrClosed
	}
	if receive, err = unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil {
		return 0, 0, os.NewSyscallError("getsockopt SO_RCVBUF", err)
	}
	if send, err = unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF); err != nil {
		return 0, 0, os.NewSyscallError("getsockopt SO_SNDBUF", err)
	}
	return receive, send, nil
}

// Close closes the socket; the second time it does nothing. It takes the socket out of its poller first, if it still is in
// one: a child process under way to its exec keeps the open socket, and with it the registration, alive for a while.
func (s *socket) Close() error {
	if s.fd < 0 {
		return nil
	}
	if s.poller != nil {
		_ = s.poller.Remove(s)
	}
	fd := s.fd
	s.fd = -1
	return os.NewSyscallError("close", unix.Close(fd))
}
