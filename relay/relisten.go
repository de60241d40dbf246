package relay

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"turnout/allocation"
)

// A relisting is where clients are heard from the next commit on. What is new is open.
type relisting struct {
	all     []*listener // of the configuration, in its order
	opened  []*listener // among them: those that are new
	revived []*listener // among them: those that a reload had taken out before
	removed []*listener // those that are no more in the configuration
}

// relist opens what the configuration has and now lacks: all of it or, with an error,
// nothing.
func (s *Server) relist(c Config, now []*listener) (r relisting, err error) {
	s.retired = slices.DeleteFunc(s.retired, (*listener).isGone)
	r.removed = slices.Clone(now)
	for _, asked := range c.Listeners {
		same := func(l *listener) bool { return l.asked == asked }
		if i := slices.IndexFunc(r.removed, same); i >= 0 {
			r.all = append(r.all, r.removed[i])
			r.removed = slices.Delete(r.removed, i, i+1)
			continue
		}
		if i := slices.IndexFunc(s.retired, same); i >= 0 && s.revive(s.retired[i]) {
			r.all, r.revived = append(r.all, s.retired[i]), append(r.revived, s.retired[i])
			s.retired = slices.Delete(s.retired, i, i+1)
			continue
		}
		r.all = append(r.all, nil) // opened below, once it is known what stays
	}
	for _, l := range r.removed {
		if l.vantage != nil {
			err = errors.Join(err, fmt.Errorf("NAT discovery answers from %s %s: take that out by a restart", l.at.Transport, l.at.Addr))
		}
	}
	for i, l := range r.all {
		if l != nil || err != nil {
			continue
		}
		if r.all[i], err = s.openListener(c, c.Listeners[i]); err != nil {
			err = s.inTheWay(c.Listeners[i], r.removed, err)
			break
		}
		r.opened = append(r.opened, r.all[i])
	}
	if err != nil {
		s.unlist(r)
	}
	return r, err
}

// revive has a listener that was taken out stay open; if it is about to be closed, that
// is awaited.
func (s *Server) revive(l *listener) bool {
	if l.acquire() {
		return true
	}
	select {
	case <-l.gone:
	case <-s.closed:
	}
	return false
}

func (l *listener) isGone() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

// inTheWay says which of the relay's own listeners, if any, holds the port that one
// could not be opened on.
func (s *Server) inTheWay(asked Listener, removed []*listener, err error) error {
	for _, l := range slices.Concat(removed, s.retired) {
		if l.overTCP() == (&listener{at: asked}).overTCP() && l.at.Addr.Port() == asked.Addr.Port() && l.at.Addr.Addr().Is4() == asked.Addr.Addr().Is4() {
			return fmt.Errorf("%v: %s %s, which is no longer wanted, holds it until its last allocation has ended; take that out first, and add this one then",
				err, l.at.Transport, l.at.Addr)
		}
	}
	return err
}

// overTCP says whether a listener holds a TCP port.
func (l *listener) overTCP() bool {
	return l.at.Transport == allocation.TCP || l.at.Transport == allocation.TLS
}

// unlist takes back a relist of which nothing is heard yet.
func (s *Server) unlist(r relisting) {
	for _, l := range r.opened {
		l.discard()
	}
	for _, l := range r.revived {
		s.retired = append(s.retired, l)
		l.release()
	}
}

// hearAll has the workers hear what is new. If one cannot, what was opened is closed
// again, after what clients may have begun there meanwhile.
func (s *Server) hearAll(r relisting) error {
	heard := make(chan error, len(s.workers))
	for _, w := range s.workers {
		if !w.inbox.put(post{do: func(w *worker) { heard <- w.hearAll(r.opened) }}) {
			closeUnheard(w, r.opened)
			heard <- ErrClosed
		}
	}
	var err error
	for range s.workers {
		if failure := <-heard; failure != nil {
			err = failure
		}
	}
	if err != nil {
		s.retire(r.opened)
		r.opened = nil
		s.unlist(r)
	}
	return err
}

func (w *worker) hearAll(opened []*listener) error {
	for _, l := range opened {
		if err := w.hear(l); err != nil {
			return err
		}
	}
	return nil
}

// closeUnheard closes the sockets of a worker that has ended.
func closeUnheard(w *worker, opened []*listener) {
	for _, l := range opened {
		if l.sockets != nil {
			_ = l.sockets[w.index].Close()
		}
	}
}

// retire has listeners refuse new allocations, and be closed after the last.
func (s *Server) retire(removed []*listener) {
	for _, l := range removed {
		l.removed.Store(true)
	}
	s.askEvery(func(*worker) {}) // and so no worker is about to make an allocation that was admitted before
	for _, l := range removed {
		s.retired = append(s.retired, l)
		l.release()
	}
}

// listening is everywhere that clients are heard at, ports filled in: closed to peers.
func listening(lists ...[]*listener) (all []netip.AddrPort) {
	for _, list := range lists {
		for _, l := range list {
			all = append(all, l.at.Addr)
		}
	}
	return all
}
