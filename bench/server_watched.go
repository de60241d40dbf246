package bench

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// scrapeInterval is how often a watched server is scraped: fifteen times as often as Prometheus does by default.
const scrapeInterval = time.Second

// Watched is turnout as an operator runs it who watches it closely: its metrics are scraped every second by the runner, the
// latency of a sample is measured, and it logs what it does.
func Watched(binary string) Server {
	s := turnoutWith(binary, func(c object, p Place) {
		c["admin"] = object{"listen": p.Admin.String()}
		c["log"] = object{"level": "info", "format": "json"}
	})
	s.Name, s.beside = "turnout-watched", func(ctx context.Context, p Place) error { return scrape(ctx, p.Admin) }
	return s
}

// Unwatched is turnout with all of that off, as far as it can be: what is counted is counted.
func Unwatched(binary string) Server {
	s := turnoutWith(binary, func(c object, _ Place) {
		c["relay"].(object)["latency-sample"] = -1
		c["log"] = object{"level": "error"}
	})
	s.Name = "turnout-unwatched"
	return s
}

// scrape reads the metrics every scrapeInterval until ctx ends. The error is that of a scrape which failed before that.
func scrape(ctx context.Context, at netip.AddrPort) error {
	tick := time.NewTicker(scrapeInterval)
	defer tick.Stop()
	client := &http.Client{}
	defer client.CloseIdleConnections()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+"/metrics", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
