package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"turnout/auth/identity"
	"turnout/auth/token"
	"turnout/internal/admin"
	"turnout/internal/ports"
)

// TestFaults wants a name and a sentence of each.
func TestFaults(t *testing.T) {
	t.Parallel()
	var names []string
	for f := range numFaults {
		if slices.Contains(names, f.String()) || !regexp.MustCompile(`^[a-z_]+$`).MatchString(f.String()) {
			t.Errorf("name %q", f)
		}
		if s := faults[f].sentence; !strings.HasSuffix(s, ".") {
			t.Errorf("%v: sentence %q", f, s)
		}
		names = append(names, f.String())
	}
}

// TestHealth has things go wrong and right again: /readyz and metrics know at once, the log within a second, once.
func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h health
		var out buffer
		var troubles atomic.Pointer[[]trouble]
		wrong := func(all ...trouble) { troubles.Store(&all) }
		wrong()
		h.set("replaced", func() []trouble { return []trouble{{fault: faultLog}} })
		h.set("first", func() []trouble { return *troubles.Load() })
		h.set("replaced", func() []trouble { return nil })
		stop := h.watch(slog.New(slog.NewTextHandler(&out, nil)))
		degraded := func() (all []string) {
			h.degraded(func(reason string, is bool) {
				if is {
					all = append(all, reason)
				}
			})
			return all
		}
		time.Sleep(5 * time.Second)
		if h.reasons() != nil || degraded() != nil || out.String() != "" {
			t.Errorf("nothing is wrong: %v %v %s", h.reasons(), degraded(), &out)
		}
		wrong(trouble{fault: faultIssuerKeys, what: "https://a.example", err: errors.New("it is away")}, trouble{fault: faultIssuerKeys, what: "https://b.example"}, trouble{fault: faultStore})
		sentence := faults[faultIssuerKeys].sentence
		want := []admin.Reason{
			{Reason: "issuer_keys", Message: "https://a.example: " + sentence},
			{Reason: "issuer_keys", Message: "https://b.example: " + sentence},
			{Reason: "store", Message: faults[faultStore].sentence},
		}
		if got := h.reasons(); !slices.Equal(got, want) {
			t.Errorf("reasons %v", got)
		}
		if got := degraded(); !slices.Equal(got, []string{"store", "issuer_keys"}) {
			t.Errorf("degraded %v", got)
		}
		time.Sleep(10 * time.Second)
		if text := out.String(); strings.Count(text, "level=WARN msg=degraded") != 3 || strings.Count(text, "\n") != 3 || !strings.Contains(text, `error="it is away"`) {
			t.Errorf("log: %s", text)
		}
		wrong(trouble{fault: faultIssuerKeys, what: "https://b.example"})
		time.Sleep(healthEvery)
		synctest.Wait()
		if text := out.String(); strings.Count(text, `level=INFO msg="no longer degraded" reason=`) != 2 || strings.Count(text, "\n") != 5 {
			t.Errorf("log: %s", text)
		}
		stop()
	})
}

// failing is a store that is away.
type failing struct {
	identity.Store
	err error
}

func (f *failing) Status() error { return f.err }

// TestStoreProbe tells a store that is away from revocations that are not followed, and both from too many of them.
func TestStoreProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var none *keep
		if all := none.probe(); all != nil {
			t.Errorf("no store: %v", all)
		}
		store := &failing{Store: identity.NewMemory()}
		view, err := identity.NewRevocations(identity.RevocationsConfig{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		k := &keep{store: store, revocations: view}
		found := func() (all []string) {
			for _, p := range k.probe() {
				all = append(all, p.fault.String())
			}
			return all
		}
		if got := found(); !slices.Equal(got, []string{"revocations"}) {
			t.Errorf("before revocations were read: %v", got)
		}
		go view.Run(t.Context(), store)
		<-view.Ready()
		synctest.Wait()
		if got := found(); got != nil {
			t.Errorf("all well: %v", got)
		}
		store.err = identity.ErrUnavailable
		if got := found(); !slices.Equal(got, []string{"store"}) {
			t.Errorf("store away: %v", got)
		}
		store.err = nil
		d, err := identity.NewDirectory(identity.DirectoryConfig{Store: store, Revocations: view, Resource: "6f0c1f2e-9a53-4f5b-8b1f-0d6a6c1f7a10"})
		if err != nil {
			t.Fatal(err)
		}
		for _, subject := range []string{"a", "b", "c"} {
			if _, err := d.Revoke(t.Context(), subject); err != nil {
				t.Fatal(err)
			}
		}
		if got := found(); !slices.Equal(got, []string{"revocations_overflow"}) {
			t.Errorf("three revocations where one is held: %v", got)
		}
	})
}

