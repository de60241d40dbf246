package relay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/internal/netio"
	"turnout/stun"
)

// A restlessClient does what clients do in no order, and bears every answer and none.
type restlessClient struct {
	ground battleground
	random *rand.Rand
	user   string
	key    []byte
	conn   net.Conn
	udp    bool
	nonce  []byte
	ticket []byte
	buf    []byte

	answered, refused int
}

// newRestlessClient is alice, whose password is in the configuration, or somebody with a credential.
func newRestlessClient(ground battleground, i int) *restlessClient {
	c := &restlessClient{ground: ground, random: rand.New(rand.NewPCG(1, uint64(i))), user: "alice", key: benchKey, buf: make([]byte, 66000)}
	if i%3 > 0 {
		issuer := auth.NewIssuer(unrestKeyring())
		now := time.Now()
		made, err := issuer.Issue(auth.Grant{Subject: fmt.Sprint("user", i%5), Issued: now.Add(-time.Minute), Expires: now.Add(time.Hour)}, now)
		if err != nil {
			panic(err)
		}
		c.user, c.key = made.Username, auth.DeriveKey(nil, auth.MD5, made.Username, "bench", made.Password)
	}
	return c
}

// run lives through some steps and goes away without a word.
func (c *restlessClient) run(ctx context.Context, steps int) {
	defer c.hangUp()
	for range steps {
		if ctx.Err() != nil {
			return
		}
		c.step()
		c.ground.rest(c.random)
	}
}

func (c *restlessClient) step() {
	if c.conn == nil && !c.connect() {
		return
	}
	switch c.random.IntN(10) {
	case 0, 1, 2:
		c.allocate()
	case 3:
		c.ask(stun.MethodRefresh, func(b *stun.Builder) {})
	case 4:
		c.ask(stun.MethodChannelBind, func(b *stun.Builder) {
			b.AddChannelNumber(0x4000)
			b.AddXORAddrPort(stun.AttrXORPeerAddress, c.ground.peer())
		})
	case 5, 6:
		for range 8 {
			_, _ = c.conn.Write(channelData(0x4000, 160))
		}
	case 7:
		c.move()
	case 8:
		c.ask(stun.MethodRefresh, func(b *stun.Builder) { b.AddUint32(stun.AttrLifetime, 0) })
	case 9:
		c.hangUp()
	}
}

func (c *restlessClient) connect() bool {
	c.udp = c.random.IntN(2) == 0
	conn, err := c.ground.dial(c.udp, c.random.IntN(2))
	if err != nil {
		return false // that listener is out just now
	}
	c.conn, c.nonce = conn, nil
	return true
}

func (c *restlessClient) hangUp() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.conn, c.nonce = nil, nil
}

func (c *restlessClient) allocate() {
	transport := uint8(17)
	if !c.udp && c.random.IntN(4) == 0 {
		transport = 6
	}
	answer, ok := c.ask(stun.MethodAllocate, func(b *stun.Builder) {
		b.AddUint8(stun.AttrRequestedTransport, transport, 4)
		switch {
		case transport == 6:
		case c.random.IntN(2) == 0:
			b.Add(stun.AttrMobilityTicket, nil)
		case c.random.IntN(3) == 0:
			b.AddUint8(stun.AttrEvenPort, 0x80, 1)
		}
	})
	if ticket, has := answer.Attribute(stun.AttrMobilityTicket); ok && has {
		c.ticket = slices.Clone(ticket)
	}
	if ok && transport == 6 { // to one that accepts, and to one that does not
		c.ask(stun.MethodCreatePermission, func(b *stun.Builder) { b.AddXORAddrPort(stun.AttrXORPeerAddress, c.ground.peer()) })
		c.ask(stun.MethodConnect, func(b *stun.Builder) { b.AddXORAddrPort(stun.AttrXORPeerAddress, c.ground.peer()) })
	}
}

// move takes the allocation to another connection, of whichever kind.
func (c *restlessClient) move() {
	if c.ticket == nil {
		return
	}
	if c.random.IntN(2) == 0 {
		c.hangUp()
	} else {
		old := c.conn
		defer old.Close()
		c.conn = nil
	}
	if !c.connect() {
		return
	}
	answer, _ := c.ask(stun.MethodRefresh, func(b *stun.Builder) { b.Add(stun.AttrMobilityTicket, c.ticket) })
	if next, ok := answer.Attribute(stun.AttrMobilityTicket); ok {
		c.ticket = slices.Clone(next)
	} else {
		c.ticket = nil
	}
}

