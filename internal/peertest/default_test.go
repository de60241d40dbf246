package peertest

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The ports of a turnout without configuration: the relay's and the admin listener's.
const (
	defaultRelay = "3478"
	defaultAdmin = "9478"
)

// TestServeWithoutConfiguration does what a newcomer does first: turnout serve,
// and nothing else. It answers on loopback, shows its metrics, and is no open relay.
func TestServeWithoutConfiguration(t *testing.T) {
	peers(t)
	if os.Getenv("TURNOUT_PEERTEST_SERVER") != "" {
		t.Skip("TURNOUT_PEERTEST_SERVER names the server to test: turnout is not started")
	}
	for _, port := range []string{defaultRelay, defaultAdmin} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil && os.Getenv("CI") == "" {
			t.Skipf("this test needs the default ports: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	admin := net.JoinHostPort("127.0.0.1", defaultAdmin)
	serve(t, admin)
	for _, host := range []string{"127.0.0.1", "::1"} {
		client := bindingClient(t, host)
		mapped, err := client.SendBindingRequest()
		if err != nil {
			t.Errorf("Binding at %s: %v", host, err)
		} else if got := mapped.(*net.UDPAddr).IP; !got.Equal(net.ParseIP(host)) {
			t.Errorf("Binding at %s: mapped address %v", host, mapped)
		}
		if relayed, err := client.Allocate(); err == nil {
			t.Errorf("an open relay: allocated %v at %s without a credential", relayed.LocalAddr(), host)
		} else if !strings.Contains(err.Error(), "401") {
			t.Errorf("Allocate at %s without a credential: %v, want error 401", host, err)
		}
	}
	if text := get(t, "http://"+admin+"/metrics"); !strings.Contains(text, "\nturnout_") {
		t.Errorf("/metrics has no metric of turnout:\n%s", text)
	}
}

// get reads a page that must be there.
func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, response.Status, err, text)
	}
	return string(text)
}
