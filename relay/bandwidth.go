package relay

import "turnout/allocation"

// A rate is how long one byte takes at a bandwidth, in nanoseconds times 2^rateBits:
// so that no bandwidth in use is rounded much. 0 is no limit.
type rate int64

const rateBits = 10

// rateOf is the rate of a bandwidth in bits per second; 0 is no limit.
func rateOf(bitsPerSecond int64) rate {
	if bitsPerSecond <= 0 {
		return 0
	}
	return max(1, rate((8*int64(allocation.Second)<<rateBits)/bitsPerSecond))
}

// of is how long n bytes take.
func (r rate) of(n int) allocation.Duration {
	return allocation.Duration(int64(n) * int64(r) >> rateBits)
}

// rescale is how long that takes at another rate which takes d at this one; nothing where one of them is no limit.
func (r rate) rescale(d allocation.Duration, to rate) allocation.Duration {
	if r == 0 {
		return 0
	}
	return allocation.Duration(min(float64(d)*float64(to)/float64(r), float64(maxDebt)))
}

// maxDebt keeps times that are rescaled far from where they would overflow.
const maxDebt = 365 * 24 * 60 * 60 * allocation.Second

// bandwidthBurst is how much an allocation, or a user, may send at once: what its bandwidth
// carries in this time. A keyframe of video passes; a second of overload does not.
const bandwidthBurst = allocation.Second

// A meter says when what one way of an allocation has carried so far is paid for.
type meter allocation.Time

// admits says whether n more bytes are within the rate, and counts them if so. The first
// datagram after a pause always is. RFC 8656 §5: what exceeds the bandwidth is discarded.
func (m *meter) admits(n int, r rate, now allocation.Time) bool {
	if r == 0 {
		return true
	}
	paid := max(allocation.Time(*m), now)
	if paid-now >= allocation.Time(bandwidthBurst) {
		return false
	}
	*m = meter(paid + allocation.Time(r.of(n)))
	return true
}

// meter counts n bytes of payload that go one way of an allocation, or says which bandwidth they exceed.
func (w *worker) meter(l *link, way, n int) Drop {
	if l.allowance != nil {
		return w.meterUser(l, way, n)
	}
	if !w.meterAllocation(l, way, n) {
		w.note(LimitAllocationBandwidth, l.whoHas())
		return DropBandwidth
	}
	return notDropped
}

// meterAllocation says whether n more bytes are within the allocation's own bandwidth, and counts them if so.
func (w *worker) meterAllocation(l *link, way, n int) bool {
	if w.bandwidth == 0 && l.limits == nil {
		return true
	}
	used := l.limited()
	if used.metered != w.bandwidth { // a reload has changed it
		used.metered, used.meters = w.bandwidth, [2]meter{}
	}
	return used.meters[way].admits(n, w.bandwidth, w.now)
}

// meterUser is meter where the user's bandwidth counts too: what one of the two refuses the other is not charged for.
func (w *worker) meterUser(l *link, way, n int) Drop {
	user := w.lease(l.allowance)
	if !user.room() {
		w.note(LimitUserBandwidth, l.whoHas())
		return DropUserBandwidth
	}
	if !w.meterAllocation(l, way, n) {
		w.note(LimitAllocationBandwidth, l.whoHas())
		return DropBandwidth
	}
	user.spend(n)
	return notDropped
}
