package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turnout/auth/identity"
	"turnout/internal/api"
)

// connectionVariable has the connection string; with _FILE it names a file that has it.
const connectionVariable = "TURNOUT_CONNECTION_STRING"

// A target is the service that a command talks to: one that runs, named by its connection string, or the one of a configuration
// that does not run, whose store the command opens by itself.
type target struct {
	source
	text string // connection string
}

func (s *target) flags(c *cobra.Command) {
	s.source.flags(c)
	c.Flags().StringVar(&s.text, "connection-string", "", "`endpoint=…;accesskey=…` of a running service; the variable "+connectionVariable+" keeps it off the command line")
}

// connectionText is the connection string of the flag or the environment, empty if there is none.
func (a *app) connectionText(s *target) (string, error) {
	if s.text != "" {
		return s.text, nil
	}
	// A configuration that was named is meant, whatever stands in the environment.
	if s.file != "" {
		return "", nil
	}
	if text := a.variable(connectionVariable); text != "" {
		return text, nil
	}
	name := a.variable(connectionVariable + "_FILE")
	if name == "" {
		return "", nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read the connection string: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// variable is the value of an environment variable.
func (a *app) variable(name string) string {
	for _, e := range a.environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// connectionShape is what the SDKs read: the endpoint first, the words in any case.
var connectionShape = regexp.MustCompile(`(?i)^endpoint=(https?://[^/;\s]+)/?;accesskey=(\S+)$`)

// A connection asks a service.
type connection struct {
	endpoint string
	key      []byte
	client   *http.Client
	now      func() time.Time
	close    func()
}

// connect finds the service. What it returns must be closed.
func (a *app) connect(ctx context.Context, s *target) (*connection, error) {
	text, err := a.connectionText(s)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return a.connectStore(ctx, s)
	}
	m := connectionShape.FindStringSubmatch(text)
	if m == nil {
		return nil, usage("the connection string is not endpoint=https://…;accesskey=…") // not repeated: it holds a key
	}
	key, err := base64.StdEncoding.DecodeString(m[2])
	if err != nil {
		return nil, usage("the access key of the connection string is not base64")
	}
	const patience = 30 * time.Second
	return &connection{endpoint: m[1], key: key, client: &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, now: a.now, close: func() {}}, nil
}

// connectStore runs the service of a configuration inside of this command.
func (a *app) connectStore(ctx context.Context, s *target) (*connection, error) {
	l, err := a.load(&s.source)
	if err != nil {
		return nil, err
	}
	a.warn(l)
	if !keepNeeded(l) {
		return nil, usage("this configuration has no api; name a running service by --connection-string or %s", connectionVariable)
	}
	k, err := a.openKeep(ctx, l, end{})
	if errors.Is(err, identity.ErrInUse) {
		if !l.API.Listen.Addr.IsValid() {
			return nil, fmt.Errorf("a running turnout has the store %s, and this configuration has no api to ask it by: stop it for as long as this takes", l.Store.Path)
		}
		return nil, fmt.Errorf("a running service has the store %s; name that service by --connection-string or %s, as endpoint=%s;accesskey=… with one of its access keys",
			l.Store.Path, connectionVariable, endpoint(l, l.API.Listen.Addr))
	}
	if errors.Is(err, identity.ErrUnavailable) && l.Store.NATS.URL.Reveal() != "" {
		return nil, fmt.Errorf("%w; is NATS there, at store.nats.url %s?", err, l.Store.NATS.URL)
	}
	if err != nil {
		return nil, err
	}
	if k.made { // perhaps another one was meant
		fmt.Fprintf(a.stderr, "turnout: there was no store in %s: a new one was made, with keys of its own\n", l.Store.Path)
	}
	offer, err := a.offerOf(ctx, l, k)
	if err != nil {
		k.close()
		return nil, err
	}
	return &connection{endpoint: "http://localhost", key: k.access[0].Value, client: &http.Client{Transport: inside{offer}}, now: a.now, close: k.close}, nil
}

// ask sends a request, signed by the access key, or as the user whose token bearer is. It reads the answer into out, unless that is nil.
func (c *connection) ask(ctx context.Context, method, path, bearer string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	} else {
		api.Sign(r, body, c.key, c.now())
	}
	w, err := c.client.Do(r)
	if err != nil {
		return unanswered(c.endpoint, err)
	}
	defer w.Body.Close()
	const longest = 4 << 20
	text, err := io.ReadAll(io.LimitReader(w.Body, longest))
	if err != nil {
		return err
	}
	if w.StatusCode >= 300 {
		return refusal(w.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// unanswered is why a request was not answered, and what to do where a service is there and not believed.
func unanswered(endpoint string, err error) error {
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err // what was asked for is no news
	}
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("the service at %s: %w; if its certificate is of an issuer of your own, name the issuer's by the variable SSL_CERT_FILE", endpoint, err)
	case errors.As(err, &name):
		return fmt.Errorf("the service at %s: %w; write the connection string with a name that is in the certificate", endpoint, err)
	}
	return fmt.Errorf("the service at %s does not answer: %w", endpoint, err)
}

// refusal is what a service says went wrong.
func refusal(status int, text []byte) error {
	var answer struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(text, &answer) != nil || answer.Error.Code == "" {
		return fmt.Errorf("the service answers %d, and not as turnout does; look at the connection string's endpoint", status)
	}
	err := fmt.Errorf("the service answers %d %s: %s", status, answer.Error.Code, strings.TrimSuffix(answer.Error.Message, "."))
	if answer.Error.Code == "Denied" { // the contract has no more words for it
		return fmt.Errorf("%w; look at the access key of the connection string, and at this host's clock, which may be 5 minutes wrong", err)
	}
	return err
}

// identityPath is the path of a user of the service.
func identityPath(id, action string) string {
	path := "/identities/" + url.PathEscape(id)
	if action != "" {
		path += "/:" + action
	}
	return path + "?api-version=" + identityVersion
}

const identityVersion = "2025-06-30"
