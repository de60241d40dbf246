//go:build !linux

package netio

import "time"

func threadTime() (time.Duration, bool) { return 0, false }
