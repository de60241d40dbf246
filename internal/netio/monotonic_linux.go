package netio

import (
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic is the system's monotonic clock, which programs of one host compare with each other; package time has it only
// against a beginning of its own.
func Monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0 // no Linux is without it
	}
	return time.Duration(t.Nano())
}
