package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestConnectionUntrusted says what to do about a certificate that the host does not know.
func TestConnectionUntrusted(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	_, errs := another(t, connectionString(s.URL, []byte("a key")))(exitFailure, "user", "list")
	if !strings.HasPrefix(errs, "turnout: the service at "+s.URL+": ") || !strings.Contains(errs, "; if its certificate is of an issuer of your own, name the issuer's by the variable SSL_CERT_FILE") || strings.Contains(errs, "/v1/users") {
		t.Errorf("stderr %q", errs)
	}
}

// TestStoreAway names the store that does not answer, and not how turnout logs in there.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	config := file(t, minimal+"api: {listen: \"http://127.0.0.1:0\", advertise: \"turn:192.0.2.1:3478\"}\nstore: {nats: {url: \"nats://alice:wonderland@127.0.0.1:1\"}}\n")
	_, errs := another(t, "")(exitFailure, "user", "list", "--config", config)
	if !strings.Contains(errs, "store unavailable: connect to NATS: ") || !strings.HasSuffix(errs, "; is NATS there, at store.nats.url nats://***@127.0.0.1:1?\n") || strings.Contains(errs, "wonderland") {
		t.Errorf("stderr %q", errs)
	}
}

// TestNewStore tells whoever asks a store that was not there: perhaps another one was meant.
func TestNewStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	config := file(t, minimal+"api: {listen: \"http://127.0.0.1:0\", advertise: \"turn:192.0.2.1:3478\"}\nstore: {path: "+dir+"}\n")
	for _, want := range []string{"turnout: there was no store in " + dir + ": a new one was made, with keys of its own\n", ""} {
		if _, errs := another(t, "")(exitOK, "user", "list", "--config", config); errs != want {
			t.Errorf("stderr %q, want %q", errs, want)
		}
	}
}
