package netio

// An appetite says how many slots a read of a socket asks for. A read that asks for more than there is looks once in vain, which
// costs a good part of what it costs to read a datagram. That is wasted where datagrams come one at a time, as those of a call
// do: such a socket is asked for one, until it turns out to have another right afterwards.
type appetite struct {
	lone int    // reads in a row that filled one slot or none
	turn uint64 // of the poller, in which the last one was
}

// loneReads is how many make a socket one whose datagrams come alone.
const loneReads = 4

// slots is how many to ask for in a turn of the poller, which is the time between two Waits, of so many that there is room for.
func (a *appetite) slots(room int, turn uint64) int {
	if a.lone < loneReads {
		return room
	}
	if turn-a.turn <= 1 { // it is ready again already
		a.lone = 0
		return room
	}
	return min(room, 1)
}

// learn is told how many slots a read filled.
func (a *appetite) learn(slots int, turn uint64) {
	a.turn = turn
	if slots > 1 {
		a.lone = 0
		return
	}
	a.lone++
}
