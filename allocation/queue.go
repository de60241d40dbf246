package allocation

// A queue is ports in the order they were released, as index+1, 0 for none. From unstamped on, the ports do not know
// yet when they are free again: release is not told the time.
type queue struct{ head, tail, unstamped uint16 }

func (q *pool) push(u *queue, number uint16) {
	n := number - q.min + 1
	t := &q.ports[n-1]
	t.prev = u.tail
	if u.tail != 0 {
		q.ports[u.tail-1].next = n
	} else {
		u.head = n
	}
	u.tail = n
	if u.unstamped == 0 {
		u.unstamped = n
	}
}

// remove takes a port out of a queue in which all are stamped: the pool is told the time before it gives a port.
func (q *pool) remove(u *queue, number uint16) {
	n := number - q.min + 1
	t := &q.ports[n-1]
	if t.prev != 0 {
		q.ports[t.prev-1].next = t.next
	} else {
		u.head = t.next
	}
	if t.next != 0 {
		q.ports[t.next-1].prev = t.prev
	} else {
		u.tail = t.prev
	}
}

func (q *pool) stamp(u *queue, until Time) {
	for n := u.unstamped; n != 0; n = q.ports[n-1].next {
		q.ports[n-1].until = until
	}
	u.unstamped = 0
}
