package netio

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// systemShortcuts decides which shortcuts a poller begins with.
func systemShortcuts(c PollerConfig) (s Shortcuts, err error) {
	var name unix.Utsname
	_ = unix.Uname(&name) // of an unknown kernel no fault is known
	if s.GSO, err = choose("GSO", c.GSO, faultOfGSO(unix.ByteSliceToString(name.Release[:])), try(unix.UDP_SEGMENT, 0, "UDP_SEGMENT")); err != nil {
		return s, err
	}
	s.GRO, err = choose("GRO", c.GRO, "", try(unix.UDP_GRO, 1, "UDP_GRO"))
	return s, err
}

// try sets a UDP option on a socket made for that: kernels and sandboxes without it refuse.
func try(option, value int, name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	return os.NewSyscallError("setsockopt "+name, unix.SetsockoptInt(fd, unix.SOL_UDP, option, value))
}

// faultOfGSO says what is wrong with GSO in a kernel, empty for nothing: those from 7.0 to 7.1.4 corrupt segments of one length.
func faultOfGSO(release string) string {
	v, ok := kernelVersion(release)
	if !ok || v.before(version{7, 0, 0}) || (version{7, 1, 4}).before(v) {
		return ""
	}
	return fmt.Sprintf("Linux %s corrupts segments (7.0 to 7.1.4 do)", release)
}

// A version is a kernel's: major, minor, patch.
type version [3]int

func (v version) before(w version) bool {
	for i := range v {
		if v[i] != w[i] {
			return v[i] < w[i]
		}
	}
	return false
}

// kernelVersion reads the numbers a release begins with, as in 6.12.3-amd64 or 7.1-rc2; numbers left out are 0.
func kernelVersion(release string) (v version, ok bool) {
	if end := strings.IndexFunc(release, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); end >= 0 {
		release = release[:end]
	}
	for i, number := range strings.SplitN(release, ".", len(v)+1) {
		if i == len(v) {
			break
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return v, i > 1 // as in 7.1.: the first two are there
		}
		v[i] = n
	}
	return v, v[0] > 0
}

// absent says whether an error of a message with UDP_SEGMENT tells that this system, or the way to the destination, does
// not have it (EIO: a device without checksum offload, or IPsec). EOPNOTSUPP and ENOPROTOOPT may be ICMP errors that peers
// provoked, and count only after the retries of run.retries.
func absent(errno unix.Errno) bool {
	switch errno {
	case unix.EIO, unix.EOPNOTSUPP, unix.ENOPROTOOPT, unix.ENOSYS:
		return true
	}
	return false
}

// aggregate lets the kernel hand over datagrams of one sender together, from now on.
func (p *poller) aggregate(s *socket) {
	if s.aggregates || !p.shortcuts.GRO.Enabled {
		return
	}
	err := unix.SetsockoptInt(s.fd, unix.SOL_UDP, unix.UDP_GRO, 1)
	if errno, ok := err.(unix.Errno); ok && absent(errno) {
		p.shortcuts.GRO.disable(os.NewSyscallError("setsockopt UDP_GRO", err).Error())
	}
	s.aggregates = err == nil
}
