package peertest

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"turnout/internal/ports"
)

// troubleConfiguration is that of a relay with a service on loopback. More is put behind it, and
// into the service's.
const troubleConfiguration = `realm: %[1]s
listen: [udp://127.0.0.1:%[2]d, tls://127.0.0.1:%[2]d]
tls: {cert: cert.pem, key: key.pem}
relay: {addresses: [127.0.0.1], ports: %[5]d-%[6]d}
peers: {allow: [127.0.0.0/8]}
auth: {users: {%[7]s: %[8]s}}
drain: {deadline: 1s}
admin: {listen: "127.0.0.1:%[3]d"}
store: {path: %[10]s}
api:
  listen: http://127.0.0.1:%[4]d
  access-keys: [%[9]s]
`

// A troubled is a relay to which something happens while a call goes on.
type troubled struct {
	*process
	*fleet // of the service, to ask it for users
	admin  string
	relay  string
	dir    string // of its configuration, certificate and state
	call   *fleetCall
}

// startTroubled runs one with more lines in the service's configuration and a certificate that is
// good until some time. By, if not nil, is the command that becomes turnout with a configuration.
func startTroubled(t *testing.T, more string, expires time.Time, by func(turnout, file string) *exec.Cmd) *troubled {
	t.Helper()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	r := ports.Reserve(t, 32)
	d := &troubled{
		fleet: &fleet{t: t, service: fmt.Sprintf("http://127.0.0.1:%d", r.First+2)},
		admin: fmt.Sprintf("127.0.0.1:%d", r.First+1), relay: fmt.Sprintf("127.0.0.1:%d", r.First), dir: t.TempDir(),
	}
	certifyUntil(t, d.dir, expires)
	file := filepath.Join(d.dir, "turnout.yaml")
	text := fmt.Sprintf(troubleConfiguration, realm, r.First, r.First+1, r.First+2, r.First+3, r.Last(), user, password, accessKey, filepath.Join(d.dir, "state")) + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(d.dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(name, "serve", "--config", file)
	if by != nil {
		command = by(name, file)
	}
	d.process = launchBy(t, d.admin, command)
	t.Cleanup(func() { stop(t, d.Process, d.ended) })
	d.call = d.allocate(t, user, password)
	return d
}

// allocate begins a call.
func (d *troubled) allocate(t *testing.T, name, password string) *fleetCall {
	t.Helper()
	client, _ := pionClient(t, "udp", d.relay, name, password)
	c := &fleetCall{client: client, relayed: allocate(t, client), peer: listen(t, "127.0.0.1:0")}
	c.relays(t)
	return c
}

// is waits until /readyz, which is 200 whatever is wrong, gives these reasons and no others, and
// wants the metric to say the same and both the old call and a new one to work.
func (d *troubled) is(t *testing.T, reasons ...string) {
	t.Helper()
	took := eventually(t, fmt.Sprintf("/readyz says %q", reasons), func() error { return reasonsAre(d.admin, reasons) })
	metrics := get(t, "http://"+d.admin+"/metrics")
	for _, reason := range []string{"store", "issuer_keys", "certificate_expired", "certificate_expires", "certificate_unusable", "log", "reload"} {
		want := fmt.Sprintf("turnout_degraded{reason=%q} 0\n", reason)
		if slices.Contains(reasons, reason) {
			want = strings.Replace(want, " 0\n", " 1\n", 1)
		}
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	d.call.relays(t)
	d.allocate(t, user, password)
	t.Logf("/readyz says %q after %v; calls go on, and new ones are made", reasons, took.Round(time.Millisecond))
}

// reasonsAre compares what /readyz gives.
func reasonsAre(admin string, want []string) error {
	code, text, err := readiness(admin)
	if err != nil {
		return err
	}
	var answer struct {
		Status  string
		Reasons []struct{ Reason, Message string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return err
	}
	var got []string
	for _, r := range answer.Reasons {
		got = append(got, r.Reason)
		if r.Message == "" {
			return fmt.Errorf("no sentence for %s", r.Reason)
		}
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) || code != http.StatusOK || (answer.Status == "ok") != (len(want) == 0) {
		return fmt.Errorf("%d %s", code, text)
	}
	return nil
}

// TestFullDisk gives turnout a small disk of its own for its state and its log, and fills it. The
// disk is in a mount namespace that ends with the process.
func TestFullDisk(t *testing.T) {
	peers(t)
	t.Parallel()
	unshare := tool(t, "unshare")
	d := startTroubled(t, "", time.Now().Add(24*time.Hour), func(turnout, file string) *exec.Cmd {
		state := filepath.Join(filepath.Dir(file), "state")
		return exec.Command(unshare, "--mount", "sh", "-c", `mount -t tmpfs -o size=512k tmpfs "$1" && exec "$2" serve --config "$3" 2>>"$1/log"`, "sh", state, turnout, file)
	})
	within := filepath.Join(fmt.Sprintf("/proc/%d/root", d.Pid), d.dir, "state") // the disk, as the process sees it
	alice := d.user()
	d.is(t)

	fill(t, filepath.Join(within, "fill"))
	refused := eventually(t, "no more users are made", func() error {
		status, err := d.post("/identities?api-version=2023-10-01", "", map[string]any{}, nil)
		if err == nil && status < http.StatusInternalServerError {
			err = fmt.Errorf("create a user: %d", status)
		}
		return err
	})
	t.Logf("a user was refused %v after the disk was full", refused.Round(time.Millisecond))
	eventually(t, "lines of the log are lost", func() error {
		d.allocate(t, user, password).relayed.Close() // whose end is a line
		if !strings.Contains(get(t, "http://"+d.admin+"/metrics"), `turnout_degraded{reason="log"} 1`) {
			return errors.New("the log is written")
		}
		return nil
	})
	d.is(t, "store", "log")
	name, password := alice.credential() // of a user that was there before
	d.allocate(t, name, password)

	if err := os.Remove(filepath.Join(within, "fill")); err != nil {
		t.Fatal(err)
	}
	d.is(t)
	d.user()
	eventually(t, "the log says that it is over", func() error {
		logged, err := os.ReadFile(filepath.Join(within, "log"))
		if err == nil && !strings.Contains(string(logged), `"msg":"no longer degraded","reason":"store"`) {
			err = fmt.Errorf("the log lacks it:\n%s", logged)
		}
		return err
	})
}

// fill writes until the disk takes no more.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk does not fill: %v", err)
	}
}

// TestExpiredCertificate has a certificate run out, and be renewed.
func TestExpiredCertificate(t *testing.T) {
	peers(t)
	t.Parallel()
	d := startTroubled(t, "", time.Now().Add(10*time.Minute), nil)
	d.is(t, "certificate_expires")
	certifyUntil(t, d.dir, time.Now().Add(6*time.Second))
	if r := askAdmin(t, d.admin, "POST", "/v1/reload"); r.code != http.StatusOK { // long before, except on a machine that stands still
		t.Fatalf("POST /v1/reload: %d %s", r.code, r.body)
	}
	d.is(t, "certificate_expired")
	// Clients that do not look at the time get through.
	conn, err := tls.Dial("tcp", d.relay, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	certify(t, d.dir)
	d.is(t)
}

// TestIssuerOutOfReach has the service trust an issuer that is not there.
func TestIssuerOutOfReach(t *testing.T) {
	peers(t)
	t.Parallel()
	nobody := ports.Reserve(t, 1).First
	d := startTroubled(t, fmt.Sprintf("  issuers: [{issuer: \"https://idp.example\", audience: turn, jwks: \"https://127.0.0.1:%d/jwks\"}]\n", nobody), time.Now().Add(24*time.Hour), nil)
	d.is(t, "issuer_keys")
	name, password := d.user().credential() // its own users are served
	d.allocate(t, name, password)
}

// TestDeadStore kills the store of a fleet, and starts it again.
func TestDeadStore(t *testing.T) {
	peers(t)
	t.Parallel()
	f := startFleet(t)
	alice := f.user()
	calls := alice.allocate()
	wants := func(reasons ...string) {
		t.Helper()
		for _, admin := range []string{f.relays[0].admin, f.relays[1].admin, f.admin} {
			eventually(t, fmt.Sprintf("%s says %q", admin, reasons), func() error { return reasonsAre(admin, reasons) })
		}
		for _, c := range calls {
			c.relays(t)
		}
		alice.allocate() // with a credential that is made now
	}
	wants()
	f.store.kill()
	wants("store")
	f.store.start(f.folder)
	wants()
}
