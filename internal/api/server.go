package api

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
// back. The largest request is 80 KiB and is answered within a disk's write.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 16 << 10 // a token has at most 8
)

// A Server is one listener of a [Service]. Make it with [Listen].
type Server struct {
	listener net.Listener
	secure   bool
	http     http.Server
}

// Listen opens the listener; [Server.Serve] begins to answer. With certificates it
// speaks HTTPS. An error is the listener's: test for syscall.EADDRINUSE, EACCES and
// EADDRNOTAVAIL.
func Listen(addr netip.AddrPort, certificates *tls.Config, logger *slog.Logger) (*Server, error) {
	network := "tcp4"
	if addr.Addr().Is6() {
		network = "tcp6" // and so [::] is IPv6 alone, as every other listener of turnout
	}
	l, err := net.Listen(network, addr.String())
	if err != nil {
		return nil, err
	}
	return newServer(l, certificates, logger), nil
}

func newServer(l net.Listener, certificates *tls.Config, logger *slog.Logger) *Server {
	return &Server{
		listener: l,
		secure:   certificates != nil,
		http: http.Server{
			TLSConfig:                    certificates,
			DisableGeneralOptionsHandler: true, // it would answer OPTIONS * by itself, in plain text
			ReadHeaderTimeout:            headerTimeout,
			ReadTimeout:                  readTimeout,
			WriteTimeout:                 writeTimeout,
			IdleTimeout:                  idleTimeout,
			MaxHeaderBytes:               headerBytes,
			ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
	}
}

// Addr is where the server listens, the port filled in.
func (s *Server) Addr() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Serve answers by h until Shutdown; it returns nil then.
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
