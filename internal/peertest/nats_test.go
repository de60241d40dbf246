package peertest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"turnout/internal/ports"
)

// A natsServer is a NATS server with JetStream in a process of its own, on loopback.
type natsServer struct {
	t       *testing.T
	program string
	port    int
	process *exec.Cmd // nil while it is down
}

// startNATS runs a server whose files are in folder, until the test is over.
func startNATS(t *testing.T, folder string) *natsServer {
	t.Helper()
	program := os.Getenv("NATS_SERVER")
	if program == "" {
		program = tool(t, "nats-server")
	}
	n := &natsServer{t: t, program: program, port: ports.Reserve(t, 1).First}
	t.Cleanup(n.kill)
	n.start(folder)
	return n
}

// start runs the server and waits until it listens: what is asked of JetStream before that is ready waits by itself.
func (n *natsServer) start(folder string) {
	n.t.Helper()
	n.process = exec.Command(n.program, "-js", "-sd", folder, "-a", "127.0.0.1", "-p", fmt.Sprint(n.port))
	if err := n.process.Start(); err != nil {
		n.t.Fatal(err)
	}
	eventually(n.t, "nats-server listens", func() error {
		conn, err := net.Dial("tcp", n.address())
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// kill ends the server as a loss of power would.
func (n *natsServer) kill() {
	if n.process == nil {
		return
	}
	_ = n.process.Process.Kill()
	_ = n.process.Wait() // killed, so its status is of no interest
	n.process = nil
}

func (n *natsServer) address() string { return fmt.Sprintf("127.0.0.1:%d", n.port) }

// A link is a connection to a server that the test can cut.
type link struct {
	address, server string

	mu       sync.Mutex
	listener net.Listener // nil while it is cut; guarded by mu
	open     []net.Conn   // guarded by mu

	flow sync.RWMutex // held while it is stalled
}

// newLink passes connections at an address of its own on to a server.
func newLink(t *testing.T, server string) *link {
	t.Helper()
	l := &link{address: fmt.Sprintf("127.0.0.1:%d", ports.Reserve(t, 1).First), server: server}
	l.mend(t)
	t.Cleanup(l.cut)
	return l
}

// mend takes connections, as it does from the beginning.
func (l *link) mend(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.listener = listener
	l.mu.Unlock()
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go l.pass(from)
		}
	}()
}

// pass copies both ways until either end is gone.
func (l *link) pass(from net.Conn) {
	to, err := net.Dial("tcp", l.server)
	if err != nil {
		from.Close()
		return
	}
	l.mu.Lock()
	cut := l.listener == nil
	l.open = append(l.open, from, to)
	l.mu.Unlock()
	if cut {
		from.Close()
		to.Close()
	}
	go l.copy(to, from)
	l.copy(from, to)
}

// copy passes on what arrives, unless the link is stalled.
func (l *link) copy(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		l.flow.RLock()
		if n > 0 && err == nil {
			_, err = to.Write(b[:n])
		}
		l.flow.RUnlock()
		if err != nil {
			return
		}
	}
}

// stall passes nothing on until resume, and closes nothing: neither end is told.
func (l *link) stall()  { l.flow.Lock() }
func (l *link) resume() { l.flow.Unlock() }

// cut ends every connection and refuses new ones.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		l.listener.Close()
		l.listener = nil
	}
	for _, c := range l.open {
		c.Close()
	}
	l.open = nil
}

// eventually asks again and again, for a minute at most, and returns how long it took.
func eventually(t *testing.T, what string, ask func() error) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%s: not within a minute: %v", what, err)
		}
		<-tick.C
	}
}
