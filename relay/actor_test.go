package relay

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"turnout/auth"
	"turnout/internal/netio"
	"turnout/stun"
)

// An actor is a client or a peer of a script. Its name says what it is: "peer…"
// is a peer, else a client; a name with "tcp" connects by TCP, one with "6" uses IPv6.
type actor struct {
	script *script
	name   string
	addr   netip.AddrPort
	packet *netio.MemoryPacketConn
	stream net.Conn

	mu     sync.Mutex
	inbox  [][]byte         // what arrived and was not expected yet
	from   []netip.AddrPort // and from where
	closed bool

	// a client's
	user, password string
	algorithm      auth.Algorithm
	realm          string
	nonce          []byte
	challenge      []byte // PASSWORD-ALGORITHMS of the last challenge
	sent           map[stun.TransactionID]string
}

// newActor opens the actor's socket; index tells actors apart by address.
func newActor(s *script, name string, index int) *actor {
	a := &actor{
		script: s, name: name, user: "alice", password: "wonderland", algorithm: auth.MD5,
		sent: map[stun.TransactionID]string{},
	}
	host, port := fmt.Sprintf("8.8.4.%d", index), "9000"
	server := serverIPv4
	if strings.Contains(name, "6") {
		host, server = fmt.Sprintf("[2600::%d]", index), "["+serverIPv6+"]"
	}
	a.addr = netip.MustParseAddrPort(host + ":" + port)
	var err error
	if strings.Contains(name, "tcp") {
		a.stream, err = s.network.DialTCP(context.Background(), a.addr, netip.MustParseAddrPort(server+":3478"))
	} else {
		a.packet, err = s.network.ListenPacket(a.addr)
	}
	if err != nil {
		s.fatalf("%s: %v", name, err)
	}
	if a.stream != nil {
		go a.readStream()
	} else {
		go a.readPackets()
	}
	return a
}

func (a *actor) isPeer() bool { return strings.HasPrefix(a.name, "peer") }

func (a *actor) server() netip.AddrPort {
	if a.addr.Addr().Is4() {
		return netip.MustParseAddrPort(serverIPv4 + ":3478")
	}
	return netip.MustParseAddrPort("[" + serverIPv6 + "]:3478")
}

func (a *actor) readPackets() {
	for {
		p, err := a.packet.ReadPacket()
		if err != nil {
			return
		}
		a.arrived(p.Payload, p.Addr)
	}
}

func (a *actor) readStream() {
	head := make([]byte, 4)
	for {
		if _, err := io.ReadFull(a.stream, head); err != nil {
			break
		}
		n, err := stun.FrameLength(head)
		if err != nil {
			break
		}
		frame := append(slices.Clone(head), make([]byte, n-len(head))...)
		if _, err := io.ReadFull(a.stream, frame[len(head):]); err != nil {
			break
		}
		a.arrived(frame, a.server())
	}
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
}

func (a *actor) arrived(b []byte, from netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inbox, a.from = append(a.inbox, b), append(a.from, from)
}

// next takes what arrived first.
func (a *actor) next() ([]byte, netip.AddrPort, bool) {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.inbox) == 0 {
		return nil, netip.AddrPort{}, false
	}
	b, from := a.inbox[0], a.from[0]
	a.inbox, a.from = a.inbox[1:], a.from[1:]
	return b, from, true
}

func (a *actor) close() {
	if a.stream != nil {
		a.stream.Close()
	} else {
		a.packet.Close()
	}
}

func (a *actor) fatalf(format string, args ...any) {
	a.script.t.Helper()
	a.script.fatalf("%s: %s", a.name, fmt.Sprintf(format, args...))
}

// write sends bytes to the server, or a peer's to an address.
func (a *actor) write(b []byte, to netip.AddrPort) {
	var err error
	if a.stream != nil {
		_, err = a.stream.Write(b)
	} else {
		_, err = a.packet.WriteToAddrPort(b, to)
	}
	if err != nil {
		a.fatalf("%v", err)
	}
	synctest.Wait()
}

// do does one line of the script.
func (a *actor) do(l line) {
	a.script.t.Helper()
	switch {
	case l.verb == "expect":
		a.expect(l)
	case a.isPeer() && l.verb == "send":
		if tos := l.values["tos"]; tos != "" {
			n, _ := strconv.ParseUint(tos, 0, 8)
			a.packet.SetTOS(uint8(n))
		}
		a.write([]byte(l.words[0]), a.script.address(l.values["to"]))
	case a.isPeer():
		a.fatalf("a peer cannot %s", l.verb)
	case l.verb == "is":
		a.become(l)
	case l.verb == "raw":
		b, err := hex.DecodeString(strings.Join(l.words, ""))
		if err != nil {
			a.fatalf("%v", err)
		}
		a.write(b, a.server())
	case l.verb == "hang-up":
		a.close()
		synctest.Wait()
	case l.verb == "channel":
		a.channel(l)
	case l.verb == "send":
		a.indication(l)
	default:
		a.request(l)
	}
}

