package peertest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"turnout/internal/ports"
)

// What each run of turnutils_uclient sends. The length is no multiple of four, so
// that frames on streams and padded channels need padding.
const (
	clients  = 4
	messages = 200 // of each client
	length   = 171 // bytes of each message
)

// TestCoturnClient has coturn's load client send messages through the relay to
// its echo server (or to each other) and wants every byte back. The client's exit
// status says nothing about that.
func TestCoturnClient(t *testing.T) {
	peers(t)
	t.Parallel()
	uclient := tool(t, "turnutils_uclient")
	s := start(t)
	echo := startEcho(t, tool(t, "turnutils_peer"))
	static := []string{"-u", user, "-w", password, "-p", strconv.Itoa(s.port), "-r", echo}
	shared := []string{"-u", "bob", "-W", secret, "-p", strconv.Itoa(s.secretPort), "-r", echo}
	for name, args := range map[string][]string{
		"channels":                    {"-e", "127.0.0.1", "127.0.0.1"},
		"channels padded":             {"-D", "-e", "127.0.0.1", "127.0.0.1"},
		"send indications":            {"-s", "-e", "127.0.0.1", "127.0.0.1"},
		"DONT-FRAGMENT":               {"-g", "-s", "-e", "127.0.0.1", "127.0.0.1"},
		"repeated requests":           {"-G", "-e", "127.0.0.1", "127.0.0.1"},
		"client to client":            {"-y", "127.0.0.1"},
		"TCP, channels":               {"-t", "-e", "127.0.0.1", "127.0.0.1"},
		"TCP, send indications":       {"-t", "-s", "-e", "127.0.0.1", "127.0.0.1"},
		"TCP, client to client":       {"-t", "-y", "127.0.0.1"},
		"IPv6, channels":              {"-x", "-e", "::1", "::1"},
		"IPv6, send indications":      {"-x", "-s", "-e", "::1", "::1"},
		"IPv6, TCP":                   {"-x", "-t", "-e", "::1", "::1"},
		"TCP relayed":                 {"-T", "127.0.0.1"},
		"IPv6, TCP relayed":           {"-T", "-x", "::1"},
		"IPv6 peer of an IPv4 client": {"-x", "-e", "::1", "127.0.0.1"},
		"IPv4 peer of an IPv6 client": {"-X", "-e", "127.0.0.1", "::1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runClient(t, uclient, slices.Concat(static, args))
		})
	}
	t.Run("shared secret", func(t *testing.T) {
		t.Parallel()
		runClient(t, uclient, append(shared, "-e", "127.0.0.1", "127.0.0.1"))
	})
	t.Run("TCP relayed, peers connect", func(t *testing.T) {
		t.Parallel()
		// Of each pair one is a peer that connects to the other's relayed address. It sends as much, and what it
		// receives the tool does not count, with any server.
		args := append(static[:len(static):len(static)], "-P", "127.0.0.1")
		const n = clients * messages
		got, out := client(t, uclient, args)
		if want := (total{n, n / 2, n * length, n / 2 * length}); got != want {
			t.Errorf("turnutils_uclient %q counted %+v, want %+v:\n%s", args, got, want, out)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		args := []string{"-u", user, "-w", "looking-glass", "-p", strconv.Itoa(s.port), "-r", echo, "-e", "127.0.0.1", "127.0.0.1"}
		got, out := client(t, uclient, args)
		if got != (total{}) || !strings.Contains(out, "Cannot complete Allocation") {
			t.Errorf("%+v was relayed, want a refused allocation:\n%s", got, out)
		}
	})
}

// A total is what a run of turnutils_uclient counted.
type total struct{ sent, received, sentBytes, receivedBytes int }

// runClient wants all that was to be sent to be sent and to come back.
func runClient(t *testing.T, uclient string, args []string) {
	t.Helper()
	const n = clients * messages
	got, out := client(t, uclient, args)
	if want := (total{n, n, n * length, n * length}); got != want {
		t.Errorf("turnutils_uclient %q counted %+v, want %+v:\n%s", args, got, want, out)
	}
}

var (
	countedMessages = regexp.MustCompile(`start_mclient: tot_send_msgs=(\d+), tot_recv_msgs=(\d+)\n`)
	countedBytes    = regexp.MustCompile(`start_mclient: tot_send_bytes ~ (\d+), tot_recv_bytes ~ (\d+)\n`)
)

// client runs turnutils_uclient and returns its last count, zero if it made none,
// and all that it printed.
func client(t *testing.T, uclient string, args []string) (c total, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args = append([]string{"-m", fmt.Sprint(clients), "-n", fmt.Sprint(messages), "-l", fmt.Sprint(length), "-z", "5"}, args...)
	out, err := output(ctx, uclient, args...)
	if ctx.Err() != nil {
		t.Fatalf("turnutils_uclient %q does not end: %v\n%s", args, err, out)
	}
	for _, m := range countedMessages.FindAllStringSubmatch(out, -1) {
		c.sent, c.received = number(t, m[1]), number(t, m[2])
	}
	for _, m := range countedBytes.FindAllStringSubmatch(out, -1) {
		c.sentBytes, c.receivedBytes = number(t, m[1]), number(t, m[2])
	}
	return c, out
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// startEcho runs coturn's echo server on both loopback addresses until the test
// is over, and returns its port. The one above it echoes as well.
func startEcho(t *testing.T, peer string) string {
	t.Helper()
	port := strconv.Itoa(ports.Reserve(t, 2).First)
	for _, host := range []string{"127.0.0.1", "::1"} {
		command := exec.Command(peer, "-L", host, "-p", port)
		printed := &log{}
		command.Stdout, command.Stderr = printed, printed
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			command.Process.Kill()
			command.Wait() // killed, so its status is of no interest
		})
		if err := echoes(net.JoinHostPort(host, port)); err != nil {
			t.Fatalf("turnutils_peer: %v\n%s", err, printed)
		}
	}
	return port
}

// echoes waits until a datagram comes back.
func echoes(address string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range 200 {
		if _, err = conn.Write([]byte("echo?")); err == nil {
			conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err = conn.Read(make([]byte, 16)); err == nil {
				return nil
			}
		}
		// Until the server listens, the system refuses at once: wait as long as a read does.
		<-time.After(20 * time.Millisecond)
	}
	return fmt.Errorf("nothing echoes at %s: %w", address, err)
}

// reflexive is the line in which turnutils_stunclient tells the mapped address.
var reflexive = regexp.MustCompile(`UDP reflexive addr: (\S+):(\d+)\n`)

// TestCoturnStunClient asks for the mapped address over both families.
func TestCoturnStunClient(t *testing.T) {
	peers(t)
	t.Parallel()
	stunclient := tool(t, "turnutils_stunclient")
	s := start(t)
	for _, host := range []string{"127.0.0.1", "::1"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, err := output(ctx, stunclient, "-p", strconv.Itoa(s.port), host)
		m := reflexive.FindStringSubmatch(out)
		if m == nil || m[1] != host || number(t, m[2]) == 0 {
			t.Errorf("turnutils_stunclient %s: want the mapped address %s and a port (%v):\n%s", host, host, err, out)
		}
	}
}
