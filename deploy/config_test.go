package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"turnout/internal/config"
)

// block matches the YAML in a page, with its indentation.
var block = regexp.MustCompile("(?m)^( *)```yaml\\n((?s).*?)^ *```$")

// TestOperatingConfiguration has turnout read every configuration that the operator's page shows.
func TestOperatingConfiguration(t *testing.T) {
	t.Parallel()
	blocks := block.FindAllStringSubmatch(read(t, "../docs/operating.md"), -1)
	if len(blocks) < 2 {
		t.Fatalf("found %d configurations", len(blocks))
	}
	for _, b := range blocks {
		text := strings.ReplaceAll("\n"+b[2], "\n"+b[1], "\n")
		if !strings.Contains(text, "\nauth:") { // a part of one
			text += "auth: {secrets: [a-secret-of-some-length]}\n"
		}
		if c := load(t, "turnout.yaml", text); len(c.Listen) == 0 || len(c.Relay.Addresses) == 0 || len(c.Warnings) > 0 {
			t.Errorf("warnings %v of\n%s", c.Warnings, text)
		}
	}
}

// certify makes a certificate and its key, as PEM.
func certify(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"turn.example"}, NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// load reads a configuration whose secrets are somewhere else.
func load(t *testing.T, name, text string) *config.Loaded {
	t.Helper()
	certificate, key := certify(t)
	c, err := config.Load(config.Sources{File: name, ReadFile: func(read string) ([]byte, error) {
		switch {
		case read == name:
			return []byte(text), nil
		case strings.HasPrefix(read, "/run/secrets/turnout"), strings.HasSuffix(read, "/secret"):
			return []byte("a-secret-of-some-length"), nil
		case read == "/run/tls/tls.crt":
			return certificate, nil
		case read == "/run/tls/tls.key":
			return key, nil
		}
		return nil, fmt.Errorf("read %s: %w", read, os.ErrNotExist)
	}})
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return c
}
