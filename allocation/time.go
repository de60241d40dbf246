package allocation

import "math"

// A Time is nanoseconds on a monotonic clock of the caller's choosing. Everything that shares a [Ports] uses one clock.
type Time int64

// A Duration is nanoseconds.
type Duration int64

// How long things last.
const (
	Second             Duration = 1e9
	PermissionLifetime          = 300 * Second // RFC 8656 §9
	ChannelLifetime             = 600 * Second // RFC 8656 §12
	ReservationHold             = 30 * Second  // RFC 8656 §7.2: at least 30 seconds

	// PortCooldown is how long a released port is kept from other allocations while there are others to give. An
	// old peer goes on sending until it notices: 30 seconds where it checks consent (RFC 7675 §5.1), and its
	// datagrams would count as its own to the next user who permits the same peer. Twice that time is kept.
	PortCooldown = 60 * Second
	// PortRefusal is how long a port that the operating system refused stays out of the pool.
	PortRefusal = 60 * Second
)

// add is t+d, held at the ends of the range: a lifetime too long to express means for ever.
func (t Time) add(d Duration) Time {
	s := t + Time(d)
	if d > 0 && s < t {
		return math.MaxInt64
	}
	if d < 0 && s > t {
		return math.MinInt64
	}
	return s
}
