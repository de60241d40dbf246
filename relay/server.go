package relay

import (
	"context"
)

// A Server is a running relay.
type Server struct{}

// New opens every listener, so that a port in use is told before anything is served.
func New(c Config) (*Server, error) { panic("skeleton") }

// Addrs are the listening addresses, ports filled in.
func (s *Server) Addrs() []Listener { panic("skeleton") }

// Serve relays until ctx is done or Shutdown is called; it returns nil then.
func (s *Server) Serve(ctx context.Context) error { panic("skeleton") }

// Drain refuses new allocations from now on (508); live ones go on.
func (s *Server) Drain() { panic("skeleton") }

// Shutdown drains, waits until the last allocation ended or ctx is done, then ends what is left and closes everything.
func (s *Server) Shutdown(ctx context.Context) error { panic("skeleton") }

// Ready says whether the server takes new allocations.
func (s *Server) Ready() bool { panic("skeleton") }

// Stats sums the workers' counters; cheap enough for every scrape.
func (s *Server) Stats() Stats { panic("skeleton") }
