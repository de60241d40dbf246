package relay

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/stun"
)

// An actor is a client or a peer of a script. Its name says what it is: "peer…"
// is a peer, else a client; a name with "tcp", "tls" or "dtls" connects by that, one with
// "6" uses IPv6.
type actor struct {
	script   *script
	name     string
	addr     netip.AddrPort
	packet   *netio.MemoryPacketConn
	stream   net.Conn
	listener net.Listener // a peer's with TCP
	former   []net.Conn   // likewise, guarded by mu: connections before the last

	mu      sync.Mutex
	inbox   []arrival // what was not expected yet
	closed  bool
	paused  bool
	data    []byte    // of a data connection, not expected yet
	reading sync.Cond // on mu: paused has changed

	held    []byte // a stream's, to be written by "release"
	holding bool

	// a client's
	user, password string
	algorithm      auth.Algorithm
	realm          string
	nonce          []byte
	challenge      []byte // PASSWORD-ALGORITHMS of the last challenge
	token, macKey  []byte // of an access token, in place of a password
}

// An arrival is what an actor received.
type arrival struct {
	bytes []byte
	from  netip.AddrPort
	tos   uint8
}

// newActor opens the actor's socket; index tells actors apart by address.
func newActor(s *script, name string, index int) *actor {
	s.t.Helper()
	a := &actor{script: s, name: name, user: "alice", password: "wonderland", algorithm: auth.MD5}
	a.reading.L = &a.mu
	host := fmt.Sprintf("8.8.4.%d", index)
	if strings.Contains(name, "6") {
		host = fmt.Sprintf("[2600::%d]", index)
	}
	a.addr = netip.MustParseAddrPort(host + ":9000")
	if at, ok := s.places[name]; ok {
		a.addr = at
	}
	if a.isPeer() && strings.Contains(name, "tcp") {
		a.listenTCP()
		return a
	}
	var err error
	switch a.transport() {
	case allocation.UDP:
		a.packet, err = s.network.ListenPacket(a.addr)
	case allocation.TCP:
		a.stream, err = s.network.DialTCP(context.Background(), a.addr, a.server())
	default:
		a.stream, err = a.dialSecurely()
	}
	if err != nil {
		s.fatalf("%s: %v", name, err)
	}
	switch {
	case a.packet != nil:
		go a.readPackets()
	case a.records():
		go a.readRecords()
	default:
		go a.readStream()
	}
	return a
}

func (a *actor) isPeer() bool { return strings.HasPrefix(a.name, "peer") }

func (a *actor) transport() allocation.Transport {
	for _, t := range []allocation.Transport{allocation.DTLS, allocation.TLS, allocation.TCP} {
		if strings.Contains(a.name, t.String()) {
			return t
		}
	}
	return allocation.UDP
}

// records says that the actor's messages are records, as DTLS has them.
func (a *actor) records() bool { return a.transport() == allocation.DTLS }

func (a *actor) server() netip.AddrPort {
	port := uint16(3478)
	if t := a.transport(); t == allocation.TLS || t == allocation.DTLS {
		port = 5349
	}
	if a.addr.Addr().Is4() {
		return netip.AddrPortFrom(netip.MustParseAddr(serverIPv4), port)
	}
	return netip.AddrPortFrom(netip.MustParseAddr(serverIPv6), port)
}

// tuple is what the server knows the client by.
func (a *actor) tuple() allocation.FiveTuple {
	return allocation.FiveTuple{Client: a.addr, Server: a.server(), Transport: a.transport()}
}

func (a *actor) readPackets() {
	for {
		p, err := a.packet.ReadPacket()
		if err != nil {
			return
		}
		a.arrived(arrival{p.Payload, p.Addr, p.TOS})
	}
}

func (a *actor) readStream() {
	head := make([]byte, 4)
	for {
		if a.readFull(head) != nil {
			break
		}
		n, err := stun.FrameLength(head)
		if err != nil {
			break
		}
		frame := append(slices.Clone(head), make([]byte, n-len(head))...)
		if a.readFull(frame[len(head):]) != nil {
			break
		}
		a.arrived(arrival{bytes: frame, from: a.server()})
		if isBound(frame) {
			a.readData()
			return
		}
	}
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
}

// readFull fills b from the stream; "pause" interrupts it, "resume" has it go on.
func (a *actor) readFull(b []byte) error {
	for {
		n, err := io.ReadFull(a.stream, b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		b = b[n:]
		a.mu.Lock()
		for a.paused {
			a.reading.Wait()
		}
		a.mu.Unlock()
	}
}

// pause has the actor read no more from its stream, until it does again.
func (a *actor) pause(paused bool) {
	deadline := time.Time{}
	if paused {
		deadline = time.Now()
	}
	a.mu.Lock()
	a.paused = paused
	_ = a.stream.SetReadDeadline(deadline)
	a.reading.Broadcast()
	a.mu.Unlock()
	synctest.Wait()
}

func (a *actor) arrived(p arrival) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inbox = append(a.inbox, p)
}

// next takes what arrived first.
func (a *actor) next() (arrival, bool) {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.inbox) == 0 {
		return arrival{}, false
	}
	p := a.inbox[0]
	a.inbox = a.inbox[1:]
	return p, true
}

func (a *actor) close() {
	if a.listener != nil {
		a.listener.Close()
	}
	for _, conn := range a.former {
		conn.Close()
	}
	if a.stream != nil {
		a.stream.Close()
		a.pause(false) // ends the reader
	} else if a.packet != nil {
		a.packet.Close()
	}
}

func (a *actor) fatalf(format string, args ...any) {
	a.script.t.Helper()
	a.script.fatalf("%s: %s", a.name, fmt.Sprintf(format, args...))
}

