package peertest

import (
	"regexp"
	"strconv"
	"testing"
)

// TestCoturnMobility has coturn's client take its allocations along to other
// sockets (RFC 8016) while it sends, over each transport, and wants every byte back.
func TestCoturnMobility(t *testing.T) {
	peers(t)
	t.Parallel()
	uclient := tool(t, "turnutils_uclient")
	s := start(t)
	echo := startEcho(t, tool(t, "turnutils_peer"))
	static := []string{"-M", "-u", user, "-w", password, "-p", strconv.Itoa(s.port), "-r", echo}
	t.Run("clients", func(t *testing.T) {
		for name, args := range map[string][]string{
			"channels":         {"-e", "127.0.0.1", "127.0.0.1"},
			"send indications": {"-s", "-e", "127.0.0.1", "127.0.0.1"},
			"TCP":              {"-t", "-e", "127.0.0.1", "127.0.0.1"},
			"TCP, indications": {"-t", "-s", "-e", "127.0.0.1", "127.0.0.1"},
			"IPv6":             {"-x", "-e", "::1", "::1"},
			"repeated":         {"-G", "-e", "127.0.0.1", "127.0.0.1"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				runClient(t, uclient, append(static[:len(static):len(static)], args...))
			})
		}
	})
	if s.admin != "" { // else its metrics are not turnout's
		wantMoves(t, s.admin)
	}
}

// wantMoves looks whether allocations have moved.
func wantMoves(t *testing.T, admin string) {
	t.Helper()
	text := get(t, "http://"+admin+"/metrics")
	moves, handOvers := metric(t, text, "allocation_moves_total"), metric(t, text, "allocation_hand_overs_total")
	t.Logf("%d moves, %d between workers", moves, handOvers)
	if moves == 0 {
		t.Error("nothing has moved")
	}
}

// metric reads a metric without labels.
func metric(t *testing.T, text, name string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^turnout_` + name + ` (\d+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no metric %s:\n%s", name, text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
