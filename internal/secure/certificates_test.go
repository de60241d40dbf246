package secure

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"turnout/internal/netio"
)

// The certificate is the one of the name asked for that the client can verify,
// else the first.
func TestCertificateByName(t *testing.T) {
	t.Parallel()
	c := certificates(t,
		makeCertificate(t, true, "first.test"),
		makeCertificate(t, false, "second.test", "*.wild.test"),
		makeCertificate(t, true, "second.test"))
	onlyRSA := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	onlyECDSA := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	for _, w := range []struct {
		name   string
		suites []uint16
		want   int
	}{
		{"", nil, 0}, {"first.test", nil, 0}, {"second.test", nil, 1}, {"SECOND.test", nil, 1},
		{"a.wild.test", nil, 1}, {"a.b.wild.test", nil, 0}, {"elsewhere.test", nil, 0},
		{"second.test", onlyRSA, 2}, {"second.test", onlyECDSA, 1}, {"first.test", onlyECDSA, 1},
	} {
		suites := w.suites
		if suites == nil {
			suites = append(append([]uint16{}, onlyRSA...), onlyECDSA...)
		}
		want := c.pairs()[w.want].current.Load()
		got, err := c.forTLS(&tls.ClientHelloInfo{
			ServerName: w.name, CipherSuites: suites, SupportedVersions: []uint16{tls.VersionTLS12},
			SupportedCurves: []tls.CurveID{tls.CurveP256}, SupportedPoints: []uint8{0},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256, tls.PKCS1WithSHA256},
		})
		if err != nil || got != want {
			t.Errorf("TLS, %q %x: %v, want number %d", w.name, w.suites, got.Leaf.DNSNames, w.want)
		}
		var ids []dtls.CipherSuiteID
		for _, id := range suites {
			ids = append(ids, dtls.CipherSuiteID(id))
		}
		if got, err = c.forDTLS(&dtls.ClientHelloInfo{ServerName: w.name, CipherSuites: ids}); err != nil || got != want {
			t.Errorf("DTLS, %q %x: %v, want number %d", w.name, w.suites, got.Leaf.DNSNames, w.want)
		}
	}
}

func TestLoadCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, other := makeCertificate(t, false, "a.test"), makeCertificate(t, false, "b.test")
	for name, c := range map[string]struct {
		made certificate
		want string
	}{
		"other's key":    {certificate{good.cert, other.key}, "private key does not match"},
		"no certificate": {certificate{[]byte("nothing"), good.key}, "failed to find any PEM"},
		"no key":         {certificate{good.cert, nil}, "failed to find any PEM"},
		"cut off":        {certificate{good.cert[:100], good.key}, "failed to find"},
	} {
		files := c.made.write(t, dir, strings.ReplaceAll(name, " ", "-"))
		if _, err := LoadCertificates([]KeyPair{files}, quiet()); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), files.Name) {
			t.Errorf("%s: %v, want the key's name and %q", name, err, c.want)
		}
	}
	if _, err := LoadCertificates([]KeyPair{{Name: "tls.cert", Cert: filepath.Join(dir, "absent"), Key: "absent"}}, quiet()); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("absent: %v", err)
	}
	if _, err := LoadCertificates(nil, quiet()); err == nil {
		t.Error("no certificate at all is no error")
	}
	if _, err := New(Config{}).ListenTLS(nil); err != errNoCertificate {
		t.Errorf("a listener without certificates: %v", err)
	}
}

// New certificates are served as soon as their files change, however they are
// changed, to new connections; old connections go on. What cannot be used is not.
func TestReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var printed bytes.Buffer
		log := slog.New(slog.NewTextHandler(&printed, nil))
		dir := t.TempDir()
		// Kubernetes: tls.pem → ..data/tls.pem, ..data → a folder, swapped by renaming a link.
		folder := func(name string, c certificate) {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
			c.write(t, filepath.Join(dir, name), "tls")
			link := filepath.Join(dir, "..data_tmp")
			if err := os.Symlink(name, link); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(link, filepath.Join(dir, "..data")); err != nil {
				t.Fatal(err)
			}
		}
		first, second, third := makeCertificate(t, false, "turn.test"), makeCertificate(t, true, "turn.test"), makeCertificate(t, false, "turn.test")
		folder("..1", first)
		files := KeyPair{Name: "tls.cert", Cert: filepath.Join(dir, "tls.pem"), Key: filepath.Join(dir, "tls.key")}
		for _, name := range []string{"tls.pem", "tls.key"} {
			if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		c, err := LoadCertificates([]KeyPair{files}, log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() { defer close(watched); c.Watch(ctx) }()
		h := newHub(t, netio.NewMemory(), func(config *Config) { config.Certificates = c })
		at, stop := h.stream(netip.MustParseAddrPort("127.0.0.1:5349"), true)
		defer stop()
		shown := func() (*tls.Conn, []byte) {
			conn := tlsClient(h.dial(at))
			line(t, conn)
			return conn, conn.ConnectionState().PeerCertificates[0].Raw
		}
		troubled := func(text string) {
			t.Helper()
			n := 0
			for name, err := range c.Troubles {
				if n++; name != "tls.cert" || text == "" || !strings.Contains(err.Error(), text) {
					t.Errorf("%s is in trouble: %v", name, err)
				}
			}
			if (n > 0) != (text != "") {
				t.Errorf("%d are in trouble, want %q", n, text)
			}
		}
		want := func(when string, made certificate) {
			t.Helper()
			time.Sleep(reloadPause + time.Second)
			synctest.Wait()
			if _, got := shown(); !bytes.Equal(got, made.raw(t)) {
				t.Errorf("%s: another certificate is shown", when)
			}
		}
		old, _ := shown()
		want("at first", first)
		folder("..2", second)
		want("after a swap of links", second)
		third.write(t, filepath.Join(dir, "..2"), "tls")
		want("after writing in place", third)
		troubled("")
		os.WriteFile(filepath.Join(dir, "..2", "tls.pem"), []byte("broken"), 0o600)
		want("after a broken certificate", third)
		want("and later", third)
		troubled("failed to find any PEM")
		os.WriteFile(filepath.Join(dir, "..2", "tls.pem"), first.cert, 0o600)
		want("after a certificate of another key", third)
		troubled("private key does not match")
		os.Remove(files.Key)
		want("without key", third)
		os.WriteFile(files.Key, first.key, 0o600)
		want("after its key came too", first)
		troubled("")
		echoes(t, old, "as long as you like")
		for _, text := range []string{"certificate read again", "failed to find any PEM", "private key does not match", "no such file"} {
			if n := strings.Count(printed.String(), text); n == 0 || n > 1 && text != "certificate read again" {
				t.Errorf("%q is logged %d times:\n%s", text, n, &printed)
			}
		}
		for name, expires := range c.Expiries {
			if name != "tls.cert" || expires.Year() != 2099 {
				t.Errorf("%s expires %v", name, expires)
			}
		}
		cancel()
		<-watched
	})
}

func (c certificate) raw(t *testing.T) []byte {
	t.Helper()
	b, _ := pem.Decode(c.cert)
	leaf, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Raw
}