// write sends bytes to the server, or a peer's to an address.
func (a *actor) write(b []byte, to netip.AddrPort) {
	a.script.t.Helper()
	var err error
	switch {
	case a.holding:
		a.held = append(a.held, b...)
	case a.stream != nil:
		_, err = a.stream.Write(b)
	default:
		_, err = a.packet.WriteToAddrPort(b, to)
	}
	if err != nil {
		a.fatalf("%v", err)
	}
	synctest.Wait()
}

// release writes what was held: at once, or "by=7" bytes at a time.
func (a *actor) release(l line) {
	a.script.t.Helper()
	step := len(a.held)
	if by, err := strconv.Atoi(l.values["by"]); err == nil {
		step = by
	}
	a.holding = false
	for piece := range slices.Chunk(a.held, step) {
		a.write(piece, a.server())
	}
	a.held = nil
}

// do does one line of the script.
func (a *actor) do(l line) {
	a.script.t.Helper()
	if a.packet != nil && l.verb != "expect" {
		tos, _ := strconv.ParseUint(l.values["tos"], 0, 8)
		a.packet.SetTOS(uint8(tos))
	}
	switch {
	case l.verb == "expect":
		a.expect(l)
	case a.listener != nil:
		a.doPeerTCP(l)
	case a.isPeer() && l.verb == "send":
		a.write([]byte(l.words[0]), a.script.address(l.values["to"]))
	case l.verb == "opens": // its socket, which it did when it was named
	case a.isPeer():
		a.fatalf("a peer cannot %s", l.verb)
	case l.verb == "is":
		a.become(l)
	case l.verb == "holds-token-of":
		other := a.script.actor(l.words[0])
		a.user, a.token, a.macKey = other.user, other.token, other.macKey
	case l.verb == "raw":
		b, err := hex.DecodeString(strings.Join(l.words, ""))
		if err != nil {
			a.fatalf("%v", err)
		}
		a.write(b, a.server())
	case l.verb == "channel":
		a.channel(l)
	case l.verb == "send":
		a.indication(l)
	case l.verb == "hang-up":
		a.close()
		synctest.Wait()
	case a.stream != nil && a.doStream(l):
	default:
		a.request(l)
	}
}

// doStream does what only clients with a connection can.
func (a *actor) doStream(l line) bool {
	a.script.t.Helper()
	switch l.verb {
	case "hold":
		a.holding = true
	case "release":
		a.release(l)
	case "pause", "resume":
		a.pause(l.verb == "pause")
	case "half-close":
		if err := a.stream.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			a.fatalf("%v", err)
		}
		synctest.Wait()
	default:
		return a.doData(l)
	}
	return true
}

// become sets who the client is: "is user=bob password=builder algorithm=sha256",
// or a derived credential: "is derived=bob ttl=1h"; or another client's, with what
// it has learned: "is same-as=client2".
func (a *actor) become(l line) {
	a.script.t.Helper()
	for k, v := range l.values {
		switch k {
		case "user":
			a.user = v
		case "password":
			a.password = v
		case "algorithm":
			a.algorithm = map[string]auth.Algorithm{"md5": auth.MD5, "sha256": auth.SHA256}[v]
		case "derived":
			ttl, err := time.ParseDuration(l.values["ttl"])
			if err != nil {
				a.fatalf("%v", err)
			}
			now := time.Now()
			bandwidth, err := strconv.ParseInt(cmp.Or(l.values["bandwidth"], "0"), 10, 64)
			if err != nil {
				a.fatalf("%v", err)
			}
			c, err := auth.NewIssuer(a.script.keyring).Issue(auth.Grant{Subject: v, Class: l.values["class"], Bandwidth: bandwidth, Issued: now, Expires: now.Add(ttl)}, now)
			if err != nil {
				a.fatalf("%v", err)
			}
			a.user, a.password = c.Username, c.Password
		case "same-as":
			b := a.script.actor(v)
			a.user, a.password, a.algorithm = b.user, b.password, b.algorithm
			a.realm, a.nonce, a.challenge = b.realm, b.nonce, b.challenge
		case "token":
			a.becomeHolder(v, l)
		case "ttl", "class", "bandwidth", "skew", "server", "mac-key":
		default:
			a.fatalf("a client is no %s", k)
		}
	}
}

// becomeHolder gives the client an access token: "is token=north ttl=1h", perhaps
// made by a clock that goes wrong (skew=-10s), for another server (server=…) or
// with a longer mac-key=32.
func (a *actor) becomeHolder(kid string, l line) {
	a.script.t.Helper()
	duration := func(key string) time.Duration {
		if l.values[key] == "" {
			return 0
		}
		d, err := time.ParseDuration(l.values[key])
		if err != nil {
			a.fatalf("%v", err)
		}
		return d
	}
	server, size := scriptServer, 20
	if v := l.values["server"]; v != "" {
		server = v
	}
	if v := l.values["mac-key"]; v != "" {
		size, _ = strconv.Atoi(v)
	}
	issued, err := authorizationServer(a.script.t, server).Issue(kid, size, duration("ttl"), time.Now().Add(duration("skew")))
	if err != nil {
		a.fatalf("%v", err)
	}
	a.user, a.token, a.macKey = kid, issued.Token, issued.MACKey
}

// describe tells what a packet is, for messages of failed tests.
func describe(b []byte) string {
	if n, data, err := stun.ParseChannelData(b); err == nil {
		return fmt.Sprintf("channel %#x %.60q", n, data)
	}
	m, err := stun.Parse(b)
	if err != nil {
		return fmt.Sprintf("%.60q", b)
	}
	text := m.Type().String()
	for t, v := range m.Attributes() {
		text += fmt.Sprintf(" %v=%.60x", t, v)
	}
	return text
}
