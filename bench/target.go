package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
)

// ResolveTarget finds the address of a server that somebody named as host:port. Load goes to loopback, and to whatever a network
// namespace of its own reaches; elsewhere only with allowRemote, since it may hurt others.
func ResolveTarget(ctx context.Context, hostPort string, allowRemote bool) (netip.AddrPort, error) {
	return resolveTarget(ctx, hostPort, allowRemote || ownNamespace(os.Readlink))
}

func resolveTarget(ctx context.Context, hostPort string, allowed bool) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("server %q is not host:port: %w", hostPort, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return netip.AddrPort{}, fmt.Errorf("server %q has no port between 1 and 65535", hostPort)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("server %q: %w", hostPort, err)
	}
	addr := addrs[0].Unmap()
	if !addr.IsLoopback() && !allowed {
		return netip.AddrPort{}, fmt.Errorf("server %s is not on loopback: load may hurt whoever shares the way to it; --allow-remote says that it is meant", hostPort)
	}
	return netip.AddrPortFrom(addr, uint16(number)), nil
}

// ownNamespace says whether this process has another network than the system's first process: somebody made one for it. What
// cannot be read says no.
func ownNamespace(readlink func(string) (string, error)) bool {
	own, err := readlink("/proc/self/ns/net")
	if err != nil {
		return false
	}
	first, err := readlink("/proc/1/ns/net")
	return err == nil && own != first
}

// localFor is the address of this host that reaches a server.
func localFor(server netip.AddrPort) (netip.Addr, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server)) // sends nothing
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
