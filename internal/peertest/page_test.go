package peertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pageConfiguration is that of a relay with a service on loopback.
const pageConfiguration = `realm: %[1]s
listen: [udp://127.0.0.1:%[2]d, tcp://127.0.0.1:%[2]d]
relay: {addresses: [127.0.0.1], ports: %[5]d-%[6]d}
peers: {allow: [127.0.0.0/8]}
drain: {deadline: 1s}
admin: {listen: "127.0.0.1:%[3]d"}
api: {listen: "http://127.0.0.1:%[4]d", access-keys: [%[7]s]}
store: {path: %[8]s}
`

// TestPage opens the service's page in Chromium with a token in the address's
// fragment, and has it try the relay.
func TestPage(t *testing.T) {
	peers(t)
	node, chromium := tool(t, "node"), tool(t, "chromium")
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	dir := t.TempDir()
	r := freePorts(t, relayPorts+3)
	config := filepath.Join(dir, "turnout.yaml")
	text := fmt.Sprintf(pageConfiguration, realm, r.first, r.first+1, r.first+2, r.first+3, r.last(), accessKey, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, fmt.Sprintf("127.0.0.1:%d", r.first+1), "--config", config)
	service := fmt.Sprintf("http://127.0.0.1:%d", r.first+2)
	connection := "TURNOUT_CONNECTION_STRING=endpoint=" + service + ";accesskey=" + accessKey
	user := ask(t, connection, "user", "create")
	token := ask(t, connection, "token", "mint", "--user", user)
	got := runPage(t, node, chromium, service+"/#token="+token)
	if got.State != "The relay works." || !regexp.MustCompile(`came back in [0-9.]+ ms \(relay by \w+ to relay\)`).MatchString(got.Call) {
		t.Errorf("the page says %q and %q", got.State, got.Call)
	}
	if len(got.URLs) != 3 {
		t.Errorf("URLs: %q", got.URLs)
	}
	for _, row := range got.URLs {
		if !strings.HasSuffix(row[1], "(good)") {
			t.Errorf("%s: %s", row[0], row[1])
		}
	}
	if len(got.Origins) != 1 || got.Origins[0] != service {
		t.Errorf("the page asked %q, want its own service only", got.Origins)
	}
	// The refusal that was asked for is the only fault the browser tells of.
	if len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "401") || !strings.HasPrefix(got.Refused, "401 InvalidAccessToken") {
		t.Errorf("problems %q; without a token: %q", got.Problems, got.Refused)
	}
}

type pageOutcome struct {
	State, Call, Refused string
	URLs                 [][2]string
	Problems, Origins    []string
}

func runPage(t *testing.T, node, chromium, address string) (got pageOutcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, node, filepath.Join("browser", "service.mjs"), chromium, address)
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	// Told to end, the script takes the browser along, which it could not if killed.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	if err := command.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v in what the script printed: %s\n%s", err, &stdout, &stderr)
	}
	return got
}

// ask runs a command of turnout's against a service, and returns what it prints.
func ask(t *testing.T, connection string, args ...string) string {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(name, args...)
	command.Env = append(os.Environ(), connection)
	out, err := command.Output()
	if err != nil {
		t.Fatalf("turnout %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}
