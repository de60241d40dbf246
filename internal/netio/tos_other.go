//go:build !linux

package netio

import "syscall"

func openedTOS(syscall.Conn) uint8 { return 0 }
