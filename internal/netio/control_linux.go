package netio

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlSize is the room for a message's control data: type of service, packet information, DF, a segment size, a time of
// arrival and, in the error queue, an extended error with its sender's address (24, 40, 24, 24, 32 and 64 bytes on 64-bit
// systems; DF is only sent and the time only received, and the last comes without the three before that).
const controlSize = 128

// A control is control data, aligned as the kernel's cmsghdr: a sequence of headers (length, level, type), each with
// its value behind it and padded.
type control [controlSize / 8]uint64

func (c *control) bytes() []byte { return (*[controlSize]byte)(unsafe.Pointer(c))[:] }

// put writes a header for a value of n bytes at offset off, and returns the value's bytes and the offset behind it.
func (c *control) put(off int, level, typ int32, n int) (value []byte, end int) {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c.bytes()[off]))
	h.Level, h.Type = level, typ
	h.SetLen(unix.CmsgLen(n))
	start := off + unix.CmsgLen(0)
	return c.bytes()[start : start+n], off + unix.CmsgSpace(n)
}

// putInt writes a value that is a C int.
func (c *control) putInt(off int, level, typ int32, v int32) (end int) {
	value, end := c.put(off, level, typ, 4)
	binary.NativeEndian.PutUint32(value, uint32(v))
	return end
}

// putTOS asks for the type of service of this datagram.
func (c *control) putTOS(off, family int, tos uint8) (end int) {
	if family == unix.AF_INET {
		return c.putInt(off, unix.IPPROTO_IP, unix.IP_TOS, int32(tos))
	}
	return c.putInt(off, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int32(tos))
}

// putDontFragment asks that this IPv6 datagram is not fragmented. (For IPv4 the socket has to be asked: see setDF.)
func (c *control) putDontFragment(off int) (end int) {
	return c.putInt(off, unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1)
}

// putSegment asks that the message is cut into datagrams of so many bytes.
func (c *control) putSegment(off int, size uint16) (end int) {
	value, end := c.put(off, unix.SOL_UDP, unix.UDP_SEGMENT, 2)
	binary.NativeEndian.PutUint16(value, size)
	return end
}

// putSource asks for the source address of this datagram, and reports whether the address is of the family.
func (c *control) putSource(off, family int, source netip.Addr) (end int, ok bool) {
	switch {
	case family == unix.AF_INET && source.Is4():
		value, end := c.put(off, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		*(*unix.Inet4Pktinfo)(unsafe.Pointer(&value[0])) = unix.Inet4Pktinfo{Spec_dst: source.As4()}
		return end, true
	case family == unix.AF_INET6 && source.Is6() && !source.Is4In6():
		value, end := c.put(off, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		*(*unix.Inet6Pktinfo)(unsafe.Pointer(&value[0])) = unix.Inet6Pktinfo{Addr: source.As16()}
		return end, true
	}
	return off, false
}

// nextControl splits off the first value of control data. ok is false at the end.
func nextControl(b []byte) (level, typ int32, value, rest []byte, ok bool) {
	if len(b) < unix.SizeofCmsghdr {
		return 0, 0, nil, nil, false
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	start := unix.CmsgLen(0)
	end := int(h.Len)
	if end < start || end > len(b) {
		return 0, 0, nil, nil, false
	}
	next := min(unix.CmsgSpace(end-start), len(b))
	return h.Level, h.Type, b[start:end], b[next:], true
}

// A received is what came with a datagram: its type of service; its local address and its time of arrival, where the socket
// was asked for them (else the zero Addr, and 0); and, where several arrived together, how many bytes each of them has but
// the last (else 0).
type received struct {
	tos     uint8
	at      int64 // Unix time in nanoseconds
	local   netip.Addr
	segment int
}

// receivedControl reads control data.
func receivedControl(b []byte) (r received) {
	for {
		level, typ, value, rest, ok := nextControl(b)
		if !ok {
			return r
		}
		switch {
		case level == unix.IPPROTO_IP && typ == unix.IP_TOS && len(value) >= 1:
			r.tos = value[0]
		case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_TCLASS && len(value) >= 4:
			r.tos = uint8(binary.NativeEndian.Uint32(value))
		case level == unix.SOL_SOCKET && typ == unix.SCM_TIMESTAMPNS:
			r.at = stamp(value)
		case level == unix.SOL_UDP && typ == unix.UDP_GRO && len(value) >= 4:
			r.segment = int(int32(binary.NativeEndian.Uint32(value)))
		case level == unix.IPPROTO_IP && typ == unix.IP_PKTINFO && len(value) >= unix.SizeofInet4Pktinfo:
			// Spec_dst is the destination, and an address to answer from where that was a broadcast.
			r.local = netip.AddrFrom4((*unix.Inet4Pktinfo)(unsafe.Pointer(&value[0])).Spec_dst)
		case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_PKTINFO && len(value) >= unix.SizeofInet6Pktinfo:
			r.local = netip.AddrFrom16((*unix.Inet6Pktinfo)(unsafe.Pointer(&value[0])).Addr)
		}
		b = rest
	}
}
