package peertest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/turn/v4"

	"turnout/internal/ports"
)

// operatorConfiguration is that of a relay whose operator has a page.
const operatorConfiguration = `realm: %[1]s
listen: [udp://127.0.0.1:%[2]d, tcp://127.0.0.1:%[2]d]
relay: {addresses: [127.0.0.1], ports: %[4]d-%[5]d}
peers: {allow: [127.0.0.0/8]}
auth:
  secrets: [{id: k1, secret: %[6]s}]
  users: {%[7]s: %[8]s}
drain: {deadline: 1s}
admin: {listen: "127.0.0.1:%[3]d"%[9]s}
`

// An operatorPage is the page of a running relay.
type operatorPage struct {
	relay, address string
	file           string // its configuration
	token          string // what the admin listener asks for, if anything
	alice          *turn.Client
	relayed        net.PacketConn // alice's
	dan            *turn.Client   // somebody whom nobody ends
}

// startOperator runs turnout with allocations on it: alice's, which relays all the time, two of
// carol's, dan's, and enough others to fill a page of the list.
func startOperator(t *testing.T, token string) *operatorPage {
	t.Helper()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	r := ports.Reserve(t, relayPorts+2)
	dir, tokenFile := t.TempDir(), ""
	if token != "" {
		tokenFile = ", token-file: " + filepath.Join(dir, "token")
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(operatorConfiguration, realm, r.First, r.First+1, r.First+2, r.Last(), secret, user, password, tokenFile)
	file := filepath.Join(dir, "turnout.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &operatorPage{relay: fmt.Sprintf("127.0.0.1:%d", r.First), address: fmt.Sprintf("http://127.0.0.1:%d/", r.First+1), file: file, token: token}
	serve(t, fmt.Sprintf("127.0.0.1:%d", r.First+1), "--config", file)
	if token != "" {
		return p
	}
	p.alice, _ = pionClient(t, "udp", p.relay, user, password)
	p.relayed = allocate(t, p.alice)
	for i := range 28 {
		p.borrow(t, "udp", fmt.Sprintf("user-%02d", i))
	}
	p.borrow(t, "udp", "carol")
	p.borrow(t, "tcp", "carol")
	p.dan = p.borrow(t, "tcp", "dan")
	p.keepBusy(t)
	return p
}

// borrow makes an allocation for somebody who has a credential.
func (p *operatorPage) borrow(t *testing.T, transport, name string) *turn.Client {
	t.Helper()
	username, derived, err := turn.GenerateLongTermTURNRESTCredentials(secret, name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	client, _ := pionClient(t, transport, p.relay, username, derived)
	allocate(t, client)
	return client
}

// keepBusy has alice and a peer send to each other until the test is over, and somebody else
// send what is dropped and refused.
func (p *operatorPage) keepBusy(t *testing.T) {
	t.Helper()
	peer, stranger := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	relay, err := net.ResolveUDPAddr("udp", p.relay)
	if err != nil {
		t.Fatal(err)
	}
	send(t, p.relayed, "begin", peer.LocalAddr())
	receive(t, peer, "begin")
	ended := make(chan struct{})
	t.Cleanup(func() { <-ended })
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for payload := make([]byte, 1000); ; {
			select {
			case <-t.Context().Done():
				return
			case <-tick.C:
			}
			// What is lost, or refused once alice's allocation has ended, is not this test's matter.
			_, _ = p.relayed.WriteTo(payload, peer.LocalAddr())
			_, _ = peer.WriteTo(payload, p.relayed.LocalAddr())
			_, _ = stranger.WriteTo([]byte{0xFF, 0, 0, 0}, relay)
		}
	}()
}

// What browser/operator.mjs prints.
type operatorShowing struct {
	States, Steps, Read, Marks, Sentences, Requested []string
	Plots                                            []operatorPlot
	Lists                                            map[string][]string // users, by what was looked for
	Details, Question, Ended, EndedAll               string
	Readiness                                        []int
	Reload, Reloaded, Configuration                  string
	Numbers                                          []float64
	Remembered                                       float64 // seconds before the page was opened that its plots begin
	Kept                                             struct {
		Session, Local int
		Cookies        string
	}
	Address, Ground      string
	Overflow             []int
	Unnamed              []string
	Complaints, Requests []string
}

type operatorPlot struct {
	ID                    string
	Legend, Ticks, Curves []string
}

// use has the browser go through one scenario, and checks what holds in each: the page asks
// nobody but the relay, never with the token in an address, and neither errs nor breaks its policy.
func (p *operatorPage) use(t *testing.T, scenario string) (got operatorShowing) {
	t.Helper()
	runScript(t, "operator.mjs", p.token, &got, p.address, os.Getenv("PEERTEST_SCREENSHOTS"), scenario)
	for _, asked := range got.Requests {
		if !strings.HasPrefix(asked, p.address) || p.token != "" && strings.Contains(asked, p.token) {
			t.Errorf("the page asks for %s", asked)
		}
	}
	expected := map[string]string{"token": "status of 401", "silence": "net::ERR_FAILED", "broken file": "status of 422"} // the browser notes each as an error
	for _, complaint := range got.Complaints {
		if want := expected[scenario]; want == "" || !strings.Contains(complaint, want) {
			t.Errorf("the browser complains: %s", complaint)
		}
	}
	for _, over := range got.Overflow {
		if over > 0 {
			t.Errorf("the page is %d pixels wider than its window", over)
		}
	}
	if len(got.Unnamed) > 0 {
		t.Errorf("without a name for screen readers: %q", got.Unnamed)
	}
	return got
}

// ended wants the relay to know nothing of a client any more: its next request is 437.
func wantEnded(t *testing.T, client *turn.Client) {
	t.Helper()
	err := client.CreatePermission(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 9), Port: 9})
	if err == nil || !strings.Contains(err.Error(), "437") {
		t.Errorf("a client whose allocation was ended by the page: %v, want error 437", err)
	}
}

