package peertest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
)

// ports remembers the ranges that this process has handed out.
var ports struct {
	sync.Mutex
	taken []portRange
}

// A portRange is n ports from first on.
type portRange struct{ first, n int }

func (r portRange) last() int { return r.first + r.n - 1 }

// freePorts finds n consecutive ports that nothing on loopback uses, below the
// range from which the system takes the ports of sockets that ask for none: so
// that no client's socket gets one of them later.
func freePorts(t *testing.T, n int) portRange {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	const low = 10000
	high := ephemeral(t)
	for range 1000 {
		r := portRange{low + rand.IntN(high-low-n), n}
		if !overlaps(r) && free(r) {
			ports.taken = append(ports.taken, r)
			return r
		}
	}
	t.Fatalf("no %d free ports in a row between %d and %d", n, low, high)
	return portRange{}
}

func overlaps(r portRange) bool {
	for _, o := range ports.taken {
		if r.first <= o.last() && o.first <= r.last() {
			return true
		}
	}
	return false
}

// ephemeral is the lowest port that the system hands out by itself.
func ephemeral(t *testing.T) int {
	t.Helper()
	low := 32768 // Linux, when it does not say
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(text), &low); err != nil {
			t.Fatal(err)
		}
	}
	if low < 20000 {
		t.Fatalf("ports from %d on are ephemeral: net.ipv4.ip_local_port_range leaves no room for these tests", low)
	}
	return low
}

// free binds every port of the range once, for UDP and TCP and both families.
func free(r portRange) bool {
	for port := r.first; port <= r.last(); port++ {
		for _, host := range []string{"127.0.0.1", "::1"} {
			address := net.JoinHostPort(host, fmt.Sprint(port))
			u, err := net.ListenPacket("udp", address)
			if err != nil {
				return false
			}
			u.Close()
			l, err := net.Listen("tcp", address)
			if err != nil {
				return false
			}
			l.Close()
		}
	}
	return true
}
