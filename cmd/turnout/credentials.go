package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"turnout/auth"
)

// A credentialsRequest is what the flags of the command ask for.
type credentialsRequest struct {
	source
	user, format string
	ttl          time.Duration
}

// formats of an answer; json is what programs take and the default wherever it goes.
var formats = map[string]func(io.Writer, iceAnswer) error{"json": writeJSON, "env": writeEnvironment, "table": writeTable}

func (a *app) credentialsCommand() *cobra.Command {
	var r credentialsRequest
	c := a.command("credentials --user ID [--ttl 1h] [--format json|env|table] [--config FILE]",
		"Make credentials for a user, from the configuration's secret",
		"Make time-limited credentials for a user from the first secret of the configuration, and print them\n"+
			"with the URLs they are for. json is the answer of /v1/ice-servers, whose iceServers a browser's\n"+
			"RTCPeerConnection takes as they are; env sets variables in a shell; table is for people.",
		func(context.Context) error { return a.credentials(&r) })
	r.flags(c)
	c.Flags().StringVar(&r.user, "user", "", "`ID` of whom they are for: quotas and logs go by it (required)")
	c.Flags().DurationVar(&r.ttl, "ttl", time.Hour, "how long they are valid")
	c.Flags().StringVar(&r.format, "format", "json", "json, env or table")
	return c
}

func (a *app) credentials(r *credentialsRequest) error {
	write, ok := formats[r.format]
	switch {
	case r.user == "":
		return usage("credentials needs --user ID, whom they are for")
	case r.ttl < time.Second:
		return usage("--ttl %s is too short; give at least 1s", r.ttl)
	case !ok:
		return usage("--format %q is not known; give json, env or table", r.format)
	}
	l, err := a.load(&r.source)
	if err != nil {
		return err
	}
	a.warn(l)
	t, err := a.trust(l)
	if err != nil {
		return err
	}
	host, err := a.host()
	if err != nil {
		return err
	}
	addresses, err := a.relayAddresses(l, host, func(text string) { fmt.Fprintln(a.stderr, "turnout: warning:", text) })
	if err != nil {
		return err
	}
	answer, err := a.issue(t, r.user, r.ttl)
	if err != nil {
		return err
	}
	tr, err := newTransports(l, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	stun, turn := serverURLs(listeners(l, host), addresses, tr.name())
	if len(turn) == 0 {
		return usage("no URL can be made of the listeners: give them fixed ports, and an address of the same family in relay.addresses")
	}
	return write(a.stdout, newICEAnswer(stun, turn, answer, a.now()))
}

// issue makes credentials that end after ttl.
func (a *app) issue(t trust, user string, ttl time.Duration) (auth.Credential, error) {
	if t.keyring == nil {
		return auth.Credential{}, usage("auth.secrets is empty, and credentials are derived from a secret; add one, or log in as a user of auth.users")
	}
	now := a.now()
	c, err := a.parts.issue(t.keyring, auth.Grant{Subject: user, Expires: now.Add(ttl)}, now)
	if err != nil {
		return auth.Credential{}, fmt.Errorf("make credentials: %w", err)
	}
	return c, nil
}

func writeJSON(w io.Writer, answer iceAnswer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // no page is made of it, and people read it
	return e.Encode(answer)
}

// shellSafe needs no quotes in a shell.
var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./?~\[\]-]*$`)

// writeEnvironment writes lines that a shell and an env file both take; only what a shell would read otherwise is quoted.
func writeEnvironment(w io.Writer, answer iceAnswer) error {
	var urls []string
	for _, s := range answer.ICEServers {
		urls = append(urls, s.URLs...)
	}
	last := answer.ICEServers[len(answer.ICEServers)-1]
	for _, v := range [][2]string{
		{"TURN_URLS", strings.Join(urls, ",")},
		{"TURN_USERNAME", last.Username},
		{"TURN_CREDENTIAL", last.Credential},
		{"TURN_EXPIRES", answer.ExpiresOn},
	} {
		if !shellSafe.MatchString(v[1]) {
			v[1] = "'" + strings.ReplaceAll(v[1], "'", `'\''`) + "'"
		}
		if _, err := fmt.Fprintf(w, "%s=%s\n", v[0], v[1]); err != nil {
			return err
		}
	}
	return nil
}

func writeTable(w io.Writer, answer iceAnswer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range answer.ICEServers {
		for _, u := range s.URLs {
			fmt.Fprintf(t, "url\t%s\n", u)
		}
	}
	last := answer.ICEServers[len(answer.ICEServers)-1]
	fmt.Fprintf(t, "username\t%s\ncredential\t%s\nexpires\t%s (in %s)\n", last.Username, last.Credential, answer.ExpiresOn, time.Duration(answer.TTL)*time.Second)
	return t.Flush()
}
