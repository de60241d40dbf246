package bench

import (
	"encoding/json"
	"testing"
	"time"
)

func TestLatency(t *testing.T) {
	t.Parallel()
	l := NewLatency()
	for i := range 1000 {
		l.Record(time.Duration(i+1) * time.Millisecond)
	}
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	copied := NewLatency()
	if err := json.Unmarshal(text, copied); err != nil {
		t.Fatal(err)
	}
	copied.Merge(l)
	if copied.Count() != 2000 {
		t.Errorf("merged with itself it counts %d, want 2000", copied.Count())
	}
	for p, want := range map[float64]time.Duration{50: 500 * time.Millisecond, 99: 990 * time.Millisecond, 99.9: 999 * time.Millisecond} {
		for _, h := range []*Latency{l, copied} {
			if got := h.Percentile(p); got < want || got > want+want/500 {
				t.Errorf("percentile %v is %v, want %v or a five-hundredth more", p, got, want)
			}
		}
	}
}

// TestLatencyBounds records what no histogram holds.
func TestLatencyBounds(t *testing.T) {
	t.Parallel()
	l := NewLatency()
	if got := l.Percentile(99); got != 0 {
		t.Errorf("an empty histogram says %v", got)
	}
	for _, d := range []time.Duration{-time.Second, 0, time.Hour} {
		l.Record(d)
	}
	if l.Count() != 3 {
		t.Errorf("%d of 3 are counted", l.Count())
	}
	if got := l.Percentile(100); got < longestLatency || got > longestLatency+longestLatency/500 {
		t.Errorf("an hour is %v, want %v", got, longestLatency)
	}
	if err := l.UnmarshalText([]byte("no histogram")); err == nil {
		t.Error("a text that is no histogram is read")
	}
}
