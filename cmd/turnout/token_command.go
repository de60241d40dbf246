package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turnout/internal/api"
)

func (a *app) tokenCommand() *cobra.Command {
	group := &cobra.Command{Use: "token", Short: "Mint and verify user access tokens", Args: cobra.ArbitraryArgs, RunE: a.group}
	var m mintRequest
	mint := a.serviceCommand("mint --user ID [--scope voip]… [--ttl 1h] [--json]", "Mint a user access token and print it",
		"Mint a user access token and print it. turnout user create makes users. --json prints\n"+
			`{"user","token","expiresOn"}.`,
		func(ctx context.Context, c *connection, _ []string) error { return a.mint(ctx, c, &m) })
	mint.Flags().StringVar(&m.user, "user", "", "`ID` of the user, 8:acs:… (required)")
	mint.Flags().StringArrayVar(&m.scopes, "scope", []string{"voip"}, "what the token is for: "+strings.Join(api.Scopes, ", ")+"; several times for several")
	mint.Flags().DurationVar(&m.ttl, "ttl", time.Hour, "how long it is valid, 1h to 24h in whole minutes")
	mint.Flags().BoolVar(&m.json, "json", false, "print JSON")

	verify := a.serviceCommand("verify JWT|-", "Say what a user access token is worth",
		"Verify a user access token, revocations included, and print what it says. - reads it from standard input, which other\n"+
			"users of the machine cannot see. Exits 1 if it is not valid.",
		func(ctx context.Context, c *connection, args []string) error { return a.verify(ctx, c, args[0]) })
	group.AddCommand(mint, verify, a.oauthCommand())
	return group
}

type mintRequest struct {
	user   string
	scopes []string
	ttl    time.Duration
	json   bool
}

func (a *app) mint(ctx context.Context, c *connection, m *mintRequest) error {
	switch {
	case m.user == "":
		return usage("token mint needs --user ID, whom it is for; turnout user create makes one")
	case m.ttl%time.Minute != 0 || m.ttl < time.Hour || m.ttl > 24*time.Hour:
		return usage("--ttl %s is not 1h to 24h in whole minutes", m.ttl)
	}
	var issued struct{ Token, ExpiresOn string }
	err := c.ask(ctx, "POST", identityPath(m.user, "issueAccessToken"), "", map[string]any{
		"scopes": m.scopes, "expiresInMinutes": int(m.ttl / time.Minute),
	}, &issued)
	if err != nil {
		return err
	}
	if !m.json {
		_, err = fmt.Fprintln(a.stdout, issued.Token)
		return err
	}
	return json.NewEncoder(a.stdout).Encode(struct {
		User      string `json:"user"`
		Token     string `json:"token"`
		ExpiresOn string `json:"expiresOn"`
	}{m.user, issued.Token, issued.ExpiresOn})
}

func (a *app) verify(ctx context.Context, c *connection, text string) error {
	text, err := a.readToken(text)
	if err != nil {
		return err
	}
	var said api.Introspection
	if err := c.ask(ctx, "POST", "/v1/introspection", "", map[string]string{"token": text}, &said); err != nil {
		return err
	}
	if !said.Active {
		return fmt.Errorf("the token is not valid: %s", said.Reason)
	}
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(said)
}

// readToken is a token as an argument gives it; - is standard input.
func (a *app) readToken(text string) (string, error) {
	if text != "-" {
		return text, nil
	}
	const longest = 64 << 10
	raw, err := io.ReadAll(io.LimitReader(a.stdin, longest))
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(string(raw)); text == "" {
		return "", errors.New("there is no token on standard input")
	}
	return text, nil
}
