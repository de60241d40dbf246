package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"turnout/auth/token"
	"turnout/internal/api"
	"turnout/internal/config"
)

// announce prints, once everything listens, what to paste where.
func (a *app) announce(ctx context.Context, l *config.Loaded, t trust, s *service, r relaying) error {
	var b strings.Builder
	if l.Local {
		b.WriteString("No configuration: turnout serves this host only, and lets clients reach peers on loopback, as in no other mode.\n" +
			"`turnout config example` prints a file to start from.\n\n")
	}
	for _, ln := range r.bound {
		fmt.Fprintf(&b, "listening  %s://%s\n", ln.Transport, ln.Addr)
	}
	for _, at := range r.config.RelayAddresses {
		fmt.Fprintf(&b, "relaying   %s, ports %d-%d\n", at.External, r.config.PortMin, r.config.PortMax)
	}
	if s.api != nil {
		fmt.Fprintf(&b, "service    %s\n", endpoint(l, s.api.Addr()))
	}
	for _, server := range s.admins {
		fmt.Fprintf(&b, "%-10s %s\n", server.shown, server.Where())
	}
	if t.keep != nil && t.keep.made {
		fmt.Fprintf(&b, "keys       made just now, kept in %s\n", t.keep.where)
	}
	// Where nobody sits at a terminal the output is a log, which is no place for credentials.
	if l.Local || terminal(a.stdout) {
		if err := a.announceCredentials(&b, t, r); err != nil {
			return err
		}
		if err := a.announceAccess(ctx, &b, l, t, s); err != nil {
			return err
		}
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// announceCredentials adds a configuration for new RTCPeerConnection(…).
func (a *app) announceCredentials(b *strings.Builder, t trust, r relaying) error {
	stun, turn := serverURLs(r.bound, r.config.RelayAddresses, r.name)
	if len(turn) == 0 || t.keyring == nil {
		return nil
	}
	credential, err := a.issue(t, shownUser, shownFor)
	if err != nil {
		return err
	}
	answer := api.NewICEAnswer(stun, turn, credential, a.now())
	text, err := json.MarshalIndent(map[string]any{"iceServers": answer.ICEServers}, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\nFor new RTCPeerConnection(…), valid until %s (turnout credentials makes more):\n%s\n", answer.ExpiresOn, text)
	return nil
}

// announceAccess adds what opens the service: to applications and commands the connection string, to a browser the page's
// address, whose token stands in the fragment: browsers send that to nobody.
func (a *app) announceAccess(ctx context.Context, b *strings.Builder, l *config.Loaded, t trust, s *service) error {
	if s.api == nil {
		return nil
	}
	at := endpoint(l, s.api.Addr())
	fmt.Fprintf(b, "\nFor the Azure Communication Services SDKs, and for turnout user, token, keys and credentials:\nexport %s='%s'\n",
		connectionVariable, connectionString(at, t.access[0].Value))
	user, err := t.keep.directory.Create(ctx, shownUser)
	if err != nil {
		return err
	}
	stamp, err := t.keep.directory.Issue(ctx, user.ID)
	if err != nil {
		return err
	}
	minter := token.Minter{Keys: t.keep.tokens, Issuer: tokenIssuer(l, t.keep), Audience: t.keep.resource}
	text, _, err := minter.Mint(token.Claims{
		Subject: user.ID, Scopes: l.API.Scopes[:1], Resource: t.keep.resource,
		Issued: stamp.Issued, Expires: stamp.Issued.Add(shownFor), Generation: stamp.Generation,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\nA page to try it with, for an hour:\n%s/#token=%s\n", at, text)
	return nil
}

// newLogger logs to w in the configured format what is severe enough.
func newLogger(c config.Log, level slog.Leveler, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "text" || c.Format == "auto" && terminal(w) {
		return slog.New(slog.NewTextHandler(&lineWriter{w: w}, options))
	}
	return slog.New(slog.NewJSONHandler(&lineWriter{w: w}, options))
}
