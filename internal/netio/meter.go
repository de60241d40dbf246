package netio

import "time"

// A DropCounter is a Socket that knows how many datagrams it had to leave out because its receive buffer was full, or
// their checksum wrong.
type DropCounter interface {
	// NewDrops is how many were dropped since it was last called, or the socket opened. The caller is the socket's owner.
	NewDrops() (uint32, error)
}

// A Stamper is a Socket that can tell when datagrams arrived: Packet.Received.
type Stamper interface {
	// Stamp says whether it does so from now on. What waits already may come without. Each datagram of the socket costs
	// some 100 ns more then: it is for samples. The caller is the socket's owner.
	Stamp(on bool) error
}

// ThreadTime is how much CPU time the calling thread has used, in user mode and in the kernel; false where the system
// does not tell. It says something of a goroutine only while that is locked to its thread.
func ThreadTime() (time.Duration, bool) { return threadTime() }
