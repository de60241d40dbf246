package bench

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"turnout/stun"
)

var (
	testPeer    = netip.MustParseAddrPort("127.0.0.9:5000")
	testRelayed = netip.MustParseAddrPort("127.0.0.1:50000")
)

// A script answers a handshake's request, as a server would.
type script func(t *testing.T, request stun.Message) []byte

func answerTo(request stun.Message, class stun.Class, add func(*stun.Builder)) []byte {
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(request.Method(), class), request.TransactionID())
	add(&b)
	return b.Bytes()
}

func challenge(code stun.Code, nonce string) script {
	return func(_ *testing.T, request stun.Message) []byte {
		return answerTo(request, stun.ClassError, func(b *stun.Builder) {
			b.AddErrorCode(code)
			b.AddString(stun.AttrRealm, "realm")
			b.AddString(stun.AttrNonce, nonce)
		})
	}
}

// success wants a request that is signed with the key of alice, and holds nonce.
func success(nonce string, method stun.Method, key string) script {
	return func(t *testing.T, request stun.Message) []byte {
		t.Helper()
		if err := request.CheckIntegrity(longTermKey("alice", "realm", "wonderland")); err != nil || request.Method() != method {
			t.Errorf("the request is %v, %v; want %v, signed", request.Method(), err, method)
		}
		if got, _ := request.Attribute(stun.AttrNonce); string(got) != nonce {
			t.Errorf("the request has nonce %q, want %q", got, nonce)
		}
		return answerTo(request, stun.ClassSuccess, func(b *stun.Builder) {
			b.AddXORAddrPort(stun.AttrXORRelayedAddress, testRelayed)
			b.AddIntegrity(longTermKey("alice", "realm", key), stun.IntegritySHA1)
		})
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	for _, carrier := range []Carrier{Channel, Indication} {
		h := handshake{username: "alice", password: "wonderland", carrier: carrier, peer: testPeer}
		bind := stun.MethodChannelBind
		if carrier == Indication {
			bind = stun.MethodCreatePermission
		}
		for _, step := range []struct {
			begin, done stage
			answers     []script
		}{
			{stageAllocate, stageAllocated, []script{challenge(401, "n1"), challenge(438, "n2"), success("n2", stun.MethodAllocate, "wonderland")}},
			{stageBind, stageReady, []script{challenge(438, "n3"), success("n3", bind, "wonderland")}},
			{stageRelease, stageReleased, []script{success("n3", stun.MethodRefresh, "wonderland")}},
		} {
			h.begin(step.begin, stun.NewTransactionID())
			for _, answer := range step.answers {
				m, err := stun.Parse(h.request(nil))
				if err != nil {
					t.Fatal(err)
				}
				if err := h.answer(answer(t, m), stun.NewTransactionID()); err != nil {
					t.Fatal(err)
				}
			}
			if h.stage != step.done {
				t.Fatalf("%s: the stage is %d, want %d", carrier, h.stage, step.done)
			}
		}
		if h.relayed != testRelayed {
			t.Errorf("relayed address %v, want %v", h.relayed, testRelayed)
		}
	}
}

func TestHandshakeRefused(t *testing.T) {
	t.Parallel()
	for want, answers := range map[string][]script{
		"486": {challenge(401, "n"), challenge(486, "")},
		"401": {challenge(401, "n"), challenge(401, "n")},
		"438": {challenge(401, "n"), challenge(438, "n"), challenge(438, "n"), challenge(438, "n")},
		"is refused: 508 Insufficient Capacity; the server has no more ports: give fewer --flows": {challenge(401, "n"), challenge(508, "n")},
		"integrity does not match": {challenge(401, "n"), success("n", stun.MethodAllocate, "looking-glass")},
		"without realm and nonce": {func(_ *testing.T, r stun.Message) []byte {
			return answerTo(r, stun.ClassError, func(b *stun.Builder) { b.AddErrorCode(401) })
		}},
		"not the answer that is": {func(*testing.T, stun.Message) []byte { return []byte("no message") }},
		"not the answer that is wa": {func(_ *testing.T, r stun.Message) []byte {
			return answerTo(r, stun.ClassIndication, func(*stun.Builder) {})
		}},
	} {
		h := handshake{username: "alice", password: "wonderland", carrier: Channel, peer: testPeer}
		h.begin(stageAllocate, stun.NewTransactionID())
		var err error
		for i, answer := range answers {
			if err != nil {
				t.Fatalf("%s: answer %d: %v", want, i-1, err)
			}
			var m stun.Message
			if m, err = stun.Parse(h.request(nil)); err != nil {
				t.Fatal(err)
			}
			err = h.answer(answer(t, m), stun.NewTransactionID())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestCredentials derives one user for each flow, with the password that package auth's other end knows (RFC vectors of the
// scheme do not exist; the value was made with openssl dgst -sha1 -hmac).
func TestCredentials(t *testing.T) {
	t.Parallel()
	c := Credentials{Secret: "north", Expires: time.Unix(1700000000, 0)}
	username, password := c.of(12)
	if username != "1700000000:client12" || password != "XkHiiB8vVCVZsD+dBz3l1uPMSWs=" {
		t.Errorf("got %s, %s", username, password)
	}
	if u, p := (Credentials{Username: "alice", Password: "wonderland"}).of(3); u != "alice" || p != "wonderland" {
		t.Errorf("got %s, %s", u, p)
	}
}
