package relay

import "turnout/internal/netio"

// noteShortcuts looks whether the kernel has refused a shortcut since the last
// round, which the worker's counter then shows and the log tells once a process.
func (w *worker) noteShortcuts() {
	now := w.poller.Shortcuts()
	if now == w.shortcuts {
		return
	}
	w.counters.rare = true
	w.noteShortcut("gso", counterGSO, w.shortcuts.GSO, now.GSO)
	w.noteShortcut("gro", counterGRO, w.shortcuts.GRO, now.GRO)
	w.shortcuts = now
}

func (w *worker) noteShortcut(name string, counter int, before, now netio.Shortcut) {
	if now.Enabled {
		w.counters.local[counter] = 1
		return
	}
	w.counters.local[counter] = 0
	if before.Enabled && w.refused[counter-counterGSO].CompareAndSwap(false, true) {
		w.log.Warn("the kernel refused a shortcut, which is out of use from now on", "shortcut", name, "reason", now.Reason)
	}
}

// logShortcuts tells what the workers begin with.
func (w *worker) logShortcuts() {
	in := func(s netio.Shortcut) string {
		if s.Enabled {
			return "in use"
		}
		return "not in use: " + s.Reason
	}
	w.log.Info("shortcuts of the kernel", "gso", in(w.shortcuts.GSO), "gro", in(w.shortcuts.GRO))
}
