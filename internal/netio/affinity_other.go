//go:build !linux

package netio

import "os/exec"

// Processors are the numbers of the processors that this process may run on, in ascending order. Where the system does not
// tell, as here, there are none.
func Processors() []int { return nil }

// StartOn starts a command; this system does not choose its processors.
func StartOn(c *exec.Cmd, _ []int) error { return c.Start() }
