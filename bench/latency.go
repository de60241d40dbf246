package bench

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Bounds of a latency histogram: from a microsecond, below which loopback has nothing to tell, to as long as a packet
// is waited for. Three significant digits: a value is off by at most a thousandth.
const (
	shortestLatency = time.Microsecond
	longestLatency  = 10 * time.Second
	latencyDigits   = 3
)

// A Latency is a histogram of times between sending and arrival. It is owned by one goroutine, and records without
// allocating. As JSON it is the compressed encoding that every HdrHistogram library reads (base64).
type Latency struct{ histogram *hdrhistogram.Histogram }

// NewLatency is an empty one.
func NewLatency() *Latency {
	return &Latency{hdrhistogram.New(int64(shortestLatency), int64(longestLatency), latencyDigits)}
}

// Record counts one packet; what is out of bounds is counted at the bound.
func (l *Latency) Record(d time.Duration) {
	_ = l.histogram.RecordValue(int64(min(max(d, shortestLatency), longestLatency))) // within bounds it never fails
}

// Merge adds what o counted.
func (l *Latency) Merge(o *Latency) { l.histogram.Merge(o.histogram) }

// Count is how many were recorded.
func (l *Latency) Count() int64 { return l.histogram.TotalCount() }

// Percentile is the time within which p percent arrived; 0 if nothing was recorded.
func (l *Latency) Percentile(p float64) time.Duration {
	return time.Duration(l.histogram.ValueAtQuantile(p))
}

// MarshalText implements encoding.TextMarshaler.
func (l *Latency) MarshalText() ([]byte, error) {
	return l.histogram.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Latency) UnmarshalText(text []byte) error {
	h, err := hdrhistogram.Decode(text)
	if err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	l.histogram = h
	return nil
}
