package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// An OperatorAddress is where operators are served: an address and a port, or a Unix socket. The zero value is nowhere.
type OperatorAddress struct {
	netip.AddrPort        // zero for a socket
	Socket         string // path of the socket; empty for an address
}

// socketScheme comes before the path of a socket.
const socketScheme = "unix:"

// mostSocketPath is how long the path of a Unix socket may be everywhere: 104 bytes with the NUL at its end on the BSDs, 108 on Linux.
const mostSocketPath = 103

// UnmarshalText reads address:port, unix:/path, or nothing for none.
func (a *OperatorAddress) UnmarshalText(text []byte) error {
	s := string(text)
	path, ok := strings.CutPrefix(s, socketScheme)
	if !ok {
		var at Address
		if err := at.UnmarshalText(text); err != nil {
			return fmt.Errorf("%w, or a socket as unix:/run/turnout/admin.sock", err)
		}
		*a = OperatorAddress{AddrPort: at.AddrPort}
		return nil
	}
	switch {
	case !filepath.IsAbs(path) || strings.ContainsRune(path, 0):
		return fmt.Errorf("%s is not the path of a socket; write all of it, as unix:/run/turnout/admin.sock", quote(s))
	case len(path) > mostSocketPath:
		return fmt.Errorf("%s is too long for a socket; at most %d bytes are allowed", quote(s), mostSocketPath)
	}
	*a = OperatorAddress{Socket: filepath.Clean(path)}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (a OperatorAddress) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (a OperatorAddress) String() string {
	switch {
	case a.Socket != "":
		return socketScheme + a.Socket
	case a.IsValid():
		return a.AddrPort.String()
	}
	return ""
}

// Set says whether there is one.
func (a OperatorAddress) Set() bool { return a.IsValid() || a.Socket != "" }

// mostToken bounds what is read of a token's file, leastToken what cannot be guessed.
const (
	mostToken  = 4096
	leastToken = 16
)

// checkOperators keeps the operator's listener on this host, where nobody has to show a token.
func (l *loader) checkOperators() {
	a := &l.out.Admin
	key := "admin.token-file"
	o := l.origin(key)
	a.TokenFile = l.beside(a.TokenFile, o)
	switch {
	case l.about("admin"):
	case a.TokenFile != "" && !a.Listen.Set():
		l.wrong(o, key, "has no effect without admin.listen; add for example listen: 127.0.0.1:9478, or remove it")
	case a.TokenFile != "":
		l.checkToken(key, o)
		if a.Listen.IsValid() && !a.Listen.Addr().IsLoopback() {
			l.warn(l.origin("admin.listen"), "admin.listen", "%s sends the token over the network in clear; let only a network that you trust reach it, or write 127.0.0.1:%d and come by ssh -L", a.Listen, a.Listen.Port())
		}
	case a.Listen.IsValid() && !a.Listen.Addr().IsLoopback():
		l.wrong(l.origin("admin.listen"), "admin.listen", "%s is reachable from elsewhere, where anybody could end calls; name a token as admin.token-file, or write 127.0.0.1:%d, and use metrics.listen for a Prometheus server elsewhere", a.Listen, a.Listen.Port())
	}
}

// checkToken tries the file of the token.
func (l *loader) checkToken(key string, o origin) {
	text, err := l.ReadFile(l.out.Admin.TokenFile)
	switch n := len(strings.TrimSpace(string(text))); {
	case err != nil:
		l.wrong(o, key, "%s; name a file that turnout may read", sentence(err))
	case n < leastToken || n > mostToken:
		l.wrong(o, key, "%s holds %d bytes; a token has %d to %d, as `openssl rand -base64 32` prints them", quote(l.out.Admin.TokenFile), n, leastToken, mostToken)
	}
}
