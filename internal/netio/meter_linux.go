package netio

import (
	"encoding/binary"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NewDrops implements DropCounter.
func (s *socket) NewDrops() (uint32, error) {
	if s.fd < 0 {
		return 0, net.ErrClosed
	}
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, os.NewSyscallError("getsockopt SO_MEMINFO", errno)
	}
	all := info[unix.SK_MEMINFO_DROPS]
	fresh := all - s.drops // right across a wrap too
	s.drops = all
	return fresh, nil
}

// Stamp implements Stamper.
func (s *socket) Stamp(on bool) error {
	if s.fd < 0 {
		return net.ErrClosed
	}
	value := 0
	if on {
		value = 1
	}
	return s.setOption(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, value, "SO_TIMESTAMPNS")
}

// stamp reads the value of SCM_TIMESTAMPNS, a struct timespec: Unix time in nanoseconds, 0 for one of another length.
func stamp(value []byte) int64 {
	switch len(value) {
	case 16: // 64-bit systems
		return int64(binary.NativeEndian.Uint64(value))*1e9 + int64(binary.NativeEndian.Uint64(value[8:]))
	case 8:
		return int64(int32(binary.NativeEndian.Uint32(value)))*1e9 + int64(int32(binary.NativeEndian.Uint32(value[4:])))
	}
	return 0
}

func threadTime() (time.Duration, bool) {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
