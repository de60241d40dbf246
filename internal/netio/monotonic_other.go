//go:build !linux

package netio

import "time"

// Monotonic is 0 here: who asks for it, systemd, runs on Linux alone.
func Monotonic() time.Duration { return 0 }
