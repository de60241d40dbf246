package relay

import (
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"turnout/internal/netio"
	"turnout/stun"
)

// A peer with "tcp" in its name listens, and has one connection at a time: the
// one it accepted last, or the one it opened. Clients with TCP carry frames until
// a ConnectionBind succeeds on them, and then data.

// listenTCP has a peer accept connections.
func (a *actor) listenTCP() {
	a.script.t.Helper()
	l, err := a.script.network.ListenTCP(a.addr)
	if err != nil {
		a.fatalf("%v", err)
	}
	a.listener = l
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			a.adopt(conn)
		}
	}()
}

// adopt makes conn the peer's connection.
func (a *actor) adopt(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stream != nil {
		a.former = append(a.former, a.stream)
	}
	a.stream, a.closed = conn, false
	go a.readData()
}

// readData reads from a connection that carries no frames.
func (a *actor) readData() {
	a.mu.Lock()
	conn := a.stream
	a.mu.Unlock()
	buf := make([]byte, 32<<10)
	for {
		n, err := conn.Read(buf)
		a.mu.Lock()
		if n > 0 {
			a.data = append(a.data, buf[:n]...)
		}
		for a.paused {
			a.reading.Wait()
			err = nil
		}
		if err != nil {
			a.closed = a.closed || conn == a.stream
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
	}
}

// isBound says whether a frame makes a connection carry data from there on.
func isBound(frame []byte) bool {
	m, err := stun.Parse(frame)
	return err == nil && m.Type() == stun.NewMessageType(stun.MethodConnectionBind, stun.ClassSuccess)
}

// doPeerTCP does one line of a peer with TCP: "connect to=$r", from another port
// each time with "anew", and what clients do with their connections.
func (a *actor) doPeerTCP(l line) {
	a.script.t.Helper()
	switch {
	case l.verb == "opens": // its listener, which it did when it was named
	case l.verb == "connect":
		from := a.addr
		if slices.Contains(l.words, "anew") {
			from = netip.AddrPortFrom(from.Addr(), 0)
		}
		conn, err := a.script.network.DialTCP(context.Background(), from, a.script.address(l.values["to"]))
		if err != nil {
			a.fatalf("%v", err)
		}
		a.adopt(conn)
		synctest.Wait()
	case a.stream == nil:
		a.fatalf("has no connection")
	case l.verb == "hang-up":
		a.stream.Close()
		synctest.Wait()
	case !a.doStream(l):
		a.fatalf("a peer cannot %s", l.verb)
	}
}

// doData does what both ends of a data connection can: `data "text"`, `blocked
// "text"` which nobody takes for the time being, "reset".
func (a *actor) doData(l line) bool {
	a.script.t.Helper()
	switch l.verb {
	case "data":
		a.write([]byte(l.words[0]), netip.AddrPort{})
	case "blocked":
		written := make(chan error, 1)
		go func() {
			_, err := a.stream.Write([]byte(l.words[0]))
			written <- err
		}()
		synctest.Wait()
		if len(written) > 0 {
			a.fatalf("all of it was taken, %v", <-written)
		}
	case "reset":
		if err := a.stream.(interface{ SetLinger(sec int) error }).SetLinger(0); err != nil {
			a.fatalf("%v", err)
		}
		a.stream.Close()
		synctest.Wait()
	default:
		return false
	}
	return true
}

// expectData checks what a data connection has received so far; what follows it
// is left for the next line.
func (a *actor) expectData(want string) {
	a.script.t.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !strings.HasPrefix(string(a.data), want) {
		a.fatalf("got data %.60q (%d bytes), want %.60q (%d bytes)", a.data, len(a.data), want, len(want))
	}
	a.data = a.data[len(want):]
}

// expectPeerTCP checks what became of a peer's connection: "connected from=$r",
// "unconnected", "closed", "open", "nothing", or its data, perhaps in "hex".
func (a *actor) expectPeerTCP(l line) {
	a.script.t.Helper()
	synctest.Wait()
	a.mu.Lock()
	stream := a.stream
	a.mu.Unlock()
	switch what := l.words[0]; {
	case what == "connected" && stream != nil:
		a.onlyKeys(l, "from")
		a.bindAddr("from", l, addrPort(stream.RemoteAddr()))
	case what == "unconnected" && stream == nil:
	case stream == nil:
		a.fatalf("has no connection, want %.60q", what)
	case what == "unconnected":
		a.fatalf("is connected to %v", stream.RemoteAddr())
	case what == "closed" || what == "open":
		a.expectConnection(what)
	case what == "nothing":
		a.expectNoData()
	case what == "hex":
		want, err := hex.DecodeString(strings.Join(l.words[1:], ""))
		if err != nil {
			a.fatalf("%v", err)
		}
		a.expectData(string(want))
	default:
		a.onlyKeys(l)
		a.expectData(what)
	}
}

func (a *actor) expectNoData() {
	a.script.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.data) > 0 {
		a.fatalf("got data %.60q (%d bytes), want nothing", a.data, len(a.data))
	}
}

// expectAttempt checks a ConnectionAttempt indication.
func (a *actor) expectAttempt(m stun.Message) {
	a.script.t.Helper()
	if m.Type() != connectionAttempt {
		a.fatalf("got %s, want a ConnectionAttempt indication", describe(m.Bytes()))
	}
}

// silence has addresses answer no attempt to connect, or some of them late:
// "silence 8.8.8.8:9000 peer-tcp=3s".
func (s *script) silence(l line) {
	s.t.Helper()
	fates := map[netip.AddrPort]netio.Fate{}
	for _, w := range l.words {
		fates[s.address(w)] = netio.Fate{Lost: true}
	}
	for name, v := range l.values {
		delay, err := time.ParseDuration(v)
		if err != nil {
			s.fatalf("%v", err)
		}
		fates[s.address(name)] = netio.Fate{Delay: delay}
	}
	s.network.SetDialFate(func(_, peer netip.AddrPort) netio.Fate { return fates[peer] })
}
