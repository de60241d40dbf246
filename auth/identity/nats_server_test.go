package identity

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"turnout/internal/ci"
	"turnout/internal/ports"
)

// A natsServer is a real server in a process of its own, on loopback.
type natsServer struct {
	binary string
	port   string
	folder string // where JetStream keeps its files
	url    string

	command *exec.Cmd
}

// natsBinary finds the server program. Without it tests are skipped, except where
// it has to be there.
func natsBinary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("NATS_SERVER")
	if path == "" {
		path, _ = exec.LookPath("nats-server")
	}
	if path == "" {
		ci.Lacks(t, "no nats-server in PATH and no NATS_SERVER: go install github.com/nats-io/nats-server/v2@latest")
	}
	return path
}

func newServer(binary, folder, port string) (*natsServer, error) {
	s := &natsServer{binary: binary, port: port, folder: folder, url: "nats://127.0.0.1:" + port}
	return s, s.start()
}

// start runs the server and waits until JetStream answers.
func (s *natsServer) start() error {
	s.command = exec.Command(s.binary, "-js", "-sd", s.folder, "-a", "127.0.0.1", "-p", s.port)
	var log strings.Builder
	s.command.Stderr = &log
	if err := s.command.Start(); err != nil {
		return err
	}
	end := time.After(time.Minute)
	for {
		if c, err := nats.Connect(s.url); err == nil {
			js, err := c.JetStream()
			if err == nil {
				_, err = js.AccountInfo()
			}
			c.Close()
			if err == nil {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-end:
			s.stop()
			return fmt.Errorf("nats-server does not answer:\n%s", log.String())
		}
	}
}

// stop kills the server: what it has acknowledged must survive that.
func (s *natsServer) stop() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

// shared is one server for all tests that do not stop it.
var shared struct {
	sync.Mutex
	server *natsServer
	err    error
	folder string
}

func sharedServer(t testing.TB) *natsServer {
	t.Helper()
	binary := natsBinary(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		if shared.folder, shared.err = os.MkdirTemp("", "turnout-nats-"); shared.err == nil {
			// The server outlives this test and its reservation, but is never off its port.
			shared.server, shared.err = newServer(binary, filepath.Join(shared.folder, "js"), ports.One(t))
		}
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

func stopShared() {
	if shared.server != nil {
		shared.server.stop()
	}
	if shared.folder != "" {
		_ = os.RemoveAll(shared.folder)
	}
}

var buckets atomic.Int64

// natsStore opens a store with buckets of its own.
func natsStore(t testing.TB, s *natsServer, bucket string) *NATS {
	t.Helper()
	n, err := OpenNATS(within(t), NATSConfig{URL: s.url, Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func newBucket() string { return fmt.Sprintf("test%d", buckets.Add(1)) }
