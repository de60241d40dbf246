package bench

import (
	"os"
	"slices"
	"testing"
	"time"
)

func equalLayout(a, b Layout) bool {
	return slices.Equal(a.Server, b.Server) && slices.Equal(a.Generator, b.Generator) && a.Shared == b.Shared
}

func TestParseUsage(t *testing.T) {
	t.Parallel()
	if got, err := parseProcessTime([]byte("42 (a) (b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0")); err != nil || got != 1750*time.Millisecond {
		t.Errorf("process: got %v, %v, want 1.75s", got, err)
	}
	if got, err := parseMachineTime([]byte("cpu  100 20 30 4000 50 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")); err != nil || got != 1630*time.Millisecond {
		t.Errorf("machine: got %v, %v, want 1.63s", got, err)
	}
	if got, err := parseResident([]byte("Name:\tx\nVmRSS:\t    2048 kB\nVmSwap: 0 kB\n")); err != nil || got != 2<<20 {
		t.Errorf("resident size: got %d, %v, want 2 MiB", got, err)
	}
	for _, text := range []string{"", "cpu 1 2", "1 (x) S"} {
		if _, err := parseProcessTime([]byte(text)); err == nil {
			t.Errorf("process time is read out of %q", text)
		}
		if _, err := parseMachineTime([]byte(text)); err == nil {
			t.Errorf("machine time is read out of %q", text)
		}
		if _, err := parseResident([]byte(text)); err == nil {
			t.Errorf("a resident size is read out of %q", text)
		}
	}
}

func TestParseDrops(t *testing.T) {
	t.Parallel()
	const table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
		"   10: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 3\n" +
		"   11: 00000000:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 4\n" +
		"   12: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 9\n"
	var got uint64
	if err := parseDrops([]byte(table), map[uint16]*uint64{8080: &got}); err != nil || got != 7 {
		t.Errorf("got %d, %v, want 7", got, err)
	}
	if err := parseDrops([]byte("heading\nx y\n"), nil); err == nil {
		t.Error("a table that is none is read")
	}
}

// TestUsage reads what this process and its parent use.
func TestUsage(t *testing.T) {
	t.Parallel()
	u := newUsage(Job{ServerPIDs: []int{os.Getpid()}, PeerPID: os.Getppid()})
	got, err := u.sample()
	if err != nil {
		t.Fatal(err)
	}
	if got.own < got.server || got.machine < got.own || got.machine == 0 || got.at.IsZero() {
		t.Errorf("own process %v, with its parent %v, all together %v", got.server, got.own, got.machine)
	}
	if n, err := u.memory(); err != nil || n < 1<<20 {
		t.Errorf("resident size %d, %v", n, err)
	}
	if _, err := newUsage(Job{ServerPIDs: []int{-1}}).sample(); err == nil {
		t.Error("a process that is not there has processor time")
	}
}
