package secure

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// failed logs a connection that did not get through.
func (t *Transports) failed(client netip.AddrPort, server string, why Drop, err error) {
	t.log.Debug("a connection did not get through", "client", client, "server", server, "reason", why.String(), "error", err)
	if why == DropHandshakeDisplaced {
		t.displaced.tell(t.log, client.Addr(), time.Now())
	}
}

// displacedWindow is how long the log is silent of displaced handshakes when it has told of them.
const displacedWindow = time.Minute

// A displacedLog tells that there were more handshakes than limits.handshakes: at once, and later once in each window.
type displacedLog struct {
	mu    sync.Mutex
	told  time.Time // guarded by mu
	times uint64    // guarded by mu: not told yet
}

// tell counts one, of a client at source. An address of a DTLS client may be forged.
func (d *displacedLog) tell(log *slog.Logger, source netip.Addr, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.times++
	if !d.told.IsZero() && now.Sub(d.told) < displacedWindow {
		return
	}
	log.Warn("limit reached", "limit", "handshakes", "key", "limits.handshakes", "answer", "the oldest is closed", "times", d.times, "source", source.String())
	d.told, d.times = now, 0
}
