//go:build !linux

package netio

// System is the network of this system: the portable one, where there is none of its own.
func System() Network { return Portable() }
