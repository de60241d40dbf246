package peertest

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"turnout/internal/ports"
)

// busyConfiguration is that of a relay with room for a thousand flows.
const busyConfiguration = `realm: %[1]s
listen: [udp://127.0.0.1:%[2]d, tcp://127.0.0.1:%[2]d, tls://127.0.0.1:%[3]d]
tls: {cert: cert.pem, key: key.pem}
relay: {addresses: [127.0.0.1], ports: %[5]d-%[6]d, workers: 2}
peers: {allow: [127.0.0.0/8]}
auth:
  secrets: [{id: k1, secret: %[7]s}]
  users: {%[8]s: %[9]s}
drain: {deadline: %[10]s}
admin: {listen: "127.0.0.1:%[4]d"}
`

// A busyRelay is one that things are done to while it relays.
type busyRelay struct {
	*process
	admin, file string
	at          netip.AddrPort // udp and tcp
	secure      string         // tls
	more        string         // udp, once it is added
	spki        string         // hash of its first certificate's key
}

// startBusy runs one with room for so many flows.
func startBusy(t *testing.T, flows int, deadline time.Duration) *busyRelay {
	t.Helper()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	dir := t.TempDir()
	spki := certify(t, dir)
	r := ports.Reserve(t, flows+64)
	text := fmt.Sprintf(busyConfiguration, realm, r.First, r.First+1, r.First+2, r.First+4, r.Last(), secret, user, password, deadline)
	b := &busyRelay{
		admin: fmt.Sprintf("127.0.0.1:%d", r.First+2), file: filepath.Join(dir, "turnout.yaml"),
		at: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(r.First)), secure: fmt.Sprintf("127.0.0.1:%d", r.First+1), more: fmt.Sprintf("127.0.0.1:%d", r.First+3), spki: spki,
	}
	if err := os.WriteFile(b.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.process = launch(t, b.admin, "--config", b.file)
	return b
}

// load begins so many flows, and waits until all of them relay.
func (b *busyRelay) load(t *testing.T, flows int, rate float64, duration time.Duration) *generator {
	t.Helper()
	before := statusOf(t, b.admin)
	g := startGenerator(t, b.at, b.Pid, flowsOf(flows, rate), duration)
	eventually(t, fmt.Sprintf("%d flows relay", flows), func() error { return relaying(t, b.admin, before, uint64(flows)) })
	return g
}

// edit changes the configuration's file, as editors do: a new file takes the name.
func (b *busyRelay) edit(t *testing.T, old, new string) {
	t.Helper()
	text, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), old, new, 1)
	if changed == string(text) {
		t.Fatalf("the configuration has no %q", old)
	}
	if err := os.WriteFile(b.file+".new", []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b.file+".new", b.file); err != nil {
		t.Fatal(err)
	}
}

// TestReloadUnderLoad changes users, limits, listeners, the certificate and the log's level by
// each of the ways there are, while two calls of Chromium's and a thousand flows go on.
func TestReloadUnderLoad(t *testing.T) {
	peers(t)
	const flows, rate = 1000, 5
	b := startBusy(t, flows, time.Second)
	calls := beginCalls(t, []string{fmt.Sprintf("turn:%v?transport=udp", b.at), "turns:" + b.secure + "?transport=tcp"},
		"--ignore-certificate-errors-spki-list="+b.spki)
	transports := []string{"udp", "tls"}
	load := b.load(t, flows, rate, 20*time.Second)
	before := statusOf(t, b.admin)
	calls.goOn(t, transports...)

	b.reloadAll(t)
	spki := certify(t, filepath.Dir(b.file))
	took := eventually(t, "the new certificate is shown", func() error { return b.shows(spki) })
	t.Logf("the new certificate was shown %v after it was written", took.Round(time.Millisecond))
	calls.goOn(t, transports...)
	if load.over() {
		t.Error("the flows ended before all was changed")
	}

	flow := load.flow(t)
	after := statusOf(t, b.admin)
	sameDrops(t, before, after)
	if flow.Sent < flow.Planned*9/10 {
		t.Errorf("the generator was late: %d packets of %d", flow.Sent, flow.Planned)
	}
	calls.goOn(t, transports...)
	calls.ask(t, "end", nil)
	b.ends(t)
}

