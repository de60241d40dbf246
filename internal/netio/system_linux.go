package netio

import (
	"net"
	"net/netip"
)

// System returns the network of the operating system: here Linux with epoll, recvmmsg, sendmmsg and SO_REUSEPORT
// groups. It keeps no state, and is safe for concurrent use.
//
// Its pollers are best waited on from a locked OS thread. Its sockets and pollers are owned by one goroutine each, and
// nothing closes them but Close.
func System() Network { return system{} }

// DontFragment is true: the option is set for the datagram and taken back.
func (system) DontFragment() bool { return true }

type system struct{}

func (system) NewPoller(c PollerConfig) (Poller, error) { return newPoller(c) }

func (system) ListenUDP(addr netip.AddrPort, n int) ([]Socket, error) { return listenGroup(addr, n) }

func (system) OpenUDP(addr netip.AddrPort) (Socket, error) {
	s, err := openUDP(addr, relayUse)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (system) ListenTCP(addr netip.AddrPort) (net.Listener, error) { return listenTCP(addr) }

// MaxWorkers is 0: the kernel shares a listening address among any number of sockets.
func (system) MaxWorkers() int { return 0 }

// Limitations is empty: this is the network the others are compared with.
func (system) Limitations() []string { return nil }
