package netio

import (
	"encoding/binary"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sockaddr holds an address of either family as the kernel reads and writes it: a sockaddr_in lies in its first 16
// bytes.
type sockaddr unix.RawSockaddrInet6

// put stores an address for a socket of the given family, and reports whether the address is of that family. An IPv4
// address mapped into IPv6 is of neither: policy has been decided on the plain form. Zones are left out: a socket that is
// bound to a link-local address sends by the interface of that.
func (a *sockaddr) put(family int, addr netip.AddrPort) bool {
	ip := addr.Addr()
	switch {
	case family == unix.AF_INET && ip.Is4():
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		in.Family = unix.AF_INET
		in.Addr = ip.As4()
		putPort(&in.Port, addr.Port())
		return true
	case family == unix.AF_INET6 && ip.Is6() && !ip.Is4In6():
		a.Family = unix.AF_INET6
		a.Flowinfo = 0
		a.Addr = ip.As16()
		putPort(&a.Port, addr.Port())
		a.Scope_id = 0
		return true
	}
	return false
}

// addrPort is the address; its zone is left out.
func (a *sockaddr) addrPort() netip.AddrPort {
	switch a.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(&in.Port))
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), port(&a.Port))
	}
	return netip.AddrPort{}
}

// sockaddrLen is the length of a family's addresses.
func sockaddrLen(family int) uint32 {
	if family == unix.AF_INET {
		return unix.SizeofSockaddrInet4
	}
	return unix.SizeofSockaddrInet6
}

// Ports are in network byte order, in a field the kernel's headers call an integer.

func putPort(field *uint16, n uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(field))[:], n)
}

func port(field *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(field))[:])
}

// scopeID is the index of the interface that a link-local address names by its zone; 0 for other addresses.
func scopeID(ip netip.Addr) (uint32, error) {
	if ip.Zone() == "" {
		return 0, nil
	}
	i, err := net.InterfaceByName(ip.Zone())
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}
