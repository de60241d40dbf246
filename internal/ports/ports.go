// Package ports gives tests ports of loopback that they open later, or that a program which they start opens.
//
// A port that the system has just given and that is closed again is no such port: until it is opened, whoever connects or
// listens without naming a port may get it, in this program or in another, such as the tests of another package. The ports
// given here are below the range that the system takes those from, and each is given to one test of the machine at a time.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// A Range is a number of consecutive ports.
type Range struct{ First, Count int }

// Last is the highest port of the range.
func (r Range) Last() int { return r.First + r.Count - 1 }

// Ports are given in blocks of so many, from the lowest on.
const (
	lowest = 10000
	block  = 16
)

// Reserve finds n consecutive ports that nothing at 127.0.0.1 and ::1 uses, for UDP and TCP, and keeps them from other
// callers of Reserve until the test has ended and what it registered with Cleanup afterwards is done. On Linux that holds
// between processes, too; elsewhere it is unlikely that two get the same.
func Reserve(t testing.TB, n int) Range {
	t.Helper()
	blocks := (n + block - 1) / block
	choice := (ephemeral(t)-lowest)/block - blocks + 1
	if n < 1 || choice < 1 {
		t.Fatalf("%d ports in a row do not fit between %d and the ports that the system gives by itself", n, lowest)
	}
	for range 1000 {
		first := rand.IntN(choice)
		release, err := take(first, blocks)
		if err != nil {
			t.Fatal(err)
		}
		if release == nil {
			continue
		}
		// A range ends where a block does not: so ports of one block differ from test to test.
		r := Range{lowest + first*block + rand.IntN(blocks*block-n+1), n}
		if free(r) {
			t.Cleanup(release)
			return r
		}
		release()
	}
	t.Fatalf("no %d free ports in a row from %d on", n, lowest)
	return Range{}
}

// One reserves a single port, as text.
func One(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(Reserve(t, 1).First)
}

// take marks blocks as given. Somebody else has one of them if there is no release.
//
// The mark is a socket with an abstract name: no other process can make one of the same name while it is open, and it goes
// when its process does, however that ends.
func take(first, blocks int) (release func(), err error) {
	if runtime.GOOS != "linux" {
		return func() {}, nil
	}
	var marks []net.Listener
	release = func() {
		for _, m := range marks {
			m.Close()
		}
	}
	for i := range blocks {
		m, err := net.Listen("unix", fmt.Sprintf("@turnout tests: ports from %d on", lowest+(first+i)*block))
		if err != nil {
			release()
			if errors.Is(err, syscall.EADDRINUSE) {
				return nil, nil
			}
			return nil, err
		}
		marks = append(marks, m)
	}
	return release, nil
}

// ephemeral is the lowest port that the system hands out by itself.
func ephemeral(t testing.TB) int {
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
func free(r Range) bool {
	for port := r.First; port <= r.Last(); port++ {
		for _, host := range []string{"127.0.0.1", "::1"} {
			address := net.JoinHostPort(host, strconv.Itoa(port))
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
