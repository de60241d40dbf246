package netio

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Processors are the numbers of the processors that this process may run on, in ascending order. Where the system does not
// tell, there are none.
func Processors() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var numbers []int
	for i := 0; len(numbers) < set.Count(); i++ {
		if set.IsSet(i) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// StartOn starts a command on the given processors alone; without any, wherever this process may run. A process inherits the
// processors of the thread that starts it: this thread goes there for the moment. Safe for concurrent use.
func StartOn(c *exec.Cmd, processors []int) error {
	if len(processors) == 0 {
		return c.Start()
	}
	runtime.LockOSThread()
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		runtime.UnlockOSThread()
		return os.NewSyscallError("sched_getaffinity", err)
	}
	for _, n := range processors {
		set.Set(n)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("processors %v: %w", processors, os.NewSyscallError("sched_setaffinity", err))
	}
	err := c.Start()
	if unix.SchedSetaffinity(0, &old) == nil {
		runtime.UnlockOSThread() // else the thread stays locked, and ends with its goroutine
	}
	return err
}
