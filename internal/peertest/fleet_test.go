package peertest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/turn/v4"

	"turnout/internal/ports"
)

// The members of a fleet share a store, and nothing else.
const (
	fleetRelayConfiguration = `realm: %[1]s
listen: [udp://127.0.0.1:%[2]d]
relay: {addresses: [127.0.0.1], ports: %[4]d-%[5]d}
peers: {allow: [127.0.0.0/8]}
drain: {deadline: 1s}
admin: {listen: "127.0.0.1:%[3]d"}
store: {nats: {url: "nats://%[6]s"}}
`
	fleetServiceConfiguration = `realm: %[1]s
admin: {listen: "127.0.0.1:%[2]d"}
api:
  listen: http://127.0.0.1:%[3]d
  advertise: ["turn:127.0.0.1:%[4]d?transport=udp", "turn:127.0.0.1:%[5]d?transport=udp"]
store: {nats: {url: "nats://%[6]s"}}
`
	fleetPorts = 32 // relayed ports of each relay
)

// A fleetRelay is one relay of a fleet.
type fleetRelay struct{ address, admin, config string }

// A fleet is two relays and a service, each a process of its own, on one store.
type fleet struct {
	t       *testing.T
	folder  string // where the store keeps its files
	store   *natsServer
	link    *link // by which the second relay reaches the store
	relays  [2]fleetRelay
	service string                 // URL
	admin   string                 // the service's
	config  string                 // the service's
	key     atomic.Pointer[string] // that the application signs with; see signsWith
	logs    [2]*log                // of the relays
}

func startFleet(t *testing.T) *fleet {
	t.Helper()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	f := &fleet{t: t, folder: t.TempDir()}
	f.store = startNATS(t, f.folder)
	f.link = newLink(t, f.store.address())
	for i, store := range []string{f.store.address(), f.link.address} {
		f.relays[i] = f.configureRelay(store)
		f.logs[i] = serve(t, f.relays[i].admin, "--config", f.relays[i].config)
	}
	r := ports.Reserve(t, 2)
	f.admin, f.service = fmt.Sprintf("127.0.0.1:%d", r.First), fmt.Sprintf("http://127.0.0.1:%d", r.First+1)
	f.config = f.file(fmt.Sprintf(fleetServiceConfiguration, realm, r.First, r.First+1, f.relays[0].port(t), f.relays[1].port(t), f.store.address()))
	serve(t, f.admin, "--config", f.config)
	// The command works on the store itself; the service hears of the key as it does of everything there.
	f.sign(ask(t, "", "keys", "rotate", "access-keys", "--config", f.config))
	eventually(t, "the service takes the new access key", func() error {
		_, err := f.newUser()
		return err
	})
	return f
}

// sign has requests be signed with another access key from now on.
func (f *fleet) sign(key string) { f.key.Store(&key) }

// configureRelay writes the configuration of a relay that reaches the store at an address.
func (f *fleet) configureRelay(store string) fleetRelay {
	f.t.Helper()
	r := ports.Reserve(f.t, fleetPorts+2)
	return fleetRelay{
		address: fmt.Sprintf("127.0.0.1:%d", r.First), admin: fmt.Sprintf("127.0.0.1:%d", r.First+1),
		config: f.file(fmt.Sprintf(fleetRelayConfiguration, realm, r.First, r.First+1, r.First+2, r.Last(), store)),
	}
}

func (f *fleet) file(text string) string {
	f.t.Helper()
	name := filepath.Join(f.t.TempDir(), "turnout.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return name
}

func (r fleetRelay) port(t *testing.T) int {
	t.Helper()
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		t.Fatal(err)
	}
	return number(t, port)
}

// post asks the service for something, signed by the access key, or with a user's token where one is given.
func (f *fleet) post(path, bearer string, in, out any) (status int, err error) {
	return f.ask("POST", path, bearer, in, out)
}

// ask is post by any method.
func (f *fleet) ask(method, path, bearer string, in, out any) (status int, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.service+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	} else {
		if err := signRequest(r, body, f.signsWith()); err != nil {
			return 0, err
		}
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err == nil && out != nil && w.StatusCode < 300 {
		err = json.Unmarshal(text, out)
	}
	return w.StatusCode, err
}

// signsWith is the access key, of a service that has it in its configuration that of all tests.
func (f *fleet) signsWith() string {
	if key := f.key.Load(); key != nil {
		return *key
	}
	return accessKey
}

// signRequest signs as the contract says.
func signRequest(r *http.Request, body []byte, accessKey string) error {
	key, err := base64.StdEncoding.DecodeString(accessKey)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	hash, date := base64.StdEncoding.EncodeToString(sum[:]), time.Now().UTC().Format(http.TimeFormat)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s;%s;%s", r.Method, r.URL.RequestURI(), date, r.URL.Host, hash)
	r.Header.Set("x-ms-date", date)
	r.Header.Set("x-ms-content-sha256", hash)
	r.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

// A fleetUser is a user of the service with a token.
type fleetUser struct {
	fleet     *fleet
	id, token string
}

// newUser makes one with a token.
func (f *fleet) newUser() (fleetUser, error) {
	var made struct {
		Identity    struct{ ID string }
		AccessToken struct{ Token string }
	}
	status, err := f.post("/identities?api-version=2023-10-01", "", map[string]any{"createTokenWithScopes": []string{"voip"}}, &made)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("create a user: %d", status)
	}
	return fleetUser{f, made.Identity.ID, made.AccessToken.Token}, err
}

