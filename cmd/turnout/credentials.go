package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"turnout/auth"
	"turnout/internal/api"
	"turnout/internal/config"
)

// A credentialsRequest is what the flags of the command ask for.
type credentialsRequest struct {
	target
	user, token, format string
	ttl                 time.Duration
	asked               func() bool // whether ttl was given
}

// formats of an answer; json is what programs take and the default wherever it goes.
var formats = map[string]func(io.Writer, api.ICEAnswer) error{"json": writeJSON, "env": writeEnvironment, "table": writeTable}

func (a *app) credentialsCommand() *cobra.Command {
	var r credentialsRequest
	c := a.command("credentials (--user ID | --token JWT|-) [--ttl 1h] [--format json|env|table] [--config FILE | --connection-string S]",
		"Make credentials for a user",
		"Make time-limited credentials and print them with the URLs they are for: of a running service, or from the first\n"+
			"secret of the configuration. json is the answer of /v1/ice-servers, whose iceServers a browser's\n"+
			"RTCPeerConnection takes as they are; env sets variables in a shell; table is for people.",
		func(ctx context.Context) error { return a.credentials(ctx, &r) })
	r.flags(c)
	c.Flags().StringVar(&r.user, "user", "", "`ID` of whom they are for: quotas and logs go by it")
	c.Flags().StringVar(&r.token, "token", "", "user access `JWT` of whom they are for; - reads it from standard input")
	c.Flags().DurationVar(&r.ttl, "ttl", time.Hour, "how long they are valid")
	r.asked = func() bool { return c.Flags().Changed("ttl") }
	c.Flags().StringVar(&r.format, "format", "json", "json, env or table")
	return c
}

func (a *app) credentials(ctx context.Context, r *credentialsRequest) error {
	write, ok := formats[r.format]
	switch {
	case r.user != "" && r.token != "":
		return usage("credentials needs --user ID or --token JWT, not both: a token has its own user")
	case r.user == "" && r.token == "":
		return usage("credentials needs --user ID or --token JWT, whom they are for")
	case r.ttl < time.Second:
		return usage("--ttl %s is too short; give at least 1s", r.ttl)
	case !ok:
		return usage("--format %q is not known; give json, env or table", r.format)
	}
	answer, err := a.iceServers(ctx, r)
	if err != nil {
		return err
	}
	// A second is lost to rounding.
	if got := time.Duration(answer.TTL) * time.Second; r.asked() && got < r.ttl-time.Second {
		fmt.Fprintf(a.stderr, "turnout: these credentials are valid for %s, not %s: no longer than api.credentials.max-ttl says, nor than a token that they are made of\n", got, r.ttl)
	}
	return write(a.stdout, answer)
}

// iceServers asks a service, unless the configuration alone has all that is needed.
func (a *app) iceServers(ctx context.Context, r *credentialsRequest) (answer api.ICEAnswer, err error) {
	named, err := a.connectionText(&r.target)
	if err != nil {
		return answer, err
	}
	if named == "" && r.token == "" {
		l, err := a.load(&r.source)
		if err != nil {
			return answer, err
		}
		if !l.FirstSecret {
			a.warn(l)
			return a.derive(ctx, l, r)
		}
	}
	bearer, err := a.readToken(r.token)
	if err != nil {
		return answer, err
	}
	c, err := a.connect(ctx, &r.target)
	if err != nil {
		return answer, err
	}
	defer c.close()
	body := map[string]any{"ttl": int64(r.ttl / time.Second), "user": nilIfEmpty(r.user)}
	err = c.ask(ctx, "POST", "/v1/ice-servers", bearer, body, &answer)
	return answer, err
}

// derive makes credentials of the configuration's secret.
func (a *app) derive(ctx context.Context, l *config.Loaded, r *credentialsRequest) (answer api.ICEAnswer, err error) {
	t, err := a.trust(ctx, l, nil)
	if err != nil {
		return answer, err
	}
	urls := l.API.Advertise
	if len(urls) == 0 {
		if urls, err = a.configuredURLs(l); err != nil {
			return answer, err
		}
	}
	ttl := r.ttl
	if l.API.Listen.Addr.IsValid() { // the relay refuses what lives longer
		ttl = min(ttl, time.Duration(l.API.Credentials.MaxTTL))
	}
	credential, err := a.issue(t, r.user, ttl)
	if err != nil {
		return answer, err
	}
	var stun, turn []string
	for _, u := range urls {
		if strings.HasPrefix(u, "stun") {
			stun = append(stun, u)
		} else {
			turn = append(turn, u)
		}
	}
	return api.NewICEAnswer(stun, turn, credential, a.now()), nil
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

func writeJSON(w io.Writer, answer api.ICEAnswer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // no page is made of it, and people read it
	return e.Encode(answer)
}

// shellSafe needs no quotes in a shell. A tilde does: behind a colon, as in the usernames of the service, zsh takes it for
// somebody's home and fails where there is nobody of that name.
var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./?\[\]-]*$`)

// writeEnvironment writes lines that a shell takes, and whatever else reads quotes as a shell does; only what a shell would
// read otherwise is quoted.
func writeEnvironment(w io.Writer, answer api.ICEAnswer) error {
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

func writeTable(w io.Writer, answer api.ICEAnswer) error {
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
