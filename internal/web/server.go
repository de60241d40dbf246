// Package web has what turnout's HTTP listeners have in common: how they begin and
// end, how much time and room a request gets, and which names a listener on loopback
// answers to. What is answered is the handler's matter.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Bounds of a request and its answer, so that slow clients give their connection
// back. The largest request is 80 KiB and is answered within a disk's write; a scrape
// of a large relay takes well under a second.
const (
	HeaderTimeout = 5 * time.Second
	ReadTimeout   = 10 * time.Second // headers and body
	WriteTimeout  = 30 * time.Second
	IdleTimeout   = 2 * time.Minute // Prometheus scrapes at most every minute or so, on one connection
	HeaderBytes   = 16 << 10        // a user access token has at most 8 KiB
)

// Listen opens a TCP listener. An error is the system's: test for syscall.EADDRINUSE,
// EACCES and EADDRNOTAVAIL.
func Listen(addr netip.AddrPort) (net.Listener, error) {
	network := "tcp4"
	if addr.Addr().Is6() {
		network = "tcp6" // and so [::] is IPv6 alone, as every other listener of turnout
	}
	return net.Listen(network, addr.String())
}

// A Server answers what comes by one listener. Make it with New.
type Server struct {
	listener net.Listener
	secure   bool
	http     http.Server
}

// New takes over a listener. With certificates, which may be nil, it speaks HTTPS. What
// package net/http has to say of connections goes to logger at the level debug.
func New(l net.Listener, certificates *tls.Config, logger *slog.Logger) *Server {
	return &Server{
		listener: l,
		secure:   certificates != nil,
		http: http.Server{
			TLSConfig:                    certificates,
			DisableGeneralOptionsHandler: true, // it would answer OPTIONS * by itself, in plain text and whatever the host
			ReadHeaderTimeout:            HeaderTimeout,
			ReadTimeout:                  ReadTimeout,
			WriteTimeout:                 WriteTimeout,
			IdleTimeout:                  IdleTimeout,
			MaxHeaderBytes:               HeaderBytes,
			ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
	}
}

// Addr is where the server listens, the port filled in; the zero AddrPort for a Unix socket.
func (s *Server) Addr() netip.AddrPort {
	if at, ok := s.listener.Addr().(*net.TCPAddr); ok {
		return at.AddrPort()
	}
	return netip.AddrPort{}
}

// Where is the same for people: http://127.0.0.1:9478, or unix:/run/turnout/admin.sock.
func (s *Server) Where() string {
	scheme := "http://"
	if s.secure {
		scheme = "https://"
	}
	if at := s.Addr(); at.IsValid() {
		return scheme + at.String()
	}
	return "unix:" + s.listener.Addr().String()
}

// Serve answers by h until Shutdown; it returns nil then. Call it once.
func (s *Server) Serve(h http.Handler) error {
	s.http.Handler = h
	var err error
	if s.secure {
		err = s.http.ServeTLS(s.listener, "", "")
	} else {
		err = s.http.Serve(s.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown answers the requests under way, at most until ctx is done, and closes everything.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	_ = s.listener.Close() // closed already, unless the server never served
	return err
}
