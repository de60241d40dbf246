package netio

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestStartOn starts a process on one processor, and finds this one where it was.
func TestStartOn(t *testing.T) {
	t.Parallel()
	before := Processors()
	if len(before) == 0 {
		t.Fatal("this process may run nowhere")
	}
	last := before[len(before)-1]
	var out strings.Builder
	c := exec.Command("grep", "Cpus_allowed_list", "/proc/self/status")
	c.Stdout = &out
	if err := StartOn(c, []int{last}); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(out.String()), fmt.Sprintf("Cpus_allowed_list:\t%d", last); got != want {
		t.Errorf("the process has %q, want %q", got, want)
	}
	if after := Processors(); !slices.Equal(after, before) {
		t.Errorf("this process may run on %v, before on %v", after, before)
	}
	if err := StartOn(exec.Command("true"), []int{1023}); err == nil {
		t.Error("a process was started on a processor that no host has")
	}
}