// TestIssuersProbe has an issuer that cannot be reached, and then can.
func TestIssuersProbe(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	away.Store(true)
	idp := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","alg":"EdDSA","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	defer idp.Close()
	now := noon
	v, err := token.NewVerifier(token.VerifierConfig{
		Now: func() time.Time { return now }, Client: idp.Client(),
		Issuers: []token.Issuer{{Issuer: "https://idp.example", Audience: "turn", JWKS: idp.URL}},
	})
	if err != nil {
		t.Fatal(err)
	}
	probe := issuersProbe(v)
	if all := probe(); all != nil {
		t.Errorf("before any attempt: %v", all)
	}
	// A token of the issuer, with a key that nobody knows, makes the verifier fetch.
	const unknown = "eyJhbGciOiJFZERTQSIsImtpZCI6ImIifQ.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIn0." +
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if _, err := v.Verify(t.Context(), unknown); !errors.Is(err, token.ErrUnavailable) {
		t.Fatalf("verify: %v", err)
	}
	all := probe()
	if len(all) != 1 || all[0].fault != faultIssuerKeys || all[0].what != "https://idp.example" || !strings.Contains(all[0].err.Error(), "502") {
		t.Errorf("issuer away: %v", all)
	}
	away.Store(false)
	now = now.Add(time.Minute) // sooner it is not asked again
	if _, err := v.Verify(t.Context(), unknown); !errors.Is(err, token.ErrSignature) {
		t.Fatalf("verify: %v", err)
	}
	if all := probe(); all != nil {
		t.Errorf("issuer back: %v", all)
	}
}

// TestExpiring is about certificates at the ends of their lives.
func TestExpiring(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		life, left time.Duration
		want       string // empty: nothing is wrong
	}{
		{90 * day, 8 * day, ""},
		{90 * day, 7 * day, ""},
		{90 * day, 7*day - 1, "certificate_expires"},
		{90 * day, 1, "certificate_expires"},
		{90 * day, 0, "certificate_expired"},
		{90 * day, -day, "certificate_expired"},
		{6 * day, 3 * day, ""}, // one that is renewed every third day
		{6 * day, 2*day - 1, "certificate_expires"},
	} {
		end := noon.Add(c.left)
		got := ""
		if f, troubled := expiring(&x509.Certificate{NotBefore: end.Add(-c.life), NotAfter: end}, noon); troubled {
			got = f.String()
		}
		if got != c.want {
			t.Errorf("%v of %v left: %q, want %q", c.left, c.life, got, c.want)
		}
	}
}

// readiness asks /readyz, and gives the words of what is wrong.
func readiness(t *testing.T, operator string) (code int, status string, reasons []string) {
	t.Helper()
	r, err := http.Get(operator + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Status  string
		Reasons []struct{ Reason, Message string }
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, one := range answer.Reasons {
		if one.Message == "" {
			t.Errorf("%s without a sentence", one.Reason)
		}
		reasons = append(reasons, one.Reason)
	}
	return r.StatusCode, answer.Status, reasons
}

// becomes waits until /readyz, which must be 200 once the relay has started, names these reasons and no others.
func becomes(t *testing.T, operator string, want ...string) {
	t.Helper()
	status := "ok"
	if len(want) > 0 {
		status = "degraded"
	}
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(10 * time.Millisecond) {
		code, got, reasons := readiness(t, operator)
		if code != http.StatusOK && got != "starting" {
			t.Fatalf("/readyz: %d %s", code, got)
		}
		if got == status && slices.Equal(reasons, want) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz says %s %v, want %s %v", got, reasons, status, want)
		}
	}
	for _, reason := range want {
		if got := metric(t, operator, `turnout_degraded{reason="`+reason+`"}`); got != "1" {
			t.Errorf("turnout_degraded of %s is %s", reason, got)
		}
	}
}

// metric is the value of a series, as it stands in a scrape; empty where there is none.
func metric(t *testing.T, operator, series string) string {
	t.Helper()
	for line := range strings.Lines(scrape(t, operator)) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// scrape is what the operator's listener shows Prometheus.
func scrape(t *testing.T, operator string) string {
	t.Helper()
	r, err := http.Get(operator + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestServeDegraded serves with an issuer that is not there: it is ready and says what is wrong, everywhere.
func TestServeDegraded(t *testing.T) {
	t.Parallel()
	nobody := "https://127.0.0.1:" + ports.One(t)
	c, _, _, operator, stop := offering(t, "  issuers: [{issuer: \"https://idp.example\", audience: turn, jwks: \""+nobody+"\"}]")
	becomes(t, operator, "issuer_keys")
	for series, want := range map[string]string{
		`turnout_degraded{reason="issuer_keys"}`: "1", `turnout_degraded{reason="store"}`: "0", "turnout_store_up": "1",
		"turnout_config_last_reload_successful": "1", `turnout_issuer_keys{issuer="https://idp.example"}`: "0",
		`turnout_issuer_key_fetches_total{issuer="https://idp.example",result="unreachable"}`: "1", `turnout_revocations{kind="subjects"}`: "0", `turnout_log_lines_total{level="error"}`: "0",
	} {
		if got := metric(t, operator, series); got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
	for _, series := range []string{"turnout_store_file_bytes", `turnout_store_operations_total{kind="documents",operation="write"}`, "turnout_config_loaded_timestamp_seconds"} {
		if got := metric(t, operator, series); got == "" || got == "0" {
			t.Errorf("%s is %q", series, got)
		}
	}
	logged := func() bool {
		text := c.err.String()
		return strings.Contains(text, `"msg":"degraded","reason":"issuer_keys"`) && strings.Contains(text, "connection refused")
	}
	for deadline := time.Now().Add(20 * time.Second); !logged() && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
	}
	if code := stop(); code != exitOK || !logged() {
		t.Errorf("exit %d, and the log is %s", code, &c.err)
	}
}
