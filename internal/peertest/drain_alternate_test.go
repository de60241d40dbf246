package peertest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"turnout/internal/ports"
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
	answer := askForAllocation(t, conn)
	if code := errorCode(t, answer); code != stun.CodeTryAlternate {
		t.Fatalf("Allocate while draining: error %d, want 300", code)
	}
	var server stun.AlternateServer
	if err := server.GetFrom(answer); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(server.IP.String(), fmt.Sprint(server.Port))
}

// askForAllocation logs in and asks for an allocation. Before that it learns nothing of another relay; the answer is signed.
func askForAllocation(t *testing.T, conn net.Conn) (answer *stun.Message) {
	t.Helper()
	udp := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
	challenge := exchange(t, conn, stun.MethodAllocate, udp)
	var nonce stun.Nonce
	if code := errorCode(t, challenge); code != stun.CodeUnauthorized || challenge.Contains(stun.AttrAlternateServer) || nonce.GetFrom(challenge) != nil {
		t.Fatalf("Allocate without a credential: %v, want error 401 with a nonce and nothing of another relay", challenge)
	}
	key := stun.NewLongTermIntegrity(user, realm, password)
	answer = exchange(t, conn, stun.MethodAllocate, udp, stun.NewUsername(user), stun.NewRealm(realm), nonce, key)
	if err := key.Check(answer); err != nil {
		t.Errorf("the answer to Allocate: %v", err)
	}
	return answer
}

// unlikeConfiguration is that of a relay for one client, whose alternates are reached by one address family each.
const unlikeConfiguration = `realm: %[1]s
listen: [udp://127.0.0.1:%[2]d, "udp://[::1]:%[2]d"]
relay: {addresses: [127.0.0.1, "::1"], ports: %[3]d-%[4]d}
auth: {users: {%[5]s: %[6]s}}
quota: {total: {allocations: 1}}
alternates: ["turn:[2001:db8::9]"]
drain: {alternate: ["turn:192.0.2.9"]}
admin: {listen: "127.0.0.1:%[7]d"}
`

// TestAlternateOfTheOtherFamily has a relay that is full, and then drains, send nobody to an address of a family that the client
// does not have: without one of its own it is told 508, as by a relay that has no alternate. RFC 8489 §10.
func TestAlternateOfTheOtherFamily(t *testing.T) {
	peers(t)
	t.Parallel()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	r := ports.Reserve(t, 16)
	admin, file := fmt.Sprintf("127.0.0.1:%d", r.First+1), filepath.Join(t.TempDir(), "turnout.yaml")
	text := fmt.Sprintf(unlikeConfiguration, realm, r.First, r.First+2, r.Last(), user, password, r.First+1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, admin, "--config", file)
	dial := func(host string) net.Conn {
		conn, err := net.Dial("udp", net.JoinHostPort(host, fmt.Sprint(r.First)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	if first := askForAllocation(t, dial("127.0.0.1")); first.Type.Class != stun.ClassSuccessResponse {
		t.Fatalf("the only allocation: %v", first)
	}
	expect := func(when, host, want string) {
		t.Helper()
		answer := askForAllocation(t, dial(host))
		code := errorCode(t, answer)
		var server stun.AlternateServer
		switch err := server.GetFrom(answer); {
		case want == "" && (code != stun.CodeInsufficientCapacity || err == nil):
			t.Errorf("%s, a client of %s: error %d and %v, want 508 and no alternate", when, host, code, answer)
		case want != "" && (code != stun.CodeTryAlternate || err != nil || server.IP.String() != want):
			t.Errorf("%s, a client of %s: error %d, sent to %v (%v), want 300 to %s", when, host, code, server, err, want)
		}
	}
	expect("full", "127.0.0.1", "")
	expect("full", "::1", "2001:db8::9")
	if r := askAdmin(t, admin, "POST", "/v1/drain"); r.code != http.StatusOK {
		t.Fatalf("POST /v1/drain: %d %s", r.code, r.body)
	}
	expect("draining", "127.0.0.1", "192.0.2.9")
	expect("draining", "::1", "")
}
