package admin

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestHistory keeps ten minutes, in steps of five seconds, of what a page draws.
func TestHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOperated(t)
		a := *o.config.API
		h := &history{}
		ctx, cancel := context.WithCancel(t.Context())
		go h.run(ctx, func() momentBody { return a.moment(a.stats()) })
		begun := time.Now()
		for _, c := range []struct {
			after   time.Duration
			moments int
			oldest  time.Duration
		}{
			{time.Second, 1, 0},
			{10*time.Second - time.Second, 3, 0},
			{10*time.Minute - 10*time.Second, 121, 0},
			{time.Hour, 121, time.Hour},
		} {
			time.Sleep(c.after) // virtual
			synctest.Wait()
			all := h.all()
			if len(all) != c.moments || !all[0].Now.Equal(begun.Add(c.oldest)) {
				t.Fatalf("%v after the start there are %d moments from %v on; want %d from %v on", time.Since(begun), len(all), all[0].Now.Sub(begun), c.moments, c.oldest)
			}
		}
		if m := h.all()[0]; m.Allocations != 5 || m.Relayed.FromClients.Bytes != 6 || len(m.Drops) != 1 || m.Drops["handshake_failed"] != 9 || len(m.Authentications) != 0 {
			t.Errorf("a moment is %+v", m)
		}
		cancel()
	})
}

// TestHistoryServed asks a Server, which keeps the history while it serves.
func TestHistoryServed(t *testing.T) {
	t.Parallel()
	o := newOperated(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(l, netip.MustParseAddr("127.0.0.1"), o.config)
	looked := make(chan struct{}, 8)
	server := s.api.Relay()
	s.api.Relay = func() Relay { looked <- struct{}{}; return server }
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	<-looked
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := len(s.api.past.all()); n != 1 {
		t.Errorf("%d moments are kept, want the first", n)
	}
}
