package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"turnout/internal/config"
	"turnout/relay"
)

const (
	lookupEvery   = 5 * time.Minute // as docs/configuration.md says
	lookupTimeout = 10 * time.Second
)

// lookup asks the system for the addresses of a host.
func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// An addressBook is what is known of the hosts that alternates name: for each, the first address of either family.
type addressBook map[string][2]netip.Addr

// alternates are the configuration's in the relay's words. One whose address is not known is left out.
func (b addressBook) alternates(l *config.Loaded) relay.Alternates {
	return relay.Alternates{Full: b.list(l.Alternates), Draining: b.list(l.Drain.Alternate)}
}

func (b addressBook) list(from []config.Alternate) (list []relay.Alternate) {
	for _, a := range from {
		addrs := b[a.URL.Host]
		if ip, err := netip.ParseAddr(a.URL.Host); err == nil {
			addrs = byFamily([]netip.Addr{ip})
		}
		r := relay.Alternate{Weight: a.Weight, Domain: a.Domain}
		if addrs[0].IsValid() {
			r.IPv4 = netip.AddrPortFrom(addrs[0], a.URL.Port)
		}
		if addrs[1].IsValid() {
			r.IPv6 = netip.AddrPortFrom(addrs[1], a.URL.Port)
		}
		for _, t := range a.URL.Transports() {
			r.Transports = append(r.Transports, schemes[t])
		}
		if r.IPv4.IsValid() || r.IPv6.IsValid() {
			list = append(list, r)
		}
	}
	return list
}

// byFamily is the first IPv4 and the first IPv6 address.
func byFamily(all []netip.Addr) (first [2]netip.Addr) {
	for _, ip := range all {
		ip = ip.Unmap().WithZone("")
		i := 0
		if ip.Is6() {
			i = 1
		}
		if !first[i].IsValid() {
			first[i] = ip
		}
	}
	return first
}

// names are the hosts to be looked up, each once.
func names(l *config.Loaded) (all []string) {
	seen := map[string]bool{}
	for _, list := range [][]config.Alternate{l.Alternates, l.Drain.Alternate} {
		for _, a := range list {
			if _, err := netip.ParseAddr(a.URL.Host); err != nil && !seen[a.URL.Host] {
				seen[a.URL.Host] = true
				all = append(all, a.URL.Host)
			}
		}
	}
	return all
}

// watching is the looking up of alternates' names that goes on. Its book is nobody else's until it is stopped.
type watching struct {
	book   addressBook
	cancel context.CancelFunc // nil: nothing goes on
	tasks  sync.WaitGroup
}

// stop ends it and returns when it has ended.
func (w *watching) stop() {
	if w.cancel != nil {
		w.cancel()
		w.tasks.Wait()
		w.cancel = nil
	}
}

// watchAlternates looks names up now and then until s.alternates is stopped, and tells the relay what it found: also while it
// drains.
func (s *service) watchAlternates(l *config.Loaded) {
	hosts, server, w := names(l), s.relay.Load(), &s.alternates
	if len(hosts) == 0 || server == nil {
		return
	}
	if w.book == nil {
		w.book = addressBook{}
	}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	w.tasks.Go(func() { s.app.keepLookingUp(ctx, hosts, l, *server, w.book, s.log) })
}

// keepLookingUp is the loop behind watchAlternates. A name that cannot be looked up keeps the addresses it had.
func (a *app) keepLookingUp(ctx context.Context, hosts []string, l *config.Loaded, server relayServer, book addressBook, log *slog.Logger) {
	ticker := time.NewTicker(lookupEvery)
	defer ticker.Stop()
	for {
		for _, host := range hosts {
			lookupCtx, cancel := context.WithTimeout(ctx, lookupTimeout)
			found, err := a.parts.lookup(lookupCtx, host)
			cancel()
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				log.Warn("looking up an alternate failed", "host", host, "error", err)
			default:
				book[host] = byFamily(found)
			}
		}
		server.SetAlternates(book.alternates(l))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
