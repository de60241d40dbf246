package relay

import (
	"slices"

	"turnout/allocation"
)

// forwardTo has what comes from a 5-tuple served by another worker, which has its allocation.
func (w *worker) forwardTo(to *worker, tuple allocation.FiveTuple) {
	if w.forwarding == nil {
		w.forwarding = map[allocation.FiveTuple]*worker{}
	}
	w.forwarding[tuple] = to
}

// stopForwarding ends it, unless the allocation has gone on to a third worker.
func (w *worker) stopForwarding(tuple allocation.FiveTuple, to *worker) {
	if w.forwarding[tuple] == to {
		delete(w.forwarding, tuple)
	}
}

// forward has another worker serve a datagram, which is copied for it: only clients on their way to another address take
// this path.
func (w *worker) forward(to *worker, b []byte, tos uint8, from *origin) Drop {
	if to.forwarded.Add(1) > maxForwarded {
		to.forwarded.Add(-1)
		return DropMoving
	}
	at := origin{tuple: from.tuple, socket: from.listener.sockets[to.index], wildcard: from.wildcard, listener: from.listener}
	payload := slices.Clone(b)
	if !to.inbox.put(post{do: func(to *worker) {
		to.forwarded.Add(-1)
		if !to.deafTo(&at) {
			to.serveClient(payload, tos, &at)
		}
	}}) {
		return DropMoving
	}
	return notDropped
}