// become sets who the client is: "is user=bob password=builder algorithm=sha256",
// or a derived credential: "is derived=bob ttl=1h".
func (a *actor) become(l line) {
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
			c, err := auth.NewIssuer(a.script.keyring).Issue(auth.Grant{Subject: v, Issued: now, Expires: now.Add(ttl)}, now)
			if err != nil {
				a.fatalf("%v", err)
			}
			a.user, a.password = c.Username, c.Password
		case "ttl":
		default:
			a.fatalf("a client is no %s", k)
		}
	}
}

func (a *actor) channel(l line) {
	n, err := strconv.ParseUint(l.words[0], 0, 16)
	if err != nil {
		a.fatalf("%v", err)
	}
	data := l.words[1]
	length := len(data)
	if v := l.values["length"]; v != "" {
		length, _ = strconv.Atoi(v)
	}
	b := make([]byte, stun.ChannelHeaderSize, stun.ChannelHeaderSize+len(data)+3)
	stun.PutChannelHeader(b, stun.ChannelNumber(n), length)
	b = append(b, data...)
	if a.stream != nil || l.values["padded"] != "" {
		b = append(b, make([]byte, -len(data)&3)...)
	}
	a.write(b, a.server())
}

func (a *actor) indication(l line) {
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodSend, stun.ClassIndication), stun.NewTransactionID())
	a.attributes(&b, l)
	for _, w := range l.words {
		b.AddString(stun.AttrData, w)
	}
	a.write(b.Bytes(), a.server())
}

var verbs = map[string]stun.Method{
	"binding": stun.MethodBinding, "allocate": stun.MethodAllocate, "refresh": stun.MethodRefresh,
	"permission": stun.MethodCreatePermission, "bind": stun.MethodChannelBind, "connect": stun.MethodConnect,
}

// request sends a request, after a challenge if the client has none yet.
func (a *actor) request(l line) {
	a.script.t.Helper()
	m, ok := verbs[l.verb]
	if !ok {
		a.fatalf("a client cannot %s", l.verb)
	}
	authenticated := m != stun.MethodBinding && l.values["auth"] != "none"
	if authenticated && a.nonce == nil {
		a.getChallenge(m)
	}
	class := stun.ClassRequest
	if l.values["class"] != "" {
		n, _ := strconv.Atoi(l.values["class"])
		class = stun.Class(n)
	}
	id := stun.NewTransactionID()
	if tid := l.values["tid"]; tid != "" {
		id = stun.TransactionID{}
		copy(id[:], "tid-"+tid)
	}
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(m, class), id)
	if m == stun.MethodAllocate && l.values["transport"] == "" {
		b.AddUint8(stun.AttrRequestedTransport, 17, 4)
	}
	a.attributes(&b, l)
	if authenticated {
		a.sign(&b, l)
	}
	for i, k := range l.keys {
		if k == "after" { // an attribute behind the integrity, which must be ignored
			a.attribute(&b, "unknown", l.all[i])
		}
	}
	switch l.values["fingerprint"] {
	case "good":
		b.AddFingerprint()
	case "bad":
		b.AddFingerprint()
		b.Bytes()[len(b.Bytes())-1] ^= 1
	}
	message := b.Bytes()
	for _, w := range l.words {
		switch w {
		case "tampered":
			message[len(message)-1] ^= 1
		case "twice":
			a.write(message, a.server())
		default:
			a.fatalf("what is %q?", w)
		}
	}
	a.write(message, a.server())
}

// getChallenge learns realm and nonce as a client does, by a request without credentials.
func (a *actor) getChallenge(m stun.Method) {
	a.script.t.Helper()
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(m, stun.ClassRequest), stun.NewTransactionID())
	a.write(b.Bytes(), a.server())
	raw, _, ok := a.next()
	if !ok {
		a.fatalf("no challenge")
	}
	msg, err := stun.Parse(raw)
	if err != nil {
		a.fatalf("challenge: %v", err)
	}
	if code, _, err := msg.ErrorCode(); err != nil || code != stun.CodeUnauthenticated {
		a.fatalf("challenge: %v", describe(raw))
	}
	a.learn(msg)
}

// learn keeps what a challenge tells.
func (a *actor) learn(m stun.Message) {
	if realm, ok := m.Attribute(stun.AttrRealm); ok {
		a.realm = string(realm)
	}
	if nonce, ok := m.Attribute(stun.AttrNonce); ok {
		a.nonce = slices.Clone(nonce)
	}
	if list, ok := m.Attribute(stun.AttrPasswordAlgorithms); ok {
		a.challenge = slices.Clone(list)
	}
}

