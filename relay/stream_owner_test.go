package relay

import (
	"net"
	"testing"

	"turnout/allocation"
	"turnout/stun"
)

// What a stream's reader posts to a worker that the stream has left, or is about to leave, is served by the one that has it,
// and the reader goes on however that ends.
func TestFramesFollowTheirStream(t *testing.T) {
	t.Parallel()
	s, network := idleWorkers(t)
	defer s.abandonIdle(t, network)
	w, to := s.workers[0], s.workers[1]
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	st := newStream(ours, allocation.FiveTuple{Client: benchClient(1), Server: benchServer, Transport: allocation.TCP}, w)
	st.byGoroutines()
	request := message(stun.MethodBinding, func(*stun.Builder) {})
	resumed := func() bool {
		select {
		case <-st.resumed:
			return true
		default:
			return false
		}
	}

	st.leaving = true
	w.inbox.put(post{stream: st, frames: request})
	w.serveInbox()
	w.endRound()
	if resumed() || st.pending != nil {
		t.Fatal("served while the stream is on its way")
	}
	st.worker.Store(to) // it arrives before what comes behind
	st.leaving = false
	w.serveInboxWhole()
	told := 0
	st.post(func(*worker) { told++ })
	to.serveInboxWhole()
	if !resumed() || told != 1 {
		t.Errorf("the other worker has served nothing, and was told %d times", told)
	}
	select {
	case c := <-st.handed:
		if len(c.frames) == 0 {
			t.Error("the answer is empty")
		}
	default:
		t.Error("the request was not answered")
	}

	w.inbox.put(post{stream: st, frames: request})
	to.inbox.close()
	w.serveInboxWhole()
	if !resumed() {
		t.Error("the reader waits for a worker that has ended")
	}
}
