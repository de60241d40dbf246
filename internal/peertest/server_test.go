package peertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"turnout/internal/ports"
)

// What every server under test knows.
const (
	realm    = "turnout.test"
	user     = "alice"
	password = "wonderland"
	secret   = "north-of-the-river"
)

// configuration is that of a server that coturn's clients can use as well: they
// choose channel numbers as RFC 5766 allowed them.
const configuration = `realm: %[1]s
listen:
  - udp://127.0.0.1:%[2]d
  - tcp://127.0.0.1:%[2]d
  - udp://[::1]:%[2]d
  - tcp://[::1]:%[2]d
relay:
  addresses: [127.0.0.1, "::1"]
  ports: %[3]d-%[4]d
  channels: rfc5766
  latency-sample: 1
peers:
  allow: [127.0.0.0/8, "::1/128"]
auth:
  secrets: [{id: k1, secret: %[5]s}]
  users: {%[6]s: %[7]s}
  oauth:
    server-name: %[9]s
    keys: %[10]s
mobility: true
drain: {deadline: 1s}
nat-discovery: {alternate: "127.0.0.2:%[8]d"}
admin: {listen: "127.0.0.1:%[8]d"}
`

// relayPorts is how many relayed ports a server has: each of coturn's clients
// takes one, every second one an even one with its neighbour reserved.
const relayPorts = 256

// A server is where the clients of a test are sent.
type server struct {
	port       int    // of the listeners that know the static user, on 127.0.0.1 and ::1
	admin      string // address of the admin listener; empty for a server that was running already
	secretPort int    // of those that know the shared secret; the same with turnout
}

// address is where the static user is known.
func (s *server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// secretAddress is where the shared secret is known.
func (s *server) secretAddress() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.secretPort))
}

// start runs turnout until the test and its subtests are over; then it must end
// with status 0 when told to.
func start(t *testing.T) *server {
	t.Helper()
	if other := os.Getenv("PEERTEST_SERVER"); other != "" {
		return running(t, other)
	}
	r := ports.Reserve(t, relayPorts+2)
	text := fmt.Sprintf(configuration, realm, r.First, r.First+2, r.Last(), secret, user, password, r.First+1, oauthName, oauthKeys)
	file := filepath.Join(t.TempDir(), "turnout.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{port: r.First, secretPort: r.First, admin: fmt.Sprintf("127.0.0.1:%d", r.First+1)}
	serve(t, s.admin, "--config", file)
	return s
}

// running is the server that the environment names.
func running(t *testing.T, addresses string) *server {
	t.Helper()
	var ports [2]int
	parts := strings.Split(addresses, ",")
	if len(parts) != len(ports) {
		t.Fatalf("PEERTEST_SERVER=%s: two addresses, separated by a comma", addresses)
	}
	for i, address := range parts {
		host, port, err := net.SplitHostPort(address)
		if err == nil && host != "127.0.0.1" {
			err = errors.New("not an address of 127.0.0.1")
		}
		if err == nil {
			ports[i], err = strconv.Atoi(port)
		}
		if err != nil {
			t.Fatalf("PEERTEST_SERVER=%s: %v", addresses, err)
		}
	}
	return &server{port: ports[0], secretPort: ports[1]}
}

// A process is a running "turnout serve".
type process struct {
	*os.Process
	printed *log
	ended   chan error // one value, when it has
}

// serve runs "turnout serve" with a state folder of its own until the test is
// over, and returns what it prints once its admin listener says that it is ready.
func serve(t *testing.T, admin string, args ...string) *log {
	t.Helper()
	p := launch(t, admin, args...)
	t.Cleanup(func() { stop(t, p.Process, p.ended) })
	return p.printed
}

// launch is serve for a test that ends the process itself, and only kills it if
// that has not happened when the test is over.
func launch(t *testing.T, admin string, args ...string) *process {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return launchBy(t, admin, exec.Command(name, append([]string{"serve"}, args...)...))
}

// launchBy is launch with a command that becomes turnout.
func launchBy(t *testing.T, admin string, command *exec.Cmd) *process {
	t.Helper()
	p := begin(t, command)
	if err := ready(t, "http://"+admin+"/readyz", p.ended); err != nil {
		t.Fatal(err)
	}
	return p
}

// begin is launchBy that does not wait until turnout is ready.
func begin(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	home, printed := t.TempDir(), &log{}
	command.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home)
	command.Stdout, command.Stderr = printed, printed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{command.Process, printed, make(chan error, 1)}
	over := make(chan struct{})
	go func() {
		p.ended <- command.Wait()
		close(over)
	}()
	t.Cleanup(func() {
		select {
		case <-over:
		default:
			p.Kill()
			<-over
		}
		if t.Failed() {
			t.Logf("turnout printed:\n%s", printed)
		}
	})
	return p
}

// ready waits until the server answers 200.
func ready(t *testing.T, url string, ended chan error) error {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	var last error
	for {
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("turnout ended before it was ready: %v", err)
		case <-deadline:
			return fmt.Errorf("turnout is not ready after a minute: %w", last)
		case <-tick.C:
		}
		response, err := client.Get(url)
		if err != nil {
			last = err
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
		last = fmt.Errorf("%s: %s", url, response.Status)
	}
}

// stop tells the server to end, by its own handle, and wants status 0. It is
// killed if it does not obey.
func stop(t *testing.T, process *os.Process, ended chan error) {
	t.Helper()
	if err := process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("turnout ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("turnout goes on a minute after SIGTERM")
		process.Kill()
		<-ended
	}
}

// A log collects what a process prints; safe for concurrent use.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
