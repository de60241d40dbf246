package peertest

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"turnout/internal/ports"
)

// pageConfiguration is that of a relay with a service on loopback.
const pageConfiguration = `realm: %[1]s
listen: [udp://127.0.0.1:%[2]d, tcp://127.0.0.1:%[2]d]
relay: {addresses: [127.0.0.1], ports: %[5]d-%[6]d}
peers: {allow: [127.0.0.0/8]}
drain: {deadline: 1s}
admin: {listen: "127.0.0.1:%[3]d"}
api: {listen: "http://127.0.0.1:%[4]d", access-keys: [%[7]s]}
store: {path: %[8]s}
`

// A testPage is the page of a running service, and a user's token to use it with.
type testPage struct{ relay, address, token string }

// startPage runs turnout with its service. A user may have so many allocations; 0
// is any number.
func startPage(t *testing.T, allocations int) testPage {
	t.Helper()
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: turnout is not started")
	}
	r := ports.Reserve(t, relayPorts+3)
	admin, service := r.First+1, r.First+2
	text := fmt.Sprintf(pageConfiguration, realm, r.First, admin, service, r.First+3, r.Last(), accessKey, t.TempDir())
	text += fmt.Sprintf("quota: {user: {allocations: %d}}\n", allocations)
	file := filepath.Join(t.TempDir(), "turnout.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, fmt.Sprintf("127.0.0.1:%d", admin), "--config", file)
	p := testPage{relay: fmt.Sprintf("127.0.0.1:%d", r.First), address: fmt.Sprintf("http://127.0.0.1:%d/", service)}
	connection := "TURNOUT_CONNECTION_STRING=endpoint=" + p.address + ";accesskey=" + accessKey
	p.token = ask(t, connection, "token", "mint", "--user", ask(t, connection, "user", "create"))
	return p
}

