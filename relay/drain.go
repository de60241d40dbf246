package relay

// Drain refuses new allocations from now on; live ones go on. Safe for concurrent
// use, as is [Server.Undrain].
func (s *Server) Drain() { s.draining.Store(true) }

// Undrain takes new allocations again, and says whether it does: a server that
// Shutdown was called on stays as it is. It makes no difference to one that does not
// drain.
func (s *Server) Undrain() bool {
	s.draining.Store(false)
	select {
	case <-s.shutdown: // which may have begun just now, and drained before it was undrained
		s.draining.Store(true)
		return false
	default:
		return true
	}
}
