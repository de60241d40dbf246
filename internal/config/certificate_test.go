package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// madeCertificate is one in PEM with its key.
func madeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", encoded)
}

// Certificates are looked for beside the file that names them, and tried.
func TestCertificates(t *testing.T) {
	t.Parallel()
	cert, key := madeCertificate(t)
	other, otherKey := madeCertificate(t)
	const text = `listen: [tls://127.0.0.1:5349, dtls://127.0.0.1:5349]
tls:
  cert: %1
  key: tls/key.pem
  certificates: [{cert: /etc/b.pem, key: /etc/b.key}]
  fallback: 127.0.0.1:8443
proxy-protocol: {from: [10.0.0.0/8]}
auth: {secrets: [a-secret-of-some-length]}
`
	files := map[string]string{
		filepath.Join("tls", "cert.pem"): cert, filepath.Join("tls", "key.pem"): key,
		"/etc/b.pem": other, "/etc/b.key": otherKey, "elsewhere.pem": cert,
	}
	l := mustLoad(t, strings.ReplaceAll(text, "%1", "tls/cert.pem"), Sources{}, files)
	got := l.TLS
	got.Fallback = Address{}
	want := TLS{Cert: filepath.Join("tls", "cert.pem"), Key: filepath.Join("tls", "key.pem"), Certificates: []Certificate{{"/etc/b.pem", "/etc/b.key"}}}
	if !reflect.DeepEqual(got, want) || l.TLS.Fallback.String() != "127.0.0.1:8443" || len(l.Warnings) > 0 {
		t.Errorf("got %+v, warnings %v", l.TLS, l.Warnings)
	}
	l = mustLoad(t, strings.ReplaceAll(text, "%1", "absent"), Sources{Environ: []string{"TURNOUT_TLS_CERT=elsewhere.pem"}}, files)
	if l.TLS.Cert != "elsewhere.pem" {
		t.Errorf("the variable's certificate is %s", l.TLS.Cert)
	}
	_, err := load(t, strings.ReplaceAll(text, "%1", "/etc/b.pem"), Sources{}, files)
	if err == nil || !strings.Contains(err.Error(), "turnout.yaml:3: tls.cert: and its key cannot be used: tls: private key does not match public key") {
		t.Errorf("another's key: %v", err)
	}
}
