package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"turnout/internal/admin"
	"turnout/internal/config"
	"turnout/relay"
)

// announce prints, once everything listens, what to paste where. Name is what the certificate is good for.
func (a *app) announce(l *config.Loaded, t trust, c relay.Config, name string, bound []relay.Listener, admins []*admin.Server) error {
	var b strings.Builder
	if l.Local {
		b.WriteString("No configuration: turnout serves this host only, and lets clients reach peers on loopback, as in no other mode.\n" +
			"`turnout config example` prints a file to start from.\n\n")
	}
	for _, ln := range bound {
		fmt.Fprintf(&b, "listening  %s://%s\n", ln.Transport, ln.Addr)
	}
	for _, r := range c.RelayAddresses {
		fmt.Fprintf(&b, "relaying   %s, ports %d-%d\n", r.External, c.PortMin, c.PortMax)
	}
	for _, server := range admins {
		fmt.Fprintf(&b, "operator   http://%s/metrics /livez /readyz\n", server.Addr())
	}
	if t.made {
		fmt.Fprintf(&b, "secret     made just now, kept in %s\n", l.Store.Path)
	}
	// Where nobody sits at a terminal the output is a log, which is no place for credentials.
	if t.keyring != nil && (l.Local || terminal(a.stdout)) {
		if err := a.announceCredentials(&b, t, c, name, bound); err != nil {
			return err
		}
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// announceCredentials adds a configuration for new RTCPeerConnection(…).
func (a *app) announceCredentials(b *strings.Builder, t trust, c relay.Config, name string, bound []relay.Listener) error {
	stun, turn := serverURLs(bound, c.RelayAddresses, name)
	if len(turn) == 0 {
		return nil
	}
	credential, err := a.issue(t, shownUser, shownFor)
	if err != nil {
		return err
	}
	answer := newICEAnswer(stun, turn, credential, a.now())
	text, err := json.MarshalIndent(map[string]any{"iceServers": answer.ICEServers}, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\nFor new RTCPeerConnection(…), valid until %s (turnout credentials makes more):\n%s\n", answer.ExpiresOn, text)
	return nil
}

// newLogger logs to w as the configuration says.
func newLogger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // one of slog's own words
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "text" || c.Format == "auto" && terminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
