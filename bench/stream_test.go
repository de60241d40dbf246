package bench

import (
	"testing"

	"turnout/stun"
)

// A packet that was given up and comes after all is delivered, late: it is lost no more, and was sent once.
func TestStreamLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		before, counted bool // the window is open when packets are given up, and when they come
		want            Flow
	}{
		{"in the window", true, true, Flow{Delivered: 4, Sent: 7, Lost: 3, Late: 2}},
		{"at its end", true, false, Flow{Sent: 3, Lost: 3, Late: 2}},
		{"at its beginning", false, true, Flow{Delivered: 4, Sent: 4, Late: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := &tally{pattern: newPattern(1), result: Flow{Latency: NewLatency()}}
			y.job.Scenario = Scenario{Payload: stampSize, Window: 5}
			s := &stream{tally: y, sent: 5, missing: map[uint64]struct{}{}}
			arrive := func(n uint64) {
				frame := make([]byte, stun.ChannelHeaderSize+stampSize)
				stun.PutChannelHeader(frame, channelNumber, stampSize)
				y.pattern.put(frame[stun.ChannelHeaderSize:], stamp{0, n, 0})
				s.arrived(frame, 1, &y.result)
			}
			y.window.Store(c.before)
			if credit := s.stalled(); credit != 5 {
				t.Errorf("credit %d, want the window", credit)
			}
			y.window.Store(c.counted)
			s.sent = 7
			for _, n := range []uint64{1, 3, 5, 6} { // 0, 2 and 4 never come
				arrive(n)
			}
			got := y.result
			got.Latency = nil
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
