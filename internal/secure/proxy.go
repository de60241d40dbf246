package secure

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// A PROXY header stands before everything else on a connection and says whose it
// is. Version 1 is a line of text:
//
//	PROXY TCP4 192.0.2.7 198.51.100.1 56324 3478\r\n
//
// Version 2 is binary, numbers in network byte order:
//
//	 0  12 bytes: signature
//	12  1 byte: version 2 in the high half; in the low one 0 LOCAL (the proxy's own connection), 1 PROXY
//	13  1 byte: address family in the high half (1 IPv4, 2 IPv6), transport in the low one (1 stream)
//	14  2 bytes: length of what follows
//	16  source address, destination address, source port, destination port; then TLVs
//
// A header is read to its last byte and not one further: what comes next is the
// client's.
const (
	proxySignature   = "\r\n\r\n\x00\r\nQUIT\n"
	proxyFirst       = len("PROXY UNKNOWN") - 1 // read at once: shorter than any header, as long as the signature
	proxyLineMax     = 107                      // bytes of version 1, the line's end included
	proxyBlockMax    = 4096                     // bytes of version 2 behind the length; certificates in TLVs take up to 2 KiB
	proxyStreamIPv4  = 0x11
	proxyStreamIPv6  = 0x21
	proxyBlockHeader = 4 // behind the signature
)

// errProxyHeader matches errors about a PROXY header that is not one.
var errProxyHeader = errors.New("malformed PROXY header")

// A proxyHeader holds the addresses of a header; both are invalid where it names none.
type proxyHeader struct{ client, server netip.AddrPort }

// readProxyHeader reads a header. Every error but the reader's own matches errProxyHeader.
func readProxyHeader(r io.Reader) (proxyHeader, error) {
	var space [proxyLineMax]byte
	first := space[:proxyFirst]
	if _, err := io.ReadFull(r, first); err != nil {
		return proxyHeader{}, err
	}
	switch {
	case string(first) == proxySignature:
		return readProxyBlock(r)
	case bytes.HasPrefix(first, []byte("PROXY ")):
		return readProxyLine(r, space[:], proxyFirst)
	}
	return proxyHeader{}, fmt.Errorf("%w: neither version 1 nor 2", errProxyHeader)
}

// readProxyLine reads the rest of a version 1 header, of which have bytes are in
// line, one by one: its length is known only at its end.
func readProxyLine(r io.Reader, line []byte, have int) (proxyHeader, error) {
	for !bytes.HasSuffix(line[:have], []byte("\r\n")) {
		if have == len(line) {
			return proxyHeader{}, fmt.Errorf("%w: a line longer than %d bytes", errProxyHeader, proxyLineMax)
		}
		if _, err := io.ReadFull(r, line[have:have+1]); err != nil {
			return proxyHeader{}, err
		}
		have++
	}
	words := strings.Split(string(line[:have-len("\r\n")]), " ")
	switch {
	case words[1] == "UNKNOWN":
		return proxyHeader{}, nil // whatever follows
	case len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6":
		return proxyHeader{}, fmt.Errorf("%w: not a line of version 1", errProxyHeader)
	}
	var h proxyHeader
	for i, ap := range []*netip.AddrPort{&h.client, &h.server} {
		a, err := netip.ParseAddr(words[2+i])
		port, portErr := strconv.ParseUint(words[4+i], 10, 16)
		if err != nil || portErr != nil || a.Zone() != "" || a.Is4() != (words[1] == "TCP4") {
			return proxyHeader{}, fmt.Errorf("%w: an address or port that is not %s", errProxyHeader, words[1])
		}
		*ap = netip.AddrPortFrom(a.Unmap(), uint16(port))
	}
	return h, nil
}

// readProxyBlock reads what follows the signature of version 2.
func readProxyBlock(r io.Reader) (proxyHeader, error) {
	var head [proxyBlockHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return proxyHeader{}, err
	}
	command, family, length := head[0], head[1], int(binary.BigEndian.Uint16(head[2:]))
	if command != 0x20 && command != 0x21 || length > proxyBlockMax {
		return proxyHeader{}, fmt.Errorf("%w: version and command %#x, %d bytes", errProxyHeader, command, length)
	}
	block := make([]byte, length)
	if _, err := io.ReadFull(r, block); err != nil {
		return proxyHeader{}, err
	}
	size := 0 // of an address
	switch {
	case command == 0x20: // LOCAL: the proxy's own, such as a health check
	case family == proxyStreamIPv4:
		size = 4
	case family == proxyStreamIPv6:
		size = 16
	}
	switch {
	case size == 0:
		return proxyHeader{}, nil // no family of ours: the connection's own addresses hold
	case length < 2*size+4:
		return proxyHeader{}, fmt.Errorf("%w: %d bytes for two addresses of %d", errProxyHeader, length, size)
	}
	client, _ := netip.AddrFromSlice(block[:size])
	server, _ := netip.AddrFromSlice(block[size : 2*size])
	ports := block[2*size:]
	return proxyHeader{
		client: netip.AddrPortFrom(client.Unmap(), binary.BigEndian.Uint16(ports)),
		server: netip.AddrPortFrom(server.Unmap(), binary.BigEndian.Uint16(ports[2:])),
	}, nil
}

// withAddresses is conn with the header's addresses, if it names some. A TCP
// connection stays one for io.Copy, which then leaves the copying to the kernel.
func (h proxyHeader) withAddresses(conn net.Conn) net.Conn {
	if !h.client.IsValid() {
		return conn
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return &proxied{conn, h}
	}
	return &proxiedTCP{tcp, h}
}

// A proxied is a connection from a proxy, with the addresses of its header.
type proxied struct {
	net.Conn
	header proxyHeader
}

// NetConn is the connection below.
func (p *proxied) NetConn() net.Conn { return p.Conn }

// RemoteAddr is the client's address.
func (p *proxied) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(p.header.client) }

// LocalAddr is the address that the client connected to.
func (p *proxied) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(p.header.server) }

// A proxiedTCP is a proxied that io.Copy knows to be TCP.
type proxiedTCP struct {
	*net.TCPConn
	header proxyHeader
}

// RemoteAddr is the client's address.
func (p *proxiedTCP) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(p.header.client) }

// LocalAddr is the address that the client connected to.
func (p *proxiedTCP) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(p.header.server) }
