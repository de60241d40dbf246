// Package top shows in a terminal what a relay does now: what it relays, drops and
// refuses, and the allocations that relay most. It is a client of the admin API.
//
// Client asks, Model keeps what was answered and what the person wants to see,
// Frame draws it, and Run joins them with a terminal.
package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Client asks the admin API of one turnout. Make it with NewClient. Safe for concurrent use.
type Client struct {
	where string // for people
	base  string
	token func() (string, error) // nil: none
	http  *http.Client
}

const (
	patience     = 10 * time.Second // for an answer
	longest      = 8 << 20          // bytes of one
	socketScheme = "unix:"
)

// NewClient asks the admin listener at a URL, an address:port, or unix: and the path of a socket. Token gives what is shown
// to it, and is asked each time, since it may change; nil shows nothing.
func NewClient(at string, token func() (string, error)) (*Client, error) {
	c := &Client{where: strings.TrimPrefix(at, "http://"), base: strings.TrimSuffix(at, "/"), token: token}
	transport := &http.Transport{Proxy: nil, MaxIdleConns: 2, IdleConnTimeout: time.Minute}
	switch path, socket := strings.CutPrefix(at, socketScheme); {
	case socket:
		c.base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	case !strings.Contains(at, "://"):
		if host, port, err := net.SplitHostPort(at); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("%q is not where an admin listener is; write http://127.0.0.1:9478, or unix:/run/turnout/admin.sock", at)
		}
		c.base = "http://" + at
	default:
		u, err := url.Parse(at)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
			return nil, fmt.Errorf("%q is not the URL of an admin listener; write http://127.0.0.1:9478", at)
		}
	}
	c.http = &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// A Status is what GET /v1/status answers, as much as is shown.
type Status struct {
	Version                string
	Started, Now           time.Time
	State                  string
	Reasons                []string
	Allocations            int
	AllocationsByTransport map[string]int
	AllocationsTotal       uint64
	Relayed                struct{ FromClients, ToPeers, FromPeers, ToClients Traffic }
	Drops, Authentications map[string]uint64
	Ports                  struct{ Used, All int }
	Connections, Workers   int
}

// A Traffic is packets, and bytes of payload.
type Traffic struct{ Packets, Bytes float64 }

// A List is what GET /v1/allocations answers.
type List struct {
	Allocations []Allocation
	Total       int
	Next        string  // not empty where there are more
	Interval    float64 // seconds that the rates are of; 0: there are none
}

// An Allocation is one row.
type Allocation struct {
	ID, Subject, Transport, Client, Protocol string
	Relayed                                  []string
	Created, Expires                         time.Time
	Permissions, Channels                    int
	FromClient, ToClient                     Traffic
	Rate                                     struct{ FromClient, ToClient Traffic } // a second
}

// Status asks how the relay is.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.ask(ctx, http.MethodGet, "/v1/status", &s)
}

// List asks for the first allocations in an order. Text is part of a subject, or where clients are: an address, or a block.
func (c *Client) List(ctx context.Context, order, text string, limit int) (l List, err error) {
	q := url.Values{"sort": {order}, "limit": {strconv.Itoa(limit)}}
	if isAddress(text) {
		q.Set("client", text)
	} else if text != "" {
		q.Set("search", text)
	}
	return l, c.ask(ctx, http.MethodGet, "/v1/allocations?"+q.Encode(), &l)
}

// End ends an allocation; ErrEnded tells that it had ended before.
func (c *Client) End(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodDelete, "/v1/allocations/"+url.PathEscape(id), nil)
}

// ErrEnded is that of an allocation that is not there any more.
var ErrEnded = errors.New("it has ended already")

// ask reads an answer into out, unless that is nil.
func (c *Client) ask(ctx context.Context, method, path string, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return err
	}
	if c.token != nil {
		token, err := c.token()
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w, err := c.http.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // what was asked for is no news
		}
		return fmt.Errorf("%s does not answer: %w", c.where, err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(io.LimitReader(w.Body, longest))
	if err != nil {
		return err
	}
	if w.StatusCode/100 != 2 {
		return c.refusal(w.StatusCode, body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s answers, and not as an admin listener of turnout does", c.where)
	}
	return nil
}

// refusal is what the listener says went wrong.
func (c *Client) refusal(status int, body []byte) error {
	var answer struct {
		Error struct{ Code, Message string }
	}
	_ = json.Unmarshal(body, &answer) // an answer of something else has no code
	switch {
	case answer.Error.Code == "AllocationNotFound":
		return ErrEnded
	case status == http.StatusUnauthorized && c.token != nil:
		return fmt.Errorf("%s refuses the token: it is not what the file of its admin.token-file holds now", c.where)
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%s wants a token: name its file by TURNOUT_ADMIN_TOKEN_FILE, or the configuration by --config", c.where)
	case answer.Error.Code == "" || answer.Error.Code == "NotFound":
		return fmt.Errorf("%s answers %d, and not as an admin listener of turnout does", c.where, status)
	}
	return fmt.Errorf("%s answers %d: %s", c.where, status, strings.TrimSuffix(answer.Error.Message, "."))
}

// isAddress says whether a text is an address, a block, or an address and port.
func isAddress(text string) bool {
	_, a := netip.ParseAddr(text)
	_, b := netip.ParsePrefix(text)
	_, c := netip.ParseAddrPort(text)
	return a == nil || b == nil || c == nil
}