// TestOperatorPage has a browser see what the relay does, end allocations, drain and reload.
func TestOperatorPage(t *testing.T) {
	peers(t)
	t.Parallel()
	p := startOperator(t, "")
	got := p.use(t, "light")
	if len(got.States) != 3 || got.States[0] != "Ready" || !strings.HasPrefix(got.States[1], "Draining") || got.States[2] != "Ready" || !slices.Equal(got.Readiness, []int{200, 503, 200}) {
		t.Errorf("the relay's states were %q, and /readyz %d", got.States, got.Readiness)
	}
	checkPlots(t, got.Plots)
	p.checkLists(t, got)
	wantEnded(t, p.alice)
	if err := p.dan.CreatePermission(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 9), Port: 9}); err != nil {
		t.Errorf("somebody whose allocation was not ended: %v", err)
	}
	if !strings.HasPrefix(got.Reload, "✓ The configuration is read.") {
		t.Errorf("reload: %q %q", got.Reload, got.Reloaded)
	}
	if !strings.Contains(got.Configuration, realm) || strings.Contains(got.Configuration, secret) || strings.Contains(got.Configuration, password) {
		t.Errorf("the configuration lacks the realm, or has secrets:\n%s", got.Configuration)
	}
	if text := strings.Join(got.Requested, "\n"); !strings.Contains(text, "allocate") || !strings.Contains(text, "success") {
		t.Errorf("requests since the start: %q", got.Requested)
	}
	if got.Ground != "rgb(244, 245, 242)" {
		t.Errorf("the ground is %s", got.Ground)
	}
	p.breakFile(t)
	p.lookOtherwise(t)
}

// breakFile puts a mistake into the configuration, and has the page say so.
func (p *operatorPage) breakFile(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(p.file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(append([]byte("quota: {user: {allocations: many}}\n"), text...))
	got := p.use(t, "broken file")
	if len(got.Sentences) != 1 || !strings.Contains(got.Sentences[0], "goes on with the one before") {
		t.Errorf("the page says of what is wrong: %q", got.Sentences)
	}
	if !strings.HasPrefix(got.Reload, "✗ ") || !strings.Contains(got.Reload, "turnout.yaml:1: quota.user.allocations") {
		t.Errorf("reload: %q", got.Reload)
	}
	write(text)
	admin := strings.TrimSuffix(strings.TrimPrefix(p.address, "http://"), "/")
	eventually(t, "the mended file is read", func() error { return reasonsAre(admin, nil) })
}

// lookOtherwise is what the page looks like elsewhere, on the same relay.
func (p *operatorPage) lookOtherwise(t *testing.T) {
	for scenario, ground := range map[string]string{"dark": "rgb(19, 23, 22)", "phone": "rgb(244, 245, 242)"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			if got := p.use(t, scenario); got.Ground != ground || len(got.Plots) != 6 || len(got.Overflow) != 3 {
				t.Errorf("ground %s, %d plots, overflow %d", got.Ground, len(got.Plots), got.Overflow)
			}
		})
	}
	t.Run("keyboard", func(t *testing.T) {
		t.Parallel()
		got := p.use(t, "keyboard")
		want := []string{"Relayed data", "subject", "then confirm-no", "then End", "confirm-yes", "then list-title", "drain", "then confirm-no", "then drain"}
		if !slices.Equal(got.Steps, want) {
			t.Errorf("the focus went %q, want %q", got.Steps, want)
		}
		if len(got.Read) != 3 || !strings.Contains(got.Read[0], "s ago: to peers ") || got.Read[1] == got.Read[0] || !strings.HasPrefix(got.Read[2], "now: to peers ") {
			t.Errorf("the plot reads %q", got.Read)
		}
		if got.Remembered <= 0 {
			t.Errorf("the plots begin %v s after the page was opened: it does not know what was before", -got.Remembered)
		}
		if len(got.Marks) != 6 || slices.Contains(got.Marks, "hidden") {
			t.Errorf("the other plots do not show what time is read: %q", got.Marks)
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		if got := p.use(t, "silence"); len(got.States) != 3 || got.States[2] != "Ready" {
			t.Errorf("the states were %q", got.States)
		}
	})
	t.Run("words", func(t *testing.T) {
		t.Parallel()
		got := p.use(t, "words")
		if want := []string{
			"0 bit/s", "999 bit/s", "1 kbit/s", "1.23 Mbit/s", "0.05/s", "12.3 k/s", "50/s", "2.5 GB", "120 µs", "34.5 ms", "2 s",
			"0 s", "1 min", "1 h 1 min", "1 d 1 h", "1 h", "neither STUN nor ChannelData", "some new reason",
		}; !slices.Equal(got.Sentences, want) {
			t.Errorf("the page's words are\n%q, want\n%q", got.Sentences, want)
		}
		want := []float64{1, 2, 4, 5, 8, 10, 1000, 0.0002, 8, 50, 0.0055, 0.055, 0.1, -1, 60}
		if !slices.EqualFunc(got.Numbers, want, func(a, b float64) bool { return a-b < 1e-12 && b-a < 1e-12 }) {
			t.Errorf("the page's numbers are %v, want %v", got.Numbers, want)
		}
	})
}

