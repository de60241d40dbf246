package peertest

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"turnout/internal/ci"
)

// The ports of a turnout without configuration: the relay's, the admin listener's
// and the service's.
const (
	defaultRelay   = "3478"
	defaultAdmin   = "9478"
	defaultService = "8080"
)

// TestServeWithoutConfiguration does what a newcomer does first: turnout serve,
// and nothing else. It answers on loopback, shows its page and metrics, and is no open relay.
func TestServeWithoutConfiguration(t *testing.T) {
	peers(t)
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	for _, port := range []string{defaultRelay, defaultAdmin, defaultService} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			ci.Lacks(t, "this test needs the default ports: %v", err)
		}
		l.Close()
	}
	admin := net.JoinHostPort("127.0.0.1", defaultAdmin)
	printed := serve(t, admin)
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("udp", net.JoinHostPort(host, defaultRelay))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var mapped stun.XORMappedAddress
		if err := mapped.GetFrom(exchange(t, conn, stun.MethodBinding)); err != nil || mapped.String() != conn.LocalAddr().String() {
			t.Errorf("Binding at %s: mapped address %v (%v), want %v", host, mapped, err, conn.LocalAddr())
		}
		udp := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
		if code := errorCode(t, exchange(t, conn, stun.MethodAllocate, udp)); code != stun.CodeUnauthorized {
			t.Errorf("Allocate at %s without a credential: error %d, want 401", host, code)
		}
	}
	service := "http://" + net.JoinHostPort("127.0.0.1", defaultService)
	if text := get(t, service+"/"); !strings.Contains(text, "turnout") {
		t.Errorf("the page is\n%s", text)
	}
	if !strings.Contains(printed.String(), service+"/#token=") || !strings.Contains(printed.String(), "endpoint="+service+";accesskey=") {
		t.Errorf("neither the page's address nor a connection string is printed:\n%s", printed)
	}
	response, err := http.Post(service+"/v1/ice-servers", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("credentials for nobody: %s, want 401", response.Status)
	}
	if text := get(t, "http://"+admin+"/metrics"); !strings.Contains(text, "\nturnout_") {
		t.Errorf("/metrics has no metric of turnout:\n%s", text)
	}
}

// exchange sends one request and reads its response.
func exchange(t *testing.T, conn net.Conn, method stun.Method, attributes ...stun.Setter) *stun.Message {
	t.Helper()
	request, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attributes...)...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(request.Raw); err != nil {
		t.Fatal(err)
	}
	response := &stun.Message{Raw: make([]byte, 2048)}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := response.ReadFrom(conn); err != nil {
		t.Fatalf("%v: %v", method, err)
	}
	if response.TransactionID != request.TransactionID {
		t.Fatalf("%v: a response to another request", method)
	}
	return response
}

// get reads a page that must be there.
func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, response.Status, err, text)
	}
	return string(text)
}
