package netio

import (
	"sync"
	"time"
)

// A deadline is the moment a wait on a condition gives up. Its owner's mutex guards it, and is the condition's.
type deadline struct {
	passed bool
	timer  *time.Timer
	moves  uint64 // so that the timer of an earlier deadline changes nothing
}

// moveLocked sets the deadline (zero: none) and wakes who waits, to look at it again.
func (d *deadline) moveLocked(t time.Time, c *sync.Cond) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.moves++
	left := time.Until(t)
	d.passed = !t.IsZero() && left <= 0
	if !t.IsZero() && left > 0 {
		move := d.moves
		d.timer = time.AfterFunc(left, func() {
			c.L.Lock()
			defer c.L.Unlock()
			if d.moves == move {
				d.passed = true
				c.Broadcast()
			}
		})
	}
	c.Broadcast()
}
