// Package callers plays clients of a relay, for tests: one by any way to reach it, or many on the in-memory network,
// where tests of what takes long with many allocations make them.
package callers

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"turnout/internal/netio"
	"turnout/stun"
)

// A Caller is one client of a relay, with a long-term credential (RFC 8489 §9.2). It is used by one goroutine at a time.
type Caller struct {
	Username, Realm string
	Key             []byte // of the user, as auth.DeriveKey makes it for MD5
	// Ask sends a request and returns the answer, which has to stay as it is until the next call.
	Ask func(request []byte) (answer []byte, err error)

	nonce []byte // the relay's, from its first challenge on
}

// Request makes a request with what add adds, and again when it is challenged. The error says that the way there failed, or
// that the answer is neither a challenge nor a success.
func (c *Caller) Request(m stun.Method, add func(*stun.Builder)) error {
	for {
		var b stun.Builder
		b.Reset(nil, stun.NewMessageType(m, stun.ClassRequest), stun.NewTransactionID())
		add(&b)
		challenged := c.nonce != nil
		if challenged {
			b.AddString(stun.AttrUsername, c.Username)
			b.AddString(stun.AttrRealm, c.Realm)
			b.Add(stun.AttrNonce, c.nonce)
			b.AddIntegrity(c.Key, stun.IntegritySHA1)
		}
		raw, err := c.Ask(b.Bytes())
		if err != nil {
			return err
		}
		answer, err := stun.Parse(raw)
		if err != nil {
			return err
		}
		switch nonce, ok := answer.Attribute(stun.AttrNonce); {
		case answer.Class() == stun.ClassSuccess:
			return nil
		case !ok || challenged:
			return fmt.Errorf("%v was refused: %q", m, raw)
		default:
			c.nonce = slices.Clone(nonce)
		}
	}
}

// Allocate asks for an allocation for UDP.
func (c *Caller) Allocate() error {
	return c.Request(stun.MethodAllocate, func(b *stun.Builder) { b.AddUint8(stun.AttrRequestedTransport, 17, 4) })
}

// together is how many clients ask at a time: the relay is not to wait for them.
const together = 8

// Fill has n clients, each at an address of its own, make an allocation at server with a permission for a peer, and leave. They
// are the user of as, whose Ask is not used. The error has all that went wrong.
func Fill(network *netio.Memory, server, peer netip.AddrPort, n int, as Caller) error {
	var clients sync.WaitGroup
	errs := make([]error, together)
	for part := range together {
		clients.Go(func() {
			for i := part; i < n && errs[part] == nil; i += together {
				errs[part] = occupy(network, Address(i), server, peer, as)
			}
		})
	}
	clients.Wait()
	return errors.Join(errs...)
}

// Address is where client i is, from 0.
func Address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, byte(8 + i>>16), byte(i >> 8), byte(i)}), 4000)
}

// occupy makes one allocation with its permission.
func occupy(network *netio.Memory, client, server, peer netip.AddrPort, c Caller) error {
	conn, err := network.ListenPacket(client)
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 2048)
	c.Ask = func(request []byte) ([]byte, error) {
		if _, err := conn.WriteToAddrPort(request, server); err != nil {
			return nil, err
		}
		n, _, err := conn.ReadFromAddrPort(buf)
		return buf[:n], err
	}
	if err := c.Allocate(); err != nil {
		return fmt.Errorf("%v: %w", client, err)
	}
	if err := c.Request(stun.MethodCreatePermission, func(b *stun.Builder) { b.AddXORAddrPort(stun.AttrXORPeerAddress, peer) }); err != nil {
		return fmt.Errorf("%v: %w", client, err)
	}
	return nil
}
