package netio

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"turnout/internal/ci"
)

// A wait that takes so long has failed, however slow the machine.
const linuxPatience = 10 * time.Second

var (
	linuxLoopback4 = netip.MustParseAddr("127.0.0.1")
	linuxLoopback6 = netip.IPv6Loopback()
)

// forBothFamilies runs a test on each loopback address, in parallel.
func forBothFamilies(t *testing.T, f func(t *testing.T, loopback netip.Addr)) {
	for _, loopback := range []netip.Addr{linuxLoopback4, linuxLoopback6} {
		t.Run(loopback.String(), func(t *testing.T) {
			t.Parallel()
			f(t, loopback)
		})
	}
}

// linuxPoller is a poller with every shortcut this kernel has, or with TESTNETWORK=plain with none, so that the suite runs
// both ways.
func linuxPoller(t testing.TB) *poller {
	t.Helper()
	if os.Getenv("TESTNETWORK") == "plain" {
		return linuxPollerOf(t, withoutShortcuts)
	}
	return linuxPollerOf(t, PollerConfig{})
}

var withoutShortcuts = PollerConfig{GSO: SwitchOff, GRO: SwitchOff}

func linuxPollerOf(t testing.TB, c PollerConfig) *poller {
	t.Helper()
	p, err := newPoller(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func linuxRelay(t testing.TB, ip netip.Addr) *socket {
	t.Helper()
	s, err := System().OpenUDP(netip.AddrPortFrom(ip, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*socket)
}

func linuxGroup(t testing.TB, ip netip.Addr, n int) []Socket {
	t.Helper()
	sockets, err := System().ListenUDP(netip.AddrPortFrom(ip, 0), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range sockets {
			s.Close()
		}
	})
	return sockets
}

// receiveAll reads n datagrams from s, which must be all there are.
func receiveAll(t testing.TB, s Socket, n int) []Packet {
	t.Helper()
	p := linuxPoller(t)
	if err := p.Add(s, 1); err != nil {
		t.Fatal(err)
	}
	defer p.Remove(s)
	var all []Packet
	timeout := linuxPatience
	for {
		events, err := p.Wait(timeout)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 && len(all) < n {
			t.Fatalf("received %d datagrams, want %d", len(all), n)
		}
		if len(events) == 0 {
			return all
		}
		packets, err := p.Recv(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, packet := range packets {
			packet.Payload = append([]byte{}, packet.Payload...)
			all = append(all, packet)
		}
		p.EndRound()
		if len(all) > n {
			t.Fatalf("received %d datagrams, want %d", len(all), n)
		}
		if len(all) == n {
			timeout = 0
		}
	}
}

// sendOne sends a datagram that must not fail.
func sendOne(t testing.TB, p *poller, from, to Socket, payload string) {
	t.Helper()
	if f := p.Send([]Out{{Socket: from, Dst: to.Local(), Payload: []byte(payload)}}); len(f) != 0 {
		t.Fatalf("send: %v", f[0].Err)
	}
}

func payloads(packets []Packet) []string {
	var all []string
	for _, p := range packets {
		all = append(all, string(p.Payload))
	}
	return all
}

// childOf is the environment variable by which a test knows that it runs in a child process, for the test it names.
const childOf = "TURNOUT_TEST_CHILD_OF"

// rerun runs the test again in a child process and returns what it printed.
func rerun(t *testing.T, attributes *syscall.SysProcAttr, env ...string) (string, error) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.timeout=60s")
	c.Env = append(append(os.Environ(), childOf+"="+t.Name(), "GORACE=atexit_sleep_ms=0"), env...)
	c.SysProcAttr = attributes
	out, err := c.CombinedOutput()
	return string(out), err
}

func isChild(t *testing.T) bool { return os.Getenv(childOf) == t.Name() }

// inNamespace runs the test in a network namespace of its own, where it may do as it likes: in a child process, for which
// inNamespace returns true.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if isChild(t) {
		setLoopback(t, 1500)
		return true
	}
	t.Parallel()
	attributes := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		attributes.Cloneflags |= unix.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out, err := rerun(t, attributes)
	switch {
	case out == "" && err != nil:
		ci.Lacks(t, "this system lets the tests make no network namespace: %v", err)
	case err != nil || !strings.Contains(out, "--- PASS: "+t.Name()) && !strings.Contains(out, "--- SKIP: "+t.Name()):
		t.Errorf("in a network namespace: %v\n%s", err, out)
	case strings.Contains(out, "--- SKIP: "+t.Name()):
		t.Skip(out)
	}
	return false
}

// setLoopback sets the MTU of the namespace's loopback interface and takes it up.
func setLoopback(t *testing.T, mtu uint32) {
	t.Helper()
	setInterface(t, "lo", unix.SIOCSIFMTU, func(r *unix.Ifreq) { r.SetUint32(mtu) })
	setInterface(t, "lo", unix.SIOCSIFFLAGS, func(r *unix.Ifreq) { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING) })
}

func setInterface(t *testing.T, name string, request uint, fill func(*unix.Ifreq)) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	fill(r)
	if err := unix.IoctlIfreq(fd, request, r); err != nil {
		t.Fatal(fmt.Errorf("ioctl %#x on %s: %w", request, name, err))
	}
}
