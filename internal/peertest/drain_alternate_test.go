package peertest

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// TestDrainToAlternate drains one of two relays that share their users. Whoever logs in there is sent to the other, and
// calls there; who does not, learns nothing of it; and the call that was going on goes on. RFC 8489 §10.
func TestDrainToAlternate(t *testing.T) {
	peers(t)
	t.Parallel()
	const deadline = time.Minute
	other := startBusy(t, 0, time.Second)
	b := startBusy(t, 0, deadline)
	b.edit(t, fmt.Sprintf("drain: {deadline: %v}", deadline), fmt.Sprintf("drain: {deadline: %v, alternate: [\"turn:%v\"]}", deadline, other.at))
	if r := askAdmin(t, b.admin, "POST", "/v1/reload"); r.code != http.StatusOK {
		t.Fatalf("POST /v1/reload: %d %s", r.code, r.body)
	}
	client, _ := pionClient(t, "udp", b.at.String(), user, password)
	call := fleetCall{client: client, relayed: allocate(t, client), peer: listen(t, "127.0.0.1:0")}
	call.relays(t)

	if err := b.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "/readyz says that it drains", func() error {
		if r := askAdmin(t, b.admin, "GET", "/readyz"); r.code != http.StatusServiceUnavailable {
			return fmt.Errorf("%d %s", r.code, r.body)
		}
		return nil
	})
	alternate := sentElsewhere(t, b.at.String())
	if alternate != other.at.String() {
		t.Fatalf("sent to %s, want %v", alternate, other.at)
	}
	for _, transport := range []string{"udp", "tcp"} {
		newcomer, _ := pionClient(t, transport, b.at.String(), user, password)
		if conn, err := newcomer.Allocate(); err == nil || !strings.Contains(err.Error(), "300") {
			t.Errorf("a new Allocate over %s while draining: %v, %v; want error 300", transport, conn, err)
		}
		there, _ := pionClient(t, transport, alternate, user, password)
		moved := fleetCall{client: there, relayed: allocate(t, there), peer: listen(t, "127.0.0.1:0")}
		moved.relays(t)
	}
	call.relays(t)
	if err := call.relayed.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-b.ended: // its last allocation has been given back
		if err != nil {
			t.Errorf("turnout ended with %v", err)
		}
	case <-time.After(deadline / 2):
		t.Errorf("turnout drains on, and has no allocation: %+v", statusOf(t, b.admin))
	}
	other.ends(t)
}

// sentElsewhere asks a relay that drains for an allocation, first without and then with a credential, and returns where it
// sends its client. Binding is answered there still.
func sentElsewhere(t *testing.T, relay string) (alternate string) {
	t.Helper()
	conn, err := net.Dial("udp4", relay)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if bound := exchange(t, conn, stun.MethodBinding); bound.Type.Class != stun.ClassSuccessResponse {
		t.Errorf("Binding while draining: %v", bound)
	}
	udp := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
	challenge := exchange(t, conn, stun.MethodAllocate, udp)
	var nonce stun.Nonce
	if code := errorCode(t, challenge); code != stun.CodeUnauthorized || challenge.Contains(stun.AttrAlternateServer) || nonce.GetFrom(challenge) != nil {
		t.Fatalf("Allocate without a credential while draining: %v, want error 401 with a nonce and nothing of the other relay", challenge)
	}
	key := stun.NewLongTermIntegrity(user, realm, password)
	answer := exchange(t, conn, stun.MethodAllocate, udp, stun.NewUsername(user), stun.NewRealm(realm), nonce, key)
	if code := errorCode(t, answer); code != stun.CodeTryAlternate {
		t.Fatalf("Allocate while draining: error %d, want 300", code)
	}
	if err := key.Check(answer); err != nil {
		t.Errorf("the answer that sends a client elsewhere: %v", err)
	}
	var server stun.AlternateServer
	if err := server.GetFrom(answer); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(server.IP.String(), fmt.Sprint(server.Port))
}
