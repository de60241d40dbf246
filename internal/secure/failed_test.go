package secure

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Displaced handshakes are told at once, and then once a window with how many there were.
func TestDisplacedLog(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var d displacedLog
	at := time.Unix(1000, 0)
	for i := range 130 { // one a second
		d.tell(log, netip.MustParseAddr("192.0.2.1"), at.Add(time.Duration(i)*time.Second))
	}
	var got []string
	for line := range strings.Lines(text.String()) {
		_, times, _ := strings.Cut(strings.TrimSpace(line), `limit=handshakes key=limits.handshakes answer="the oldest is closed" `)
		got = append(got, times)
	}
	if want := "times=1 source=192.0.2.1,times=60 source=192.0.2.1,times=60 source=192.0.2.1"; strings.Join(got, ",") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A handshake that had to make room is a line for the operator; one that failed is not.
func TestFailed(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	tr := New(Config{Certificates: new(Certificates), Logger: slog.New(slog.NewTextHandler(&text, nil))})
	tr.failed(netip.MustParseAddrPort("192.0.2.1:9"), "x", DropProxyHeader, errProxyHeader)
	if got := text.String(); got != "" {
		t.Errorf("logged %q", got)
	}
	tr.failed(netip.MustParseAddrPort("192.0.2.1:9"), "x", DropHandshakeDisplaced, errDisplaced)
	if got := text.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=WARN") {
		t.Errorf("logged %q", got)
	}
}
