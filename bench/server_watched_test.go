package bench

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWatched tells the two servers apart by their configuration, and by that alone.
func TestWatched(t *testing.T) {
	t.Parallel()
	configurations := map[string]object{}
	for _, s := range []Server{Turnout("turnout"), Watched("turnout"), Unwatched("turnout")} {
		p := testPlace
		p.Dir, p.Admin = t.TempDir(), netip.MustParseAddrPort("127.65.3.1:27003")
		c, err := s.Command(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(p.Dir, "turnout.yaml"))
		if err != nil || !strings.HasSuffix(strings.Join(c.Args, " "), "serve --config "+filepath.Join(p.Dir, "turnout.yaml")) {
			t.Fatalf("%v, %v", c.Args, err)
		}
		var read object
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		configurations[s.Name] = read
	}
	watched, unwatched := configurations["turnout-watched"], configurations["turnout-unwatched"]
	if at := watched["admin"].(object)["listen"]; at != "127.65.3.1:27003" || watched["log"].(object)["level"] != "info" {
		t.Errorf("watched: %v", watched)
	}
	if unwatched["admin"] != nil || unwatched["log"].(object)["level"] != "error" || unwatched["relay"].(object)["latency-sample"] != -1.0 {
		t.Errorf("unwatched: %v", unwatched)
	}
	for _, c := range configurations {
		delete(c, "admin")
		delete(c, "log")
		delete(c["relay"].(object), "latency-sample")
	}
	plain, _ := json.Marshal(configurations["turnout"])
	for name, c := range configurations {
		if text, _ := json.Marshal(c); string(text) != string(plain) {
			t.Errorf("%s has %s besides, and turnout %s", name, text, plain)
		}
	}
}

// TestAccompany scrapes until it is told to end, and tells of a scrape that failed.
func TestAccompany(t *testing.T) {
	t.Parallel()
	scraped := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case scraped <- r.URL.Path:
		default:
		}
	}))
	p := Place{Admin: netip.MustParseAddrPort(server.Listener.Addr().String())}
	finish := Watched("turnout").accompany(t.Context(), p)
	if path := <-scraped; path != "/metrics" {
		t.Errorf("scraped %s", path)
	}
	if err := finish(); err != nil {
		t.Error(err)
	}
	server.Close()
	ended := make(chan struct{})
	broken := Server{beside: func(ctx context.Context, p Place) error { defer close(ended); return scrape(ctx, p.Admin) }}
	finish = broken.accompany(t.Context(), p)
	<-ended
	if err := finish(); err == nil {
		t.Error("a scrape of nobody succeeded")
	}
	if err := Turnout("turnout").accompany(t.Context(), p)(); err != nil {
		t.Error(err)
	}
}
