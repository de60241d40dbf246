package deploy

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/relay"
	"turnout/stun"
)

// TestFail2ban has a relay log what clients do wrong, as text and as JSON, and fail2ban read it: who tries passwords is
// found, whatever username it sends, and nobody else.
func TestFail2ban(t *testing.T) {
	tools(t)
	t.Parallel()
	formats := map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	}
	for name, handler := range formats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := attacked(t, handler)
			for where, prefix := range map[string]string{
				"a file": "", "the journal": "host turnout[123]: ", "syslog": "Nov 21 22:00:00 host turnout[123]: ",
			} {
				var lines strings.Builder
				for line := range strings.Lines(text) {
					lines.WriteString(prefix + line)
				}
				log := filepath.Join(t.TempDir(), "log")
				if err := os.WriteFile(log, []byte(lines.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				found := strings.Fields(tool(t, "fail2ban-regex", "-o", "ip", log, filepath.FromSlash("fail2ban/filter.d/turnout.conf")))
				slices.Sort(found)
				if want := []string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "::1"}; !slices.Equal(slices.Compact(found), want) {
					t.Errorf("in %s fail2ban finds %v, want %v, in\n%s", where, found, want, lines.String())
				}
			}
		})
	}
}

// TestJail has fail2ban read the jail along with its own configuration.
func TestJail(t *testing.T) {
	tools(t)
	t.Parallel()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("/etc/fail2ban")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"filter.d/turnout.conf", "jail.d/turnout.conf"} {
		if err := os.WriteFile(filepath.Join(folder, filepath.FromSlash(name)), []byte(read(t, "fail2ban/"+name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := tool(t, "fail2ban-client", "-c", folder, "-d")
	for _, want := range []string{"['add', 'turnout', 'systemd']", "'maxretry', 20]", "'addjournalmatch', '_SYSTEMD_UNIT=turnout.service']"} {
		if !strings.Contains(out, want) {
			t.Errorf("fail2ban understands no %s in\n%s", want, out)
		}
	}
}

// attacked is what a relay logs of clients that do wrong, and of some that do not.
func attacked(t *testing.T, handler func(*bytes.Buffer) slog.Handler) string {
	t.Helper()
	var text bytes.Buffer
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "attacked", Users: map[string]string{"alice": "wonderland"}})
	if err != nil {
		t.Fatal(err)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	listeners := []relay.Listener{
		{Transport: allocation.UDP, Addr: netip.AddrPortFrom(loopback, 0)},
		{Transport: allocation.TCP, Addr: netip.AddrPortFrom(loopback, 0)},
		{Transport: allocation.UDP, Addr: netip.AddrPortFrom(netip.IPv6Loopback(), 0)},
	}
	s, err := relay.New(relay.Config{
		Realm: "attacked", Workers: 1, Verifier: verifier, Listeners: listeners,
		RelayAddresses: []allocation.RelayAddress{{Bind: loopback}}, Logger: slog.New(handler(&text)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	at := s.Addrs()
	newVisitor(t, "udp", "127.0.0.2", at[0].Addr).allocates("alice", "guess", stun.CodeUnauthenticated)
	newVisitor(t, "udp", "127.0.0.3", at[0].Addr).allocates("mallory", "x", stun.CodeUnauthenticated)
	// One who would have somebody else banned: by its username, and by that of an allocation.
	forger := newVisitor(t, "tcp", "127.0.0.4", at[1].Addr)
	for _, name := range []string{
		"x\n" + time.Now().Format(time.RFC3339) + ` level=WARN msg="authentication failed" client=192.0.2.9:1 reason=unknown_user `,
		`{"time":"","level":"WARN","msg":"authentication failed","client":"192.0.2.9:1","reason":"wrong_password"`,
		`client=192.0.2.9:1 reason=wrong_password `,
	} {
		forger.allocates(name, "x", stun.CodeUnauthenticated)
	}
	newVisitor(t, "udp", "::1", at[2].Addr).allocates("alice", "guess", stun.CodeUnauthenticated)
	// And one whose address may be forged, since it has no nonce that was sent there; and who does nothing wrong.
	forged := newVisitor(t, "udp", "127.0.0.5", at[0].Addr)
	forged.nonce = forger.nonce
	forged.allocates("alice", "guess", stun.CodeUnauthenticated)
	newVisitor(t, "udp", "127.0.0.6", at[0].Addr).allocates("alice", "wonderland", 0)
	stop()
	served.Wait()
	return text.String()
}

// A visitor is a client at a loopback address of its own.
type visitor struct {
	t     *testing.T
	conn  net.Conn
	nonce []byte
}

func newVisitor(t *testing.T, network, from string, server netip.AddrPort) *visitor {
	t.Helper()
	local := netip.AddrPortFrom(netip.MustParseAddr(from), 0)
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(local)}
	if network == "tcp" {
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
	}
	conn, err := d.DialContext(t.Context(), network, server.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &visitor{t: t, conn: conn}
}

// allocates asks for an allocation, and wants it answered with a code; 0 is success.
func (v *visitor) allocates(user, password string, want stun.Code) {
	v.t.Helper()
	if v.nonce == nil {
		challenge := v.ask(func(*stun.Builder) {})
		v.nonce, _ = challenge.Attribute(stun.AttrNonce)
	}
	answer := v.ask(func(b *stun.Builder) {
		b.AddString(stun.AttrUsername, user)
		b.AddString(stun.AttrRealm, "attacked")
		b.Add(stun.AttrNonce, v.nonce)
		b.AddIntegrity(auth.DeriveKey(nil, auth.MD5, user, "attacked", password), stun.IntegritySHA1)
	})
	code, _, err := answer.ErrorCode()
	if want == 0 && answer.Class() != stun.ClassSuccess || want != 0 && (err != nil || code != want) {
		v.t.Fatalf("%s is answered %v %d, want %d", v.conn.LocalAddr(), answer.Class(), code, want)
	}
}

func (v *visitor) ask(sign func(*stun.Builder)) stun.Message {
	v.t.Helper()
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodAllocate, stun.ClassRequest), stun.NewTransactionID())
	b.AddUint8(stun.AttrRequestedTransport, uint8(allocation.UDP), 4)
	sign(&b)
	answer := make([]byte, 2048)
	if _, err := v.conn.Write(b.Bytes()); err != nil {
		v.t.Fatal(err)
	}
	if err := v.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		v.t.Fatal(err)
	}
	n, err := v.conn.Read(answer)
	if err != nil {
		v.t.Fatal(err)
	}
	m, err := stun.Parse(answer[:n])
	if err != nil {
		v.t.Fatal(err)
	}
	return m
}
