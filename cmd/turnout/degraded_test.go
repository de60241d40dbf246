package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// relaysStill makes an allocation with a new credential.
func relaysStill(t *testing.T, service string) {
	t.Helper()
	turnout := another(t, connectionString(service, decoded(t, accessKey)))
	text, _ := turnout(exitOK, "credentials", "--user", "caller")
	_ = allocate(t, text).Close()
}

// TestServeDegradedByReload changes the file to what cannot be used, and back: calls go on being made meanwhile.
func TestServeDegradedByReload(t *testing.T) {
	t.Parallel()
	c, file, service, operator, stop := offering(t, "")
	good, err := os.ReadFile(file)
	must(t, err)
	becomes(t, operator)
	before := configurationHash(t, operator)
	must(t, os.WriteFile(file, append(good, []byte("relayy: {}\n")...), 0o600))
	becomes(t, operator, "reload")
	relaysStill(t, service)
	if got := metric(t, operator, "turnout_config_last_reload_successful"); got != "0" {
		t.Errorf("last reload successful: %s", got)
	}
	must(t, os.WriteFile(file, append(good, []byte("log: {level: debug}\n")...), 0o600))
	becomes(t, operator)
	if got := metric(t, operator, `turnout_config_reloads_total{result="ok"}`); got != "1" {
		t.Errorf("%s reloads succeeded, want 1", got)
	}
	if after := configurationHash(t, operator); after == before || after == "" {
		t.Errorf("hash %q, and before it was %q", after, before)
	}
	logged := func() bool {
		return strings.Contains(c.err.String(), `"msg":"no longer degraded","reason":"reload","was":"The configuration was changed`)
	}
	for deadline := time.Now().Add(20 * time.Second); !logged() && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
	}
	if code := stop(); code != exitOK || !logged() {
		t.Errorf("exit %d: %s", code, &c.err)
	}
}

// configurationHash is what turnout_config_info shows.
func configurationHash(t *testing.T, operator string) string {
	t.Helper()
	for _, hash := range regexp.MustCompile(`turnout_config_info\{hash="([0-9a-f]+)"\} 1`).FindAllStringSubmatch(scrape(t, operator), -1) {
		return hash[1]
	}
	return ""
}

// TestServeDegradedByCertificate shows certificates near and past their end.
func TestServeDegradedByCertificate(t *testing.T) {
	t.Parallel()
	for reason, left := range map[string]time.Duration{"certificate_expires": 48 * time.Hour, "certificate_expired": -time.Hour} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			cert, key := certifyFor(t, t.TempDir(), time.Now().Add(-90*24*time.Hour), time.Now().Add(left), "turn.test")
			c, _, service, operator, stop := offering(t, "tls: {cert: "+cert+", key: "+key+"}")
			becomes(t, operator, reason)
			relaysStill(t, service)
			if got := metric(t, operator, `turnout_certificate_expiry_timestamp_seconds{key="tls.cert"}`); got == "" {
				t.Error("no expiry in the metrics")
			}
			if code := stop(); code != exitOK {
				t.Errorf("exit %d: %s", code, &c.err)
			}
		})
	}
}

// TestServeDegradedByCertificateFiles breaks a certificate's file; how one is mended, package secure tests in virtual time.
func TestServeDegradedByCertificateFiles(t *testing.T) {
	t.Parallel()
	cert, key := certifyFor(t, t.TempDir(), time.Now(), time.Now().Add(90*24*time.Hour), "turn.test")
	c, _, service, operator, stop := offering(t, "tls: {cert: "+cert+", key: "+key+"}")
	becomes(t, operator)
	if err := os.WriteFile(cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	becomes(t, operator, "certificate_unusable")
	relaysStill(t, service)
	if code := stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, &c.err)
	}
}

// TestServeDegradedByLog fills the disk of the log, and empties it again.
func TestServeDegradedByLog(t *testing.T) {
	t.Parallel()
	c := newConsole(t, "TURNOUT_ADMIN_LISTEN=127.0.0.1:0", "TURNOUT_API_LISTEN=http://127.0.0.1:0")
	var d disk
	c.stderr = &d
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- c.run(ctx, []string{"serve"}) }()
	var operator string
	for deadline := time.Now().Add(30 * time.Second); operator == "" && time.Now().Before(deadline); <-time.After(time.Millisecond) {
		if m := regexp.MustCompile(`(?m)^operator   (http://[^/\s]+)`).FindStringSubmatch(c.out.String()); m != nil {
			operator = m[1]
		}
	}
	if operator == "" {
		t.Fatalf("serve printed no address: %s%s", &c.out, d.String())
	}
	becomes(t, operator)
	d.full.Store(true)
	c.relay.config.Logger.Info("a line that nobody will read")
	becomes(t, operator, "log")
	if got := metric(t, operator, "turnout_log_lines_lost_total"); got == "0" || got == "" {
		t.Errorf("%s lines lost", got)
	}
	d.full.Store(false)
	becomes(t, operator)
	cancel()
	if got := <-code; got != exitOK || !strings.Contains(d.String(), `"msg":"lines of this log are lost"`) || strings.Contains(d.String(), "nobody will read") {
		t.Errorf("exit %d: %s", got, d.String())
	}
}
