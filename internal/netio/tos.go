package netio

import (
	"net"
	"syscall"
)

// ConnectionTOS is the Type of Service or Traffic Class, as in [Packet].TOS, that a connection accepted from ListenTCP
// was opened with; 0 where the system does not tell. It looks through connections that have a method NetConn, as TLS
// does. The system tells it once: ask after accepting, and keep it.
func ConnectionTOS(conn net.Conn) uint8 {
	for {
		switch c := conn.(type) {
		case *memoryStream:
			return c.tos
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		case syscall.Conn:
			return openedTOS(c)
		default:
			return 0
		}
	}
}

// packetTOS is the field in an IP header, 0 where there is none.
func packetTOS(header []byte) uint8 {
	if len(header) < 2 {
		return 0
	}
	switch header[0] >> 4 {
	case 4:
		return header[1]
	case 6:
		return header[0]<<4 | header[1]>>4
	}
	return 0
}
