package secure

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"turnout/internal/netio"
)

// Other certificates are shown to new connections of TLS and DTLS listeners that are open, once they are used; old connections go on.
// Files that stay what they are, are not told of again; where one cannot be read, nothing changes.
func TestLoadWhileListening(t *testing.T) {
	t.Parallel()
	var printed bytes.Buffer
	dir := t.TempDir()
	first, second := makeCertificate(t, false, "turn.test"), makeCertificate(t, true, "turn.test")
	a, b := first.write(t, dir, "a"), second.write(t, dir, "b")
	c := NewCertificates(slog.New(slog.NewTextHandler(&printed, nil)))
	h := newHub(t, netio.System(), func(config *Config) { config.Certificates = c })
	at, stop := h.stream(loopback, true)
	defer stop()
	dtlsAt, stopDTLS := h.datagrams(loopback)
	defer stopDTLS()
	if !c.Empty() || c.Names() != nil {
		t.Error("there are certificates already")
	}
	if conn := tlsClient(h.dial(at)); conn.Handshake() == nil {
		t.Error("a handshake without any certificate")
	}
	use := func(files ...KeyPair) {
		t.Helper()
		use, err := c.Load(files)
		if err != nil {
			t.Fatal(err)
		}
		use()
	}
	shows := func(what string, made certificate) {
		t.Helper()
		conn := tlsClient(h.dial(at))
		line(t, conn)
		if !bytes.Equal(conn.ConnectionState().PeerCertificates[0].Raw, made.raw(t)) {
			t.Errorf("%s: TLS shows another certificate", what)
		}
		secured, err := dialDTLS(t, dtlsAt)
		if err != nil {
			t.Fatal(err)
		}
		state, ok := secured.ConnectionState()
		if !ok || !bytes.Equal(state.PeerCertificates[0], made.raw(t)) {
			t.Errorf("%s: DTLS shows another certificate", what)
		}
	}
	use(a)
	shows("the first", first)
	old := tlsClient(h.dial(at))
	line(t, old)
	if _, err := c.Load([]KeyPair{b, {Name: "tls.x", Cert: "absent", Key: "absent"}}); err == nil || !strings.Contains(err.Error(), "tls.x") {
		t.Errorf("a file that is not there: %v", err)
	}
	shows("after an error", first)
	if _, err := c.Load([]KeyPair{b}); err != nil {
		t.Fatal(err)
	}
	shows("loaded and not used", first)
	use(b)
	shows("the second", second)
	use(b, a)
	use(b)
	if n := strings.Count(printed.String(), "certificate read"); n != 3 {
		t.Errorf("%d certificates were told of, want the first, the second, and the first again:\n%s", n, &printed)
	}
	echoes(t, old, "still the first")
}

// Who gets browsers, and how many handshakes may be under way, may change while a listener is open.
func TestChange(t *testing.T) {
	t.Parallel()
	h := newHub(t, netio.System(), nil)
	at, stop := h.stream(loopback, true)
	defer stop()
	dialled := make(chan struct{}, 1)
	browse := func() {
		t.Helper()
		conn := h.dial(at)
		defer conn.Close()
		if _, err := conn.Write(helloBytes(t, "h2")); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for b := make([]byte, 1000); ; {
			if _, err := conn.Read(b); err != nil {
				return
			}
		}
	}
	h.Change(func(context.Context) (net.Conn, error) {
		dialled <- struct{}{}
		return nil, errors.New("nobody there")
	}, 8)
	browse()
	select {
	case <-dialled:
	default:
		t.Error("the HTTPS server was not asked")
	}
	if h.handshakes.limit != 8 {
		t.Errorf("%d handshakes at a time, want 8", h.handshakes.limit)
	}
	h.Change(nil, 0)
	browse()
	if len(dialled) != 0 || h.handshakes.limit != 1000 {
		t.Errorf("asked %d times, %d handshakes at a time", len(dialled), h.handshakes.limit)
	}
}