func (f *fleet) user() fleetUser {
	f.t.Helper()
	u, err := f.newUser()
	if err != nil {
		f.t.Fatal(err)
	}
	return u
}

// credential is one that the user gets with its token.
func (u fleetUser) credential() (username, password string) {
	u.fleet.t.Helper()
	username, password, err := u.fetch()
	if err != nil {
		u.fleet.t.Fatal(err)
	}
	return username, password
}

// fetch is credential for a goroutine of its own.
func (u fleetUser) fetch() (username, password string, err error) {
	var answer struct {
		ICEServers []struct{ Username, Credential string }
	}
	status, err := u.fleet.post("/v1/ice-servers", u.token, map[string]any{}, &answer)
	if err == nil && (status != http.StatusOK || len(answer.ICEServers) == 0) {
		err = fmt.Errorf("credentials: %d %+v", status, answer)
	}
	if err != nil {
		return "", "", err
	}
	last := answer.ICEServers[len(answer.ICEServers)-1] // what stands before it is for STUN, and needs none
	return last.Username, last.Credential, nil
}

// enter makes an allocation at each relay with a new credential, and gives it back.
func (u fleetUser) enter() error {
	username, password, err := u.fetch()
	if err != nil {
		return err
	}
	for i, r := range u.fleet.relays {
		if err := visit(r.address, username, password); err != nil {
			return fmt.Errorf("relay %d: %w", i+1, err)
		}
	}
	return nil
}

// visit makes an allocation and ends it.
func visit(address, username, password string) error {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer conn.Close()
	client, err := turn.NewClient(&turn.ClientConfig{STUNServerAddr: address, TURNServerAddr: address, Username: username, Password: password, Realm: realm, Conn: conn})
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Listen(); err != nil {
		return err
	}
	relayed, err := client.Allocate()
	if err != nil {
		return err
	}
	return relayed.Close()
}

// allocate makes an allocation at each relay with a new credential, and tries it.
func (u fleetUser) allocate() (calls [2]*fleetCall) {
	t := u.fleet.t
	t.Helper()
	username, password := u.credential()
	for i, r := range u.fleet.relays {
		client, _ := pionClient(t, "udp", r.address, username, password)
		calls[i] = &fleetCall{client: client, relayed: allocate(t, client), peer: listen(t, "127.0.0.1:0")}
		calls[i].relays(t)
	}
	return calls
}

// A fleetCall is an allocation and a peer of it.
type fleetCall struct {
	client        *turn.Client
	relayed, peer net.PacketConn
	sent          int
}

// relays wants a datagram to pass each way.
func (c *fleetCall) relays(t *testing.T) {
	t.Helper()
	c.sent++
	text := "call " + strconv.Itoa(c.sent)
	send(t, c.relayed, text, c.peer.LocalAddr())
	receive(t, c.peer, text)
	send(t, c.peer, text, c.relayed.LocalAddr())
	receive(t, c.relayed, text)
}

// revoke ends all that a user was given.
func (u fleetUser) revoke() {
	t := u.fleet.t
	t.Helper()
	if status, err := u.fleet.post("/identities/"+u.id+"/:revokeAccessTokens?api-version=2023-10-01", "", map[string]any{}, nil); err != nil || status != http.StatusNoContent {
		t.Fatalf("revoke: %d %v", status, err)
	}
}

var allocationsMetric = regexp.MustCompile(`(?m)^turnout_allocations(?:\{[^}]*\})? (\d+)$`)

// allocations is how many a relay has.
func (r fleetRelay) allocations(t *testing.T) int {
	t.Helper()
	n := 0
	all := allocationsMetric.FindAllStringSubmatch(get(t, "http://"+r.admin+"/metrics"), -1)
	if all == nil {
		t.Fatal("no metric turnout_allocations")
	}
	for _, m := range all {
		n += number(t, m[1])
	}
	return n
}

// ends waits until a relay has so many allocations, and returns how long that took.
func (r fleetRelay) ends(t *testing.T, left int) time.Duration {
	t.Helper()
	return eventually(t, "the allocations end", func() error {
		if n := r.allocations(t); n != left {
			return fmt.Errorf("%d allocations, want %d", n, left)
		}
		return nil
	})
}

// readiness is what /readyz says.
func readiness(admin string) (status int, text string, err error) {
	response, err := http.Get("http://" + admin + "/readyz")
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return response.StatusCode, string(raw), err
}

// inService wants every member to be so by /readyz, with this status.
func (f *fleet) inService(want string) {
	f.t.Helper()
	for _, admin := range []string{f.relays[0].admin, f.relays[1].admin, f.admin} {
		eventually(f.t, "/readyz says "+want, func() error {
			status, text, err := readiness(admin)
			if err == nil && status != http.StatusOK {
				f.t.Errorf("/readyz: %d %s", status, text) // at no time
			}
			if err == nil && !strings.Contains(text, `"status":"`+want+`"`) {
				err = errors.New(text)
			}
			return err
		})
	}
}

// refusesToWrite wants the service to say that it cannot reach its store.
func (f *fleet) refusesToWrite() {
	f.t.Helper()
	eventually(f.t, "the service notices that its store is away", func() error {
		status, err := f.post("/identities?api-version=2023-10-01", "", map[string]any{}, nil)
		if err == nil && status != http.StatusServiceUnavailable {
			err = fmt.Errorf("create a user: %d, want 503", status)
		}
		return err
	})
}
