package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"turnout/stun"
)

// A stage is how far a client has come.
type stage uint8

const (
	stageAllocate  stage = iota // without credentials, and after the challenge with them
	stageAllocated              // the relayed address is there
	stageBind                   // a channel, or a permission where indications carry the data
	stageReady                  // data may flow
	stageRelease                // the allocation is given back
	stageReleased
)

// channelNumber is the channel of every client: each has one peer.
const channelNumber stun.ChannelNumber = 0x4000

// lifetime is what clients ask for: longer than any run, so that none refreshes.
const lifetime = 600 * time.Second

// protocolUDP is UDP in REQUESTED-TRANSPORT, RFC 8656 §7.1.
const protocolUDP = 17

// maxChallenges bounds how often a server may want another nonce.
const maxChallenges = 3

// A handshake is a client's conversation with the server, without the sockets: request makes what is to be sent,
// answer reads what came back. The caller repeats requests that nothing answers.
type handshake struct {
	username, password string
	carrier            Carrier
	peer               netip.AddrPort

	stage      stage
	id         stun.TransactionID
	realm      string
	nonce, key []byte
	challenges int
	relayed    netip.AddrPort
}

// begin goes to a stage that is a request; id has to be another one each time.
func (h *handshake) begin(s stage, id stun.TransactionID) { h.stage, h.id = s, id }

// request appends the request of the stage to dst: the same bytes each time, until an answer or begin changes it.
func (h *handshake) request(dst []byte) []byte {
	var b stun.Builder
	switch h.stage {
	case stageAllocate:
		b.Reset(dst, stun.NewMessageType(stun.MethodAllocate, stun.ClassRequest), h.id)
		b.AddUint8(stun.AttrRequestedTransport, protocolUDP, 4)
		if h.key == nil {
			return b.Bytes() // RFC 8489 §9.2.3.1: the first request brings the challenge
		}
		b.AddUint32(stun.AttrLifetime, uint32(lifetime/time.Second))
	case stageBind:
		if h.carrier == Channel {
			b.Reset(dst, stun.NewMessageType(stun.MethodChannelBind, stun.ClassRequest), h.id)
			b.AddChannelNumber(channelNumber)
		} else {
			b.Reset(dst, stun.NewMessageType(stun.MethodCreatePermission, stun.ClassRequest), h.id)
		}
		b.AddXORAddrPort(stun.AttrXORPeerAddress, h.peer)
	case stageRelease:
		b.Reset(dst, stun.NewMessageType(stun.MethodRefresh, stun.ClassRequest), h.id)
		b.AddUint32(stun.AttrLifetime, 0) // RFC 8656 §8.1
	}
	b.AddString(stun.AttrUsername, h.username)
	b.AddString(stun.AttrRealm, h.realm)
	b.Add(stun.AttrNonce, h.nonce)
	b.AddIntegrity(h.key, stun.IntegritySHA1)
	return b.Bytes()
}

// errNotAnswer is of a message that is no answer to the request under way: an old one's, most likely.
var errNotAnswer = errors.New("not the answer that is waited for")

// answer reads a message. Without an error the conversation goes on: with the next stage, or with the same request, made anew,
// since the server wanted another nonce; id is its transaction id.
func (h *handshake) answer(message []byte, id stun.TransactionID) error {
	m, err := stun.Parse(message)
	if err != nil || m.TransactionID() != h.id {
		return errNotAnswer
	}
	switch m.Class() {
	case stun.ClassError:
		return h.refused(m, id)
	case stun.ClassSuccess:
	default:
		return errNotAnswer
	}
	if err := m.CheckIntegrity(h.key); err != nil {
		return fmt.Errorf("%v answer: %w", m.Method(), err)
	}
	switch h.stage {
	case stageAllocate:
		if h.relayed, err = m.XORAddrPort(stun.AttrXORRelayedAddress); err != nil {
			return fmt.Errorf("relayed address: %w", err)
		}
		h.stage = stageAllocated
	case stageBind:
		h.stage = stageReady
	case stageRelease:
		h.stage = stageReleased
	default:
		return errNotAnswer
	}
	return nil
}

// remedies are for whoever measures a server that runs already.
var remedies = map[stun.Code]string{
	stun.CodeUnauthenticated:        "; are TURN_USERNAME and TURN_CREDENTIAL of this server, and not expired?",
	stun.CodeForbidden:              "; the server must allow this host's address as a peer (peers.allow)",
	stun.CodeAllocationQuotaReached: "; the user may not have that many allocations: give fewer --flows, or raise quota.user.allocations",
	stun.CodeInsufficientCapacity:   "; the server has no more ports: give fewer --flows",
}

// refused reads an error: a challenge is answered, all else ends the conversation.
func (h *handshake) refused(m stun.Message, id stun.TransactionID) error {
	code, reason, err := m.ErrorCode()
	if err != nil {
		return fmt.Errorf("%v error: %w", m.Method(), err)
	}
	challenge := code == stun.CodeUnauthenticated && h.key == nil || code == stun.CodeStaleNonce
	if !challenge || h.challenges >= maxChallenges {
		return fmt.Errorf("%v is refused: %d %s%s", m.Method(), code, reason, remedies[code])
	}
	realm, hasRealm := m.Attribute(stun.AttrRealm)
	nonce, hasNonce := m.Attribute(stun.AttrNonce)
	if !hasRealm || !hasNonce {
		return fmt.Errorf("%v: a challenge without realm and nonce", m.Method())
	}
	h.challenges++
	h.realm, h.nonce = string(realm), append(h.nonce[:0], nonce...)
	h.key = longTermKey(h.username, h.realm, h.password)
	h.id = id
	return nil
}
