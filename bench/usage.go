package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor times in /proc: the kernel's interface has it at 100 a second on every architecture that Go
// runs on.
const tick = 10 * time.Millisecond

// A usage reads what processes on this host use.
type usage struct {
	servers, own []int
}

// newUsage counts this process and its peer as the generator.
func newUsage(j Job) *usage {
	u := &usage{servers: j.ServerPIDs, own: []int{os.Getpid()}}
	if j.PeerPID != 0 {
		u.own = append(u.own, j.PeerPID)
	}
	return u
}

// A sample is processor time used so far: by the servers, by the generator, and by all that runs on this host.
type sample struct {
	at                   time.Time
	server, own, machine time.Duration
}

func (u *usage) sample() (s sample, err error) {
	if s.server, err = processTimes(u.servers); err != nil {
		return s, err
	}
	if s.own, err = processTimes(u.own); err != nil {
		return s, err
	}
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return s, err
	}
	s.machine, err = parseMachineTime(text)
	s.at = time.Now()
	return s, err
}

// memory is the resident size of the servers in bytes.
func (u *usage) memory() (int64, error) {
	var sum int64
	for _, pid := range u.servers {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		n, err := parseResident(text)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// processTimes is the processor time of all the processes.
func processTimes(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		t, err := parseProcessTime(text)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// parseProcessTime reads user and system time out of /proc/PID/stat. The command's name, which may hold anything, ends with
// the last parenthesis.
func parseProcessTime(text []byte) (time.Duration, error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, system = 11, 12 // counted from the state, which follows the name
	if len(fields) <= system {
		return 0, errors.New("unreadable /proc/PID/stat")
	}
	u, err := strconv.ParseInt(fields[user], 10, 64)
	s, err2 := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick, errors.Join(err, err2)
}

// parseMachineTime reads the time of all processors out of /proc/stat, without what was idle, waited for disks or was
// taken by other guests of the host.
func parseMachineTime(text []byte) (time.Duration, error) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(string(line))
	const user, nice, system, interrupt, soft = 1, 2, 3, 6, 7
	if len(fields) <= soft || fields[0] != "cpu" {
		return 0, errors.New("unreadable /proc/stat")
	}
	var sum int64
	for _, i := range []int{user, nice, system, interrupt, soft} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("unreadable /proc/stat: %w", err)
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// parseResident reads the resident size out of /proc/PID/status.
func parseResident(text []byte) (int64, error) {
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no resident size in /proc/PID/status: has the process ended?")
}

// addDrops adds to each port's counter the datagrams that its sockets had no room for.
func addDrops(ports map[uint16]*uint64) error {
	for _, name := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a family that this host does not have
		}
		if err != nil {
			return err
		}
		if err := parseDrops(text, ports); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// parseDrops reads a table of sockets: the second column is the local address, the last one the drops.
func parseDrops(text []byte, ports map[uint16]*uint64) error {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Scan() // headings
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			return errors.New("unreadable line")
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		if err != nil {
			return fmt.Errorf("port: %w", err)
		}
		drops, err := strconv.ParseUint(fields[len(fields)-1], 10, 64)
		if err != nil {
			return fmt.Errorf("drops: %w", err)
		}
		if sum := ports[uint16(port)]; sum != nil {
			*sum += drops
		}
	}
	return lines.Err()
}
