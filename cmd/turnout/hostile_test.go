package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"turnout/internal/metrics"
)

var (
	seriesLine = regexp.MustCompile(`(?m)^turnout_([a-z0-9_]+)\{(.*)\} `)
	labelPair  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// TestHostileLabels has clients of every kind bring names of their own, many at once: none becomes a label's value, and all
// values are of the closed sets that docs/metrics.md shows.
func TestHostileLabels(t *testing.T) {
	t.Parallel()
	_, _, service, operator, stop := offering(t, "  dialects: {rest: {keys: [a-key-of-the-rest-dialect]}, matrix: true}")
	turnout := another(t, connectionString(service, decoded(t, accessKey)))
	const evil = "evil"
	mine, _ := turnout(exitOK, "credentials", "--user", evil+"-user")
	relayed := allocate(t, mine)
	turnout(exitOK, "user", "create", "--custom-id", evil)
	turnout(exitOK, "user", "revoke", evil+"-subject")
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	var load sync.WaitGroup
	for i := range 8 {
		load.Go(func() {
			for n := range 40 {
				name := fmt.Sprintf("%s-%d-%d", evil, i, n)
				for _, base := range []string{service, operator} {
					for _, path := range []string{"/" + name, "/v1/" + name, "/v1/allocations/" + name, "/v1/allocations?subject=" + name, "/identities/" + name, "/?service=turn&key=" + name, "/v1/turn/keys/" + name + "/credentials/generate"} {
						r, err := http.NewRequest([]string{"GET", "POST", "DELETE", "EVIL"}[n%4], base+path, strings.NewReader(name))
						if err != nil {
							t.Error(err)
							return
						}
						r.Header.Set("Authorization", "Bearer "+name)
						r.Header.Set("Origin", "http://"+name+".example")
						if n%5 == 0 {
							r.Host = name + ".example"
						}
						w, err := client.Do(r)
						if err != nil {
							t.Error(err)
							return
						}
						_, _ = io.Copy(io.Discard, w.Body)
						w.Body.Close()
					}
				}
			}
		})
	}
	load.Wait()
	text := scrape(t, operator)
	if strings.Contains(text, evil) {
		t.Error("a client's word is in the metrics")
	}
	checkLabels(t, text)
	if err := relayed.Close(); err != nil && !strings.Contains(err.Error(), net.ErrClosed.Error()) {
		t.Error(err)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// checkLabels wants every label's value to be of its closed set, where it has one.
func checkLabels(t *testing.T, scrape string) {
	t.Helper()
	lines := seriesLine.FindAllStringSubmatch(scrape, -1)
	if len(lines) < 300 {
		t.Fatalf("only %d series with labels", len(lines))
	}
	for _, line := range lines {
		name := line[1]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		for _, pair := range labelPair.FindAllStringSubmatch(line[2], -1) {
			label, value := pair[1], pair[2]
			if words, closed := metrics.Words(name, label); closed && !slices.Contains(words, value) {
				t.Errorf("%s: %s is %q, of no closed set", name, label, value)
			}
		}
	}
}

// TestFaultWords wants the faults to be those that the metrics are documented with.
func TestFaultWords(t *testing.T) {
	t.Parallel()
	var names []string
	for f := range numFaults {
		names = append(names, f.String())
	}
	if words, _ := metrics.Words("degraded", "reason"); !slices.Equal(words, names) {
		t.Errorf("%q, and it is said %q", words, names)
	}
	description, err := os.ReadFile(filepath.Join("..", "..", "internal", "admin", "openapi.json"))
	must(t, err)
	for _, name := range names {
		if !strings.Contains(string(description), fmt.Sprintf("%q", name)) {
			t.Errorf("the description of the admin listener lacks %s", name)
		}
	}
	if words, _ := metrics.Words("log_lines_total", "level"); !slices.Equal(words, logLevels[:]) {
		t.Errorf("%q, and it is said %q", words, logLevels)
	}
}