// reloadAll changes the file three times, and has it read by the file itself, by a signal and by
// the admin listener. A file with a mistake in between changes nothing.
func (b *busyRelay) reloadAll(t *testing.T) {
	t.Helper()
	hash := statusOf(t, b.admin).Config.Hash
	b.edit(t, "users: {", "users: {bob: builder, ")
	eventually(t, "the file's change is seen", func() error { return b.hashed(t, &hash) })
	b.mayLogIn(t, "bob", "builder")

	b.edit(t, "realm:", "quota: {user: {allocations: 50}}\nlog: {level: warn}\nrealm:")
	if err := b.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "SIGHUP is obeyed", func() error { return b.hashed(t, &hash) })

	b.edit(t, "allocations: 50", "allocations: many")
	if r := askAdmin(t, b.admin, "POST", "/v1/reload"); r.code < 400 || !strings.Contains(r.body, "turnout.yaml:1: quota.user.allocations") {
		t.Errorf("a broken file: %d %s, want an error that names key and line", r.code, r.body)
	}
	if now := statusOf(t, b.admin).Config.Hash; now != hash {
		t.Errorf("a broken file changed the configuration: it was %s and is %s", hash, now)
	}
	b.edit(t, "allocations: many", "allocations: 60")
	if r := askAdmin(t, b.admin, "POST", "/v1/reload"); r.code != http.StatusOK {
		t.Errorf("POST /v1/reload: %d %s", r.code, r.body)
	}
	eventually(t, "the third change is in use", func() error { return b.hashed(t, &hash) })
	b.mayLogIn(t, user, password)
	b.addAndRemove(t)
}

// addAndRemove opens a listener and takes it away again, on which a call goes on.
func (b *busyRelay) addAndRemove(t *testing.T) {
	t.Helper()
	listener := "udp://" + b.more + ", "
	b.edit(t, "listen: [", "listen: ["+listener)
	if r := askAdmin(t, b.admin, "POST", "/v1/reload"); r.code != http.StatusOK || !strings.Contains(r.body, `"listen"`) {
		t.Errorf("a listener more: %d %s", r.code, r.body)
	}
	client, _ := pionClient(t, "udp", b.more, user, password)
	call := &fleetCall{client: client, relayed: allocate(t, client), peer: listen(t, "127.0.0.1:0")}
	call.relays(t)
	b.edit(t, listener, "")
	if r := askAdmin(t, b.admin, "POST", "/v1/reload"); r.code != http.StatusOK || !strings.Contains(r.body, `"listen"`) {
		t.Errorf("a listener less: %d %s", r.code, r.body)
	}
	call.relays(t)
	newcomer, _ := pionClient(t, "udp", b.more, user, password)
	if conn, err := newcomer.Allocate(); err == nil || !strings.Contains(err.Error(), "508") {
		t.Errorf("a new Allocate at a listener that is taken away: %v, %v; want error 508", conn, err)
	}
	call.relays(t)
	call.relayed.Close()
}

// hashed wants the configuration in use to be another one than before, and remembers it.
func (b *busyRelay) hashed(t *testing.T, before *string) error {
	now := statusOf(t, b.admin).Config.Hash
	if now == *before {
		return fmt.Errorf("the configuration is still %s", now)
	}
	*before = now
	return nil
}

// mayLogIn wants a user to be served.
func (b *busyRelay) mayLogIn(t *testing.T, name, password string) {
	t.Helper()
	client, _ := pionClient(t, "udp", b.at.String(), name, password)
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	relayed.Close()
}

// shows wants a new connection to see the certificate with that hash.
func (b *busyRelay) shows(spki string) error {
	conn, err := tls.Dial("tcp", b.secure, &tls.Config{InsecureSkipVerify: true}) // the hash says which it is
	if err != nil {
		return err
	}
	defer conn.Close()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != spki {
		return fmt.Errorf("it shows the certificate %s, not yet %s", got, spki)
	}
	return nil
}

// ends tells the relay to end, and wants status 0.
func (b *busyRelay) ends(t *testing.T) {
	t.Helper()
	stop(t, b.Process, b.ended)
}