// ask runs a command of turnout's against a service, and returns what it prints.
func ask(t *testing.T, connection string, args ...string) string {
	t.Helper()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), name, args...)
	command.Env = append(os.Environ(), connection)
	out, err := command.Output()
	if err != nil {
		t.Fatalf("turnout %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// What browser/page.mjs prints: what the page showed, and what it asked for.
type (
	showing struct {
		Access, Result, Address, Ground string
		Ways                            []way
		Calls                           []pageCall
		Sentences, Codes, Steps         []string
		Disabled                        bool
		Overflow                        []int // pixels by which the page is wider than its window
		Unnamed                         []string
		Complaints, Requests            []string
	}
	way struct {
		URL, Kind, Verdict   string
		Candidates, Problems []string
	}
	pageCall struct {
		Result, Problems, Echo string
		Path                   []string
		Early, Late            []plot
		Frames, Width, Height  int
	}
	plot struct{ Title, Value, Label, Curve string }
)

// use has the browser go through one scenario, and checks what holds in each: the
// page asks nobody but the service, never with the token in an address, and neither
// errs nor breaks its policy.
func (p testPage) use(t *testing.T, scenario string) (got showing) {
	t.Helper()
	runScript(t, "page.mjs", p.token, &got, p.address, os.Getenv("PEERTEST_SCREENSHOTS"), scenario)
	for _, asked := range got.Requests {
		if !strings.HasPrefix(asked, p.address) || strings.Contains(asked, p.token) || strings.Contains(asked, url.QueryEscape(p.token)) {
			t.Errorf("the page asks for %s", asked)
		}
	}
	for _, complaint := range got.Complaints {
		// The browser notes a refused request as an error, which it is meant to be here.
		if scenario != "wrong token" || !strings.Contains(complaint, "status of 401") {
			t.Errorf("the browser complains: %s", complaint)
		}
	}
	for _, over := range got.Overflow {
		if over > 0 {
			t.Errorf("the page is %d pixels wider than its window", over)
		}
	}
	return got
}

// TestPage has a browser do what a newcomer does with the page that the service has
// at its root: by light, in the dark, and on a phone 360 pixels wide.
func TestPage(t *testing.T) {
	peers(t)
	p := startPage(t, 0)
	for _, c := range []struct {
		scenario, ground string
		transports       []string // of its calls
	}{
		{"light", "rgb(244, 245, 242)", []string{"udp", "tcp"}},
		{"dark", "rgb(19, 23, 22)", []string{"tcp"}},
		{"phone", "rgb(244, 245, 242)", []string{"udp"}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			got := p.use(t, c.scenario)
			if got.Address != p.address {
				t.Errorf("the address bar shows %s: the token stays in it", got.Address)
			}
			if !strings.HasPrefix(got.Access, "✓ Credentials received, valid until ") || got.Result != "✓ All 3 addresses work." {
				t.Errorf("the page says %q and %q", got.Access, got.Result)
			}
			p.checkWays(t, got.Ways)
			if len(got.Calls) != len(c.transports) {
				t.Fatalf("%d calls, want one for each of %q", len(got.Calls), c.transports)
			}
			for i, transport := range c.transports {
				checkCall(t, got.Calls[i], transport, 320, 240)
			}
			if len(got.Unnamed) > 0 {
				t.Errorf("without a name for screen readers: %q", got.Unnamed)
			}
			if got.Ground != c.ground {
				t.Errorf("the ground is %s, want %s", got.Ground, c.ground)
			}
		})
	}
}

// checkWays wants every address to work and to give the candidates it is for.
func (p testPage) checkWays(t *testing.T, ways []way) {
	t.Helper()
	wants := map[string]string{"stun:" + p.relay: "server reflexive", "turn:" + p.relay + "?transport=udp": "relay", "turn:" + p.relay + "?transport=tcp": "relay"}
	if len(ways) != len(wants) {
		t.Errorf("%d addresses, want %d", len(ways), len(wants))
	}
	for _, w := range ways {
		if w.Kind != "way good" || !strings.HasPrefix(w.Verdict, "✓ works, in ") || !strings.Contains(w.Verdict, " ms") || len(w.Problems) > 0 {
			t.Errorf("%s: %s, %q, problems %q", w.URL, w.Kind, w.Verdict, w.Problems)
		}
		if want := wants[w.URL]; !slices.Contains(w.Candidates, "host") || !slices.Contains(w.Candidates, want) {
			t.Errorf("%s: candidates %q, want host and %q", w.URL, w.Candidates, want)
		}
	}
}

// checkCall wants a call whose both ends are relayed by the transport, text that came
// back, a picture of that size, and plots that go on.
func checkCall(t *testing.T, c pageCall, transport string, width, height int) {
	t.Helper()
	if !strings.HasPrefix(c.Result, "✓ The call stands: all of it passes through the relay.") {
		t.Fatalf("%s\n%s", c.Result, c.Problems)
	}
	if end := "relay " + transport; !slices.Equal(c.Path, []string{end, end}) {
		t.Errorf("the path is %q, want %q on both sides", c.Path, end)
	}
	if !strings.Contains(c.Echo, " came back in ") {
		t.Errorf("the other end says %q", c.Echo)
	}
	if c.Frames < 20 || c.Width != width || c.Height != height {
		t.Errorf("%d frames of %dx%d shown, want 20 and more of %dx%d", c.Frames, c.Width, c.Height, width, height)
	}
	for i, title := range []string{"Round trip", "Bitrate", "Loss"} {
		if len(c.Early) != 3 || len(c.Late) != 3 {
			t.Fatalf("%d plots, later %d", len(c.Early), len(c.Late))
		}
		early, late := c.Early[i], c.Late[i]
		if late.Title != title || len(late.Curve) <= len(early.Curve) || !strings.HasPrefix(late.Label, title+": now ") || strings.Contains(late.Curve, "NaN") {
			t.Errorf("plot %d was %+v and is %+v", i, early, late)
		}
	}
	if v := c.Late[1].Value; !strings.HasSuffix(v, "bit/s") || v == "0 kbit/s" {
		t.Errorf("the bitrate is %s", v)
	}
}

// TestPageErrors wants the right sentence for what newcomers get wrong.
func TestPageErrors(t *testing.T) {
	peers(t)
	p := startPage(t, 0)
	t.Run("wrong token", func(t *testing.T) {
		got := p.use(t, "wrong token")
		wants := []string{"This is not a user token", "token malformed", "token signature invalid"}
		for i, want := range wants {
			if len(got.Sentences) != len(wants) || !strings.Contains(got.Sentences[i], want) {
				t.Fatalf("the page says %q, want %q", got.Sentences, wants)
			}
		}
		if !got.Disabled {
			t.Error("a call can be started without credentials")
		}
		slices.Sort(got.Codes)
		if all := len(got.Codes); all != 7 || len(slices.Compact(got.Codes)) != all {
			t.Errorf("codes are not told apart: %q", got.Codes)
		}
	})
	t.Run("refused credential", func(t *testing.T) {
		got := p.use(t, "refused credential")
		if got.Result != "✗ No address that relays works: no call gets through." || len(got.Ways) != 4 {
			t.Fatalf("the page says %q of %d addresses", got.Result, len(got.Ways))
		}
		const refused, silent = "The relay does not accept the name and password.", "No answer came from this address."
		for i, want := range []string{"", refused, refused, silent} {
			w := got.Ways[i]
			if text := strings.Join(w.Problems, "\n"); want == "" && text != "" || !strings.Contains(text, want) {
				t.Errorf("%s: %q, want %q", w.URL, text, want)
			}
		}
		if c := got.Calls[0]; !strings.HasPrefix(c.Result, "✗ The call did not come about.") || strings.Count(c.Problems, refused) != 1 {
			t.Errorf("the call: %q, %q", c.Result, c.Problems)
		}
	})
	t.Run("quota", func(t *testing.T) {
		got := startPage(t, 1).use(t, "quota")
		const used = "This user has borrowed as many addresses as it may."
		if c := got.Calls[0]; !strings.HasPrefix(c.Result, "✗ The call did not come about.") || !strings.Contains(c.Problems, used) {
			t.Errorf("the call: %q, %q; the addresses: %+v", c.Result, c.Problems, got.Ways)
		}
	})
}

// TestPageByKeyboard uses no pointer, and the focus is never lost.
func TestPageByKeyboard(t *testing.T) {
	peers(t)
	got := startPage(t, 0).use(t, "keyboard")
	if want := []string{"token", "drawn", "way", "start", "then stop", "text", "stop", "then start"}; !slices.Equal(got.Steps, want) {
		t.Errorf("the focus went %q, want %q", got.Steps, want)
	}
	if c := got.Calls[0]; got.Result != "✓ All 3 addresses work." || !strings.HasPrefix(c.Result, "✓") || !strings.Contains(c.Echo, "by keys came back in ") {
		t.Errorf("the page says %q, %+v", got.Result, c)
	}
}

// TestPageCamera sends the camera's picture where the person allows it, and says so
// and sends the drawn one where not.
func TestPageCamera(t *testing.T) {
	peers(t)
	p := startPage(t, 0)
	checkCall(t, p.use(t, "camera allowed").Calls[0], "udp", 640, 480)
	refused := p.use(t, "camera refused").Calls[0]
	checkCall(t, refused, "udp", 320, 240)
	if !strings.Contains(refused.Result, "The camera was not allowed. The drawn picture is sent in its place.") {
		t.Errorf("the page says %q", refused.Result)
	}
}
