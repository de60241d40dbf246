package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// An Endpoint is where the service listens: scheme://address:port. The zero value is none.
type Endpoint struct {
	Scheme string // http or https
	Addr   netip.AddrPort
}

// UnmarshalText reads scheme://address:port, or nothing for none.
func (e *Endpoint) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" {
		*e = Endpoint{}
		return nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return fmt.Errorf("%s is not where HTTP is served; write https://0.0.0.0:8443, or http://127.0.0.1:8080", quote(s))
	}
	a, err := parseAddrPort(strings.TrimSuffix(rest, "/"), scheme+"://")
	if err != nil {
		return err
	}
	*e = Endpoint{scheme, a}
	return nil
}

// MarshalText writes scheme://address:port, or nothing for none.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

func (e Endpoint) String() string {
	if !e.Addr.IsValid() {
		return ""
	}
	return e.Scheme + "://" + e.Addr.String()
}

// A Switch is on or off. In the file {} stands for on: what it switches on has no keys of its own.
type Switch bool

// UnmarshalText reads true or false.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "true":
		*s = true
	case "false", "":
		*s = false
	default:
		return fmt.Errorf("%s is neither true nor false; write {} or true to switch it on", quote(string(text)))
	}
	return nil
}

// MarshalText writes true or false.
func (s Switch) MarshalText() ([]byte, error) { return fmt.Append(nil, bool(s)), nil }
