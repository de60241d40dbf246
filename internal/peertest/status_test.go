package peertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A status is what a relay's admin listener says of it, as far as tests ask.
type status struct {
	State       string
	Reasons     []string
	Allocations int
	Relayed     struct {
		ToPeers, ToClients struct{ Packets, Bytes uint64 }
	}
	Drops  map[string]uint64
	Config struct{ Hash string }
}

// A reply is an answer of the admin listener.
type reply struct {
	code int
	body string
}

// askAdmin sends a request without a body.
func askAdmin(t *testing.T, admin, method, path string) reply {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, strings.TrimSpace(string(body))}
}

// statusOf asks a relay how it stands.
func statusOf(t *testing.T, admin string) (s status) {
	t.Helper()
	r := askAdmin(t, admin, "GET", "/v1/status")
	if err := json.Unmarshal([]byte(r.body), &s); err != nil || r.code != http.StatusOK {
		t.Fatalf("/v1/status: %d %s %v", r.code, r.body, err)
	}
	return s
}

// sameDrops wants no counter of drops to have moved.
func sameDrops(t *testing.T, before, after status) {
	t.Helper()
	if len(before.Drops) == 0 {
		t.Error("the relay names no reasons for drops")
	}
	for reason, n := range after.Drops {
		if n != before.Drops[reason] {
			t.Errorf("%d drops for the reason %s", n-before.Drops[reason], reason)
		}
	}
}

// relaying wants so many packets more to be relayed to peers than there were before.
func relaying(t *testing.T, admin string, before status, packets uint64) error {
	if n := statusOf(t, admin).Relayed.ToPeers.Packets - before.Relayed.ToPeers.Packets; n < packets {
		return fmt.Errorf("%d packets are relayed, want %d", n, packets)
	}
	return nil
}