// sign adds the credentials, but for what "omit=username,nonce" leaves out.
func (a *actor) sign(b *stun.Builder, l line) {
	omitted := strings.Split(l.values["omit"], ",")
	unless := func(name string, add func()) {
		if !slices.Contains(omitted, name) {
			add()
		}
	}
	user, password, realm, nonce := a.user, a.password, a.realm, a.nonce
	if v := l.values["user"]; v != "" {
		user = v
	}
	if v := l.values["password"]; v != "" {
		password = v
	}
	if v := l.values["realm"]; v != "" {
		realm = v
	}
	switch v := l.values["nonce"]; {
	case v == "forged":
		nonce = slices.Clone(nonce)
		nonce[len(nonce)-1] ^= 3
	case strings.HasPrefix(v, "of-"):
		nonce = a.script.actor(strings.TrimPrefix(v, "of-")).nonce
	}
	unless("username", func() {
		if l.values["userhash"] != "" {
			hash := auth.Userhash(user, realm)
			b.Add(stun.AttrUserhash, hash[:])
		} else {
			b.AddString(stun.AttrUsername, user)
		}
	})
	unless("realm", func() { b.AddString(stun.AttrRealm, realm) })
	unless("nonce", func() { b.Add(stun.AttrNonce, nonce) })
	integrity := stun.IntegritySHA1
	if a.algorithm == auth.SHA256 || l.values["algorithms"] != "" {
		integrity = stun.IntegritySHA256
		list := a.challenge
		if l.values["algorithms"] == "md5" { // bidden down by somebody between
			list = stun.AppendPasswordAlgorithms(nil, stun.PasswordMD5)
		}
		unless("algorithms", func() { b.Add(stun.AttrPasswordAlgorithms, list) })
		unless("algorithm", func() { b.AddPasswordAlgorithm(stun.PasswordAlgorithm(a.algorithm)) })
	}
	key := auth.DeriveKey(nil, a.algorithm, user, realm, password)
	unless("integrity", func() { b.AddIntegrity(key, integrity) })
}

// attributes adds those that a line names, in its order.
func (a *actor) attributes(b *stun.Builder, l line) {
	for i, k := range l.keys {
		a.attribute(b, k, l.all[i])
	}
}

func (a *actor) attribute(b *stun.Builder, key, v string) {
	a.script.t.Helper()
	number := func() uint64 {
		n, err := strconv.ParseUint(a.script.expand(v), 0, 32)
		if err != nil {
			a.fatalf("%s: %v", key, err)
		}
		return n
	}
	switch key {
	case "lifetime":
		b.AddUint32(stun.AttrLifetime, uint32(number()))
	case "transport":
		if v != "none" {
			b.AddUint8(stun.AttrRequestedTransport, uint8(number()), 4)
		}
	case "family":
		b.AddUint8(stun.AttrRequestedAddressFamily, familyNumber(v), 4)
	case "additional":
		b.AddUint8(stun.AttrAdditionalAddressFamily, familyNumber(v), 4)
	case "even-port":
		b.AddUint8(stun.AttrEvenPort, map[string]uint8{"yes": 0, "reserve": 0x80}[v], 1)
	case "token":
		token, _ := hex.DecodeString(a.script.expand(v))
		b.Add(stun.AttrReservationToken, token)
	case "dont-fragment":
		b.Add(stun.AttrDontFragment, nil)
	case "peer":
		b.AddXORAddrPort(stun.AttrXORPeerAddress, a.script.address(v))
	case "number":
		b.AddChannelNumber(stun.ChannelNumber(number()))
	case "unknown":
		b.Add(stun.AttributeType(number()), []byte("what?"))
	case "empty":
		b.Add(stun.AttributeType(number()), nil)
	case "software":
		b.AddString(stun.AttrSoftware, v)
	}
}

func familyNumber(v string) uint8 {
	switch v {
	case "4":
		return uint8(stun.FamilyIPv4)
	case "6":
		return uint8(stun.FamilyIPv6)
	}
	n, _ := strconv.ParseUint(v, 0, 8)
	return uint8(n)
}

// describe tells what a packet is, for messages of failed tests.
func describe(b []byte) string {
	if n, data, err := stun.ParseChannelData(b); err == nil {
		return fmt.Sprintf("channel %#x %q", n, data)
	}
	m, err := stun.Parse(b)
	if err != nil {
		return fmt.Sprintf("%q", b)
	}
	text := m.Type().String()
	for t, v := range m.Attributes() {
		text += fmt.Sprintf(" %v=%x", t, v)
	}
	return text
}

// be is short for reading big-endian numbers in expectations.
var be = binary.BigEndian
