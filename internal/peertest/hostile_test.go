package peertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"turnout/internal/ports"
)

// briefly configures a relay whose allocations end soon after their client has.
const briefly = `listen: [udp://127.0.0.1:%[1]d, tcp://127.0.0.1:%[1]d]
relay:
  addresses: [127.0.0.1]
  ports: %[3]d-%[4]d
  channels: rfc5766
  lifetime: {default: 5s, max: 5s}
auth: {users: {%[5]s: %[6]s}}
peers: {allow: [127.0.0.0/8]}
admin: {listen: 127.0.0.1:%[2]d}
`

// TestCoturnHostile has coturn's load client misbehave: wrong requests, a wrong
// protocol, clients that connect and go, clients that fall silent. The server
// survives, and once their allocations have run out nothing of them is left.
func TestCoturnHostile(t *testing.T) {
	peers(t)
	t.Parallel()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: its metrics are not turnout's")
	}
	uclient := tool(t, "turnutils_uclient")
	echo := startEcho(t, tool(t, "turnutils_peer"))
	r := ports.Reserve(t, relayPorts+2)
	file := filepath.Join(t.TempDir(), "turnout.yaml")
	text := fmt.Sprintf(briefly, r.First, r.First+1, r.First+2, r.Last(), user, password)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := fmt.Sprintf("127.0.0.1:%d", r.First+1)
	serve(t, admin, "--config", file)
	t.Run("modes", func(t *testing.T) {
		for name, mode := range map[string][]string{
			"negative requests": {"-N"}, "negative protocol": {"-R"}, "connect and exit": {"-O"}, "random disconnect": {"-B"},
			"negative requests, TCP": {"-t", "-N"}, "connect and exit, TCP": {"-t", "-O"}, "random disconnect, TCP": {"-t", "-B"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				// Some modes end by themselves and some never: what counts is the server.
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
				defer cancel()
				args := append(mode, "-u", user, "-w", password, "-p", strconv.Itoa(r.First), "-r", echo,
					"-m", "4", "-n", "50", "-l", strconv.Itoa(length), "-z", "5", "-e", "127.0.0.1", "127.0.0.1")
				_, _ = output(ctx, uclient, args...)
			})
		}
	})
	none := []string{
		"turnout_panics_total 0", `turnout_allocations{transport="udp"} 0`, `turnout_allocations{transport="tcp"} 0`,
		"turnout_client_connections 0", "turnout_relay_ports_in_use 0",
	}
	var left []string
	for deadline := time.Now().Add(2 * time.Minute); ; <-time.After(100 * time.Millisecond) {
		page := get(t, "http://"+admin+"/metrics")
		if !strings.Contains(page, "turnout_allocations_started_total") || strings.Contains(page, "turnout_allocations_started_total 0\n") {
			t.Fatal("no client came as far as an allocation")
		}
		left = left[:0]
		for _, want := range none {
			if !strings.Contains(page, "\n"+want+"\n") {
				left = append(left, want)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			break
		}
	}
	if len(left) > 0 {
		t.Errorf("two minutes later the metrics still lack %q", left)
	}
	// And it serves as before.
	client, _ := pionClient(t, "udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.First)), user, password)
	relayed, peer := allocate(t, client), listen(t, "127.0.0.1:0")
	send(t, relayed, "there", peer.LocalAddr())
	receive(t, peer, "there")
	send(t, peer, "and back", relayed.LocalAddr())
	receive(t, relayed, "and back")
}