// ask asks once, with a nonce, and says whether that was granted.
func (c *restlessClient) ask(m stun.Method, add func(*stun.Builder)) (answer stun.Message, ok bool) {
	for range 2 {
		if c.conn == nil {
			return stun.Message{}, false
		}
		request := message(m, func(b *stun.Builder) {
			add(b)
			if c.nonce != nil {
				b.AddString(stun.AttrUsername, c.user)
				b.AddString(stun.AttrRealm, "bench")
				b.Add(stun.AttrNonce, c.nonce)
				b.AddIntegrity(c.key, stun.IntegritySHA1)
			}
		})
		if answer, ok = c.exchange(request); !ok {
			c.refused++
			return answer, false
		}
		c.answered++
		nonce, challenged := answer.Attribute(stun.AttrNonce)
		if !challenged {
			return answer, answer.Class() == stun.ClassSuccess
		}
		c.nonce = slices.Clone(nonce)
	}
	return answer, false
}

// exchange sends a request and looks for its answer among what comes.
func (c *restlessClient) exchange(request []byte) (stun.Message, bool) {
	asked, _ := stun.Parse(request)
	if _, err := c.conn.Write(request); err != nil {
		c.hangUp()
		return stun.Message{}, false
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(c.ground.patience()))
	for {
		b, err := c.read()
		if err != nil {
			c.hangUp()
			return stun.Message{}, false
		}
		if m, err := stun.Parse(b); err == nil && m.TransactionID() == asked.TransactionID() {
			m, _ = stun.Parse(slices.Clone(b))
			return m, true
		}
	}
}

func (c *restlessClient) read() ([]byte, error) {
	plain := realClient{conn: c.conn, udp: c.udp, buf: c.buf}
	return plain.read()
}

// A battleground is the network that all of it happens on.
type battleground interface {
	listen() [2][2]Listener // UDP and TCP, at two addresses
	dial(udp bool, at int) (net.Conn, error)
	peer() netip.AddrPort
	patience() time.Duration // of a client
	rest(*rand.Rand)
}

// A memoryGround is in virtual time.
type memoryGround struct {
	network *netio.Memory
	clients func() netip.AddrPort // one after the other
}

func (g *memoryGround) listen() (all [2][2]Listener) {
	for i, a := range []string{serverIPv4, "93.184.216.6"} {
		at := netip.AddrPortFrom(netip.MustParseAddr(a), 3478)
		all[0][i], all[1][i] = Listener{allocation.UDP, at}, Listener{allocation.TCP, at}
	}
	return all
}

func (g *memoryGround) peer() netip.AddrPort    { return benchPeer }
func (g *memoryGround) patience() time.Duration { return 500 * time.Millisecond }

func (g *memoryGround) dial(udp bool, at int) (net.Conn, error) {
	from := g.clients()
	if !udp {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return g.network.DialTCP(ctx, from, g.listen()[1][at].Addr)
	}
	conn, err := g.network.ListenPacket(from)
	return &connectedPackets{conn, g.listen()[0][at].Addr}, err
}

// connectedPackets are a socket that speaks to one address, as net.Dial makes it.
type connectedPackets struct {
	*netio.MemoryPacketConn
	to netip.AddrPort
}

func (c *connectedPackets) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.to) }

func (c *connectedPackets) Write(b []byte) (int, error) { return c.WriteToAddrPort(b, c.to) }

func (c *connectedPackets) Read(b []byte) (int, error) {
	for {
		n, from, err := c.ReadFromAddrPort(b)
		if err != nil || from == c.to {
			return n, err
		}
	}
}

// A loopbackGround is on the system's sockets.
type loopbackGround struct {
	at   [2][2]Listener
	echo netip.AddrPort
}

func (g *loopbackGround) listen() [2][2]Listener  { return g.at }
func (g *loopbackGround) peer() netip.AddrPort    { return g.echo }
func (g *loopbackGround) patience() time.Duration { return 50 * time.Millisecond }
func (g *loopbackGround) rest(*rand.Rand)         {}

func (g *loopbackGround) dial(udp bool, at int) (net.Conn, error) {
	if udp {
		return net.Dial("udp", g.at[0][at].Addr.String())
	}
	return net.Dial("tcp", g.at[1][at].Addr.String())
}
