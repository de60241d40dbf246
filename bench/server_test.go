package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var testPlace = Place{
	Dir: "DIR", Addr: netip.MustParseAddrPort("127.65.3.1:27001"),
	Relay: []netip.Addr{netip.MustParseAddr("127.65.3.1"), netip.MustParseAddr("127.65.3.2")}, Peer: netip.MustParseAddr("127.65.3.200"),
	MinPort: 10000, MaxPort: 26383, Workers: 2, Realm: "turnout.bench", Secret: "north",
}

func unchanged(object, Place) {}

// TestConfigurations shows what servers are told, which is the same.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	golden(t, "turnout.yaml", turnoutConfiguration(testPlace, unchanged))
	golden(t, "turnserver.conf", coturnConfiguration(testPlace))
	secure := testPlace
	secure.TLS, secure.Cert, secure.Key = netip.MustParseAddrPort("127.65.3.1:27002"), "DIR/cert.pem", "DIR/key.pem"
	golden(t, "turnout-tls.yaml", turnoutConfiguration(secure, unchanged))
	golden(t, "turnserver-tls.conf", coturnConfiguration(secure))
}

func TestNewPlace(t *testing.T) {
	t.Parallel()
	for _, flows := range []int{1, 1000, 16384, 40000} {
		p, err := newPlace("DIR", flows, 1)
		if err != nil {
			t.Fatal(err)
		}
		ports := (int(p.MaxPort) - int(p.MinPort) + 1) * len(p.Relay)
		switch {
		case ports < flows:
			t.Errorf("%d flows have %d ports", flows, ports)
		case p.MinPort < firstRelayPort || p.MaxPort > lastRelayPort:
			t.Errorf("%d flows: relayed ports %d-%d, outside %d-%d", flows, p.MinPort, p.MaxPort, firstRelayPort, lastRelayPort)
		case p.Addr.Port() >= p.MinPort && p.Addr.Port() <= p.MaxPort:
			t.Errorf("%d flows: the server's port %d is a relayed one", flows, p.Addr.Port())
		case slices.Contains(p.Relay, p.Peer) || !p.Peer.IsLoopback():
			t.Errorf("%d flows: the peer %v is not apart from %v", flows, p.Peer, p.Relay)
		}
	}
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range Scenarios {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if names[s.Name] {
			t.Errorf("two scenarios %s", s.Name)
		}
		names[s.Name] = true
		if got, err := ScenarioNamed(s.Name); err != nil || got != s {
			t.Errorf("%s: got %+v, %v", s.Name, got, err)
		}
	}
	if !names[latencyScenario] {
		t.Errorf("no scenario %s, whose latencies are drawn", latencyScenario)
	}
	if _, err := ScenarioNamed("video"); err == nil || !strings.Contains(err.Error(), "one-flow-1200, ") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestScenarioCheck(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Scenario){
		"flows":              func(s *Scenario) { s.Flows = maxFlows + 1 },
		"0 flows":            func(s *Scenario) { s.Flows = 0 },
		"payload":            func(s *Scenario) { s.Payload = stampSize - 1 },
		"65504 bytes":        func(s *Scenario) { s.Payload = maxPayload + 1 },
		"window":             func(s *Scenario) { s.Window = 0 },
		"bursts":             func(s *Scenario) { s.Burst = s.Window + 1 },
		"packets a second":   func(s *Scenario) { s.Rate = maxRate + 1 },
		"workers":            func(s *Scenario) { s.Workers = 0 },
		`transport "sctp"`:   func(s *Scenario) { s.Transport = "sctp" },
		`direction "left"`:   func(s *Scenario) { s.Direction = "left" },
		`carrier "pigeon"`:   func(s *Scenario) { s.Carrier = "pigeon" },
		`purpose ""`:         func(s *Scenario) { s.Purpose = "" },
		"by echo alone":      func(s *Scenario) { s.Transport, s.Direction = TCP, Up },
		"by channels alone":  func(s *Scenario) { s.Transport, s.Carrier = TCP, Indication },
		"closed loop alone":  func(s *Scenario) { s.Transport, s.Rate = TCP, 50 },
		"-1 packets a secon": func(s *Scenario) { s.Rate = -1 },
	} {
		s := Scenarios[0]
		s.Flows = 1
		change(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestMissing names what is not installed, and how it is.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, coturn := Coturn()
	_, pion := Pion(t.Context(), "..", t.TempDir())
	for want, err := range map[string]error{"apt-get install coturn": coturn, "go mod download": pion} {
		var missing *MissingError
		if !errors.As(err, &missing) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestServerEnds says what a server printed that does not serve.
func TestServerEnds(t *testing.T) {
	t.Parallel()
	s := Server{Name: "broken", Command: broken}
	_, err := new(Runner).Run(t.Context(), s, Scenarios[0])
	if err == nil || !strings.Contains(err.Error(), "broken: it ended before it served; it printed: out of order") {
		t.Errorf("got %v", err)
	}
}

func TestCPUModel(t *testing.T) {
	t.Parallel()
	if got := cpuModel("processor\t: 0\nmodel name\t: A: B\n"); got != "A: B" {
		t.Errorf("got %q", got)
	}
	if got := fmt.Sprint(commandLine([]string{"/usr/bin/turnserver", "-c", "/tmp/x/y.conf"}, "/tmp/x")); got != "[turnserver -c DIR/y.conf]" {
		t.Errorf("got %s", got)
	}
}

func broken(ctx context.Context, _ Place) (*exec.Cmd, error) {
	return exec.CommandContext(ctx, "sh", "-c", "echo out of order >&2"), nil
}
