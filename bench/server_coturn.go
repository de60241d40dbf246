package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// coturnRemedy is how coturn is installed.
const coturnRemedy = "apt-get install coturn (Debian and its relatives); turnserver must be in PATH"

// Coturn is coturn's server as the system has it.
func Coturn() (Server, error) {
	binary, err := exec.LookPath("turnserver")
	if err != nil {
		return Server{}, &MissingError{"coturn", coturnRemedy}
	}
	return Server{
		Name: "coturn",
		Version: func(ctx context.Context) (string, error) {
			out, err := exec.CommandContext(ctx, binary, "--version").CombinedOutput()
			lines := strings.Fields(string(out))
			if len(lines) == 0 {
				return "", fmt.Errorf("%s --version says nothing: %w", binary, err)
			}
			return lines[len(lines)-1], nil // older versions end with an error status
		},
		Command: func(ctx context.Context, p Place) (*exec.Cmd, error) {
			file := filepath.Join(p.Dir, "turnserver.conf")
			if err := os.WriteFile(file, coturnConfiguration(p), 0o600); err != nil {
				return nil, err
			}
			c := exec.CommandContext(ctx, binary, "-c", file)
			c.Dir = p.Dir
			return c, nil
		},
	}, nil
}

// coturnConfiguration is what coturn is told: the same as the others, no more logging, and no encryption but where it is measured.
func coturnConfiguration(p Place) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "listening-ip=%s\nlistening-port=%d\n", p.Addr.Addr(), p.Addr.Port())
	for _, a := range p.Relay {
		fmt.Fprintf(&b, "relay-ip=%s\n", a)
	}
	fmt.Fprintf(&b, "min-port=%d\nmax-port=%d\nrelay-threads=%d\n", p.MinPort, p.MaxPort, p.Workers)
	fmt.Fprintf(&b, "realm=%s\nuse-auth-secret\nstatic-auth-secret=%s\n", p.Realm, p.Secret)
	fmt.Fprintf(&b, "allow-loopback-peers\nno-dtls\nno-cli\nno-stdout-log\nlog-file=%s\nsimple-log\n", os.DevNull)
	if p.Cert != "" {
		fmt.Fprintf(&b, "tls-listening-port=%d\ncert=%s\npkey=%s\n", p.TLS.Port(), p.Cert, p.Key)
	} else {
		b.WriteString("no-tls\n")
	}
	fmt.Fprintf(&b, "pidfile=%s\nuserdb=%s\n", filepath.Join(p.Dir, "turnserver.pid"), filepath.Join(p.Dir, "turndb"))
	return []byte(b.String())
}
