package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// spareDescriptors are what a process needs besides its allocations' sockets.
const spareDescriptors = 128

// DescriptorLimit is how many descriptors a process started here may have; 0 where the system does not tell.
func DescriptorLimit() int {
	text, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		return 0
	}
	return parseDescriptorLimit(string(text))
}

// parseDescriptorLimit reads the hard limit, up to which the servers here raise theirs.
func parseDescriptorLimit(text string) int {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) >= 2 {
				n, _ := strconv.Atoi(fields[1]) // "unlimited" is 0 too
				return n
			}
		}
	}
	return 0
}

// CheckDescriptors says whether a scenario fits limit descriptors a process. A server has a socket for each allocation, and one
// more for each client on a stream; a generator has one for each client, unless clients share one.
func CheckDescriptors(s Scenario, spread bool, limit int) error {
	server, generator := s.Flows, s.Flows
	if s.Transport != UDP {
		server *= 2
	} else if spread {
		generator = 1
	}
	if needed := max(server, generator) + spareDescriptors; limit > 0 && needed > limit {
		return fmt.Errorf("scenario %s: %d flows need %d descriptors in one process, and the limit is %d; raise it (ulimit -Hn), or give fewer --flows",
			s.Name, s.Flows, needed, limit)
	}
	return nil
}
