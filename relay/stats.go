package relay

// Stats are totals since the start, and gauges of now.
type Stats struct {
	Allocations   int // live
	AllocationsBy map[string]int
	// … the relay's author fills this in: internal/metrics reads it
}
