package secure

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
)

// helloMax bounds a ClientHello, in bytes on the connection. Browsers send 2 KiB
// with a post-quantum key.
const helloMax = 16 << 10

var (
	errHelloTooLong = errors.New("ClientHello longer than 16 KiB")
	errHTTPS        = errors.New("not a client of STUN: HTTPS")
)

// A recorder is a connection that TLS reads a ClientHello from. It keeps the bytes
// until the ClientHello is judged, so that a browser's connection can be passed on
// as if nobody had read of it.
type recorder struct {
	net.Conn
	kept   []byte
	judged bool
	silent bool // nothing more is written: the connection is somebody else's
	ahead  ahead

	mu      sync.Mutex
	holding bool   // guarded by mu: what is written waits
	held    []byte // guarded by mu; lent while holding
}

// NetConn is the connection below.
func (r *recorder) NetConn() net.Conn { return r.Conn }

// Read bounds and keeps what comes before the judgement.
func (r *recorder) Read(b []byte) (int, error) {
	if r.judged {
		return r.ahead.read(r.Conn, b)
	}
	room := helloMax - len(r.kept)
	if room == 0 {
		return 0, errHelloTooLong
	}
	n, err := r.Conn.Read(b[:min(len(b), room)])
	r.kept = append(r.kept, b[:n]...)
	return n, err
}

// Write drops the alert by which TLS ends a handshake that is passed on.
func (r *recorder) Write(b []byte) (int, error) {
	if r.silent {
		return len(b), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holding {
		r.held = append(r.held, b...)
		return len(b), nil
	}
	return r.Conn.Write(b)
}

// hold has what is written wait for release, in memory that is lent until then.
func (r *recorder) hold(space []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holding, r.held = true, space[:0]
}

// release writes what has waited, in one go, and gives the memory back, which may have grown.
func (r *recorder) release() (space []byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	space = r.held
	r.holding, r.held = false, nil
	if len(space) > 0 {
		_, err = r.Conn.Write(space)
	}
	return space, err
}

// judge is asked by TLS with the first ClientHello of a connection. A browser's is
// refused with errHTTPS if there is somebody to pass it on to.
func (t *Transports) judge(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	r := hello.Conn.(*recorder)
	r.judged = true
	if t.fallback.Load() != nil && speaksHTTPS(hello.SupportedProtos) {
		r.silent = true
		return nil, errHTTPS
	}
	r.kept = nil
	return nil, nil
}

// speaksHTTPS says whether the ALPN protocols of a client are those of a browser
// and none of STUN. Without ALPN a client is one of STUN: RFC 7443 asks nobody to
// have it.
func speaksHTTPS(offered []string) bool {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(offered, n) })
	}
	return has("h2", "http/1.1") && !has(protocols...)
}