// checkPlots wants what keepBusy does to be seen.
func checkPlots(t *testing.T, plots []operatorPlot) {
	t.Helper()
	legends := map[string]string{}
	for _, p := range plots {
		legends[p.ID] = strings.Join(p.Legend, "; ")
		if len(p.Ticks) != 3 || len(p.Curves) > 0 && strings.Contains(strings.Join(p.Curves, ""), "NaN") {
			t.Errorf("plot %s: ticks %q, curves %q", p.ID, p.Ticks, p.Curves)
		}
	}
	for id, wants := range map[string][]string{
		"bits":        {"to peers", "to clients", "kbit/s"},
		"packets":     {"to peers", "to clients", "/s"},
		"latency":     {"median", "99 of 100 below"},
		"allocations": {"all 32", "UDP 30", "TCP 2"},
		"drops":       {"neither STUN nor ChannelData", "/s"},
		"failures":    {"Nobody was refused."},
	} {
		for _, want := range wants {
			if !strings.Contains(legends[id], want) {
				t.Errorf("plot %s says %q, want %q", id, legends[id], want)
			}
		}
	}
}

// checkLists wants the searches to have found what there is, and the ends to be ends.
func (p *operatorPage) checkLists(t *testing.T, got operatorShowing) {
	t.Helper()
	if first, second := got.Lists["first"], got.Lists["second"]; len(first) != 25 || len(second) != 7 || slices.ContainsFunc(first, func(u string) bool { return strings.HasPrefix(u, "user-") && slices.Contains(second, u) }) {
		t.Errorf("the first page has %q, the second %q", first, second)
	}
	for name, want := range map[string][]string{"busiest": {"alice"}, "alice": {"alice"}, "left": {"alice"}, "carol": {"carol", "carol"}, "nobody": {}} {
		if !slices.Equal(got.Lists[name], want) {
			t.Errorf("the list of %s is %q", name, got.Lists[name])
		}
	}
	if named := got.Lists["named"]; len(named) != 32 || !slices.IsSorted(named) {
		t.Errorf("both pages of the list by user: %q", named)
	}
	if len(got.Lists["block"]) != 25 {
		t.Errorf("%d rows of clients in 127.0.0.0/8", len(got.Lists["block"]))
	}
	for _, want := range []string{"alice", p.relayed.LocalAddr().String(), "127.0.0.1", "0x4", "Runs out in"} {
		if !strings.Contains(got.Details, want) {
			t.Errorf("the details lack %q:\n%s", want, got.Details)
		}
	}
	if !strings.Contains(got.Question, "alice") || !strings.HasPrefix(got.Ended, "✓ The allocation of alice (127.0.0.1:") || !strings.HasPrefix(got.EndedAll, "✓ 2 allocations of carol are ended.") {
		t.Errorf("the page asks %q and says %q and %q", got.Question, got.Ended, got.EndedAll)
	}
}

// TestOperatorToken has the page ask for the token, and keep it for its tab alone.
func TestOperatorToken(t *testing.T) {
	peers(t)
	t.Parallel()
	p := startOperator(t, "correct-horse-battery-staple")
	got := p.use(t, "token")
	if want := []string{"Ready", "Ready", "Locked"}; !slices.Equal(got.States, want) || !slices.Equal(got.Steps, []string{"token"}) {
		t.Errorf("the states were %q, and the focus on %q", got.States, got.Steps)
	}
	if len(got.Sentences) != 1 || !strings.HasPrefix(got.Sentences[0], "✗ ") {
		t.Errorf("of a wrong token the page says %q", got.Sentences)
	}
	if k := got.Kept; k.Session != 1 || k.Local != 0 || k.Cookies != "" || strings.Contains(got.Address, p.token) {
		t.Errorf("kept: %+v, at %s", k, got.Address)
	}
}
