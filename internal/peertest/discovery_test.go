package peertest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCoturnNATDiscovery has coturn's tools explore the way to the server, on which
// there is no NAT. RFC 5780.
func TestCoturnNATDiscovery(t *testing.T) {
	peers(t)
	if os.Getenv("PEERTEST_SERVER") != "" {
		t.Skip("PEERTEST_SERVER names the server to test: nothing is known of its second address")
	}
	t.Parallel()
	s := start(t)
	first, second := fmt.Sprintf("127.0.0.1:%d", s.port), fmt.Sprintf("127.0.0.2:%d", s.port+1)
	origin := func(address string, port int) string { return fmt.Sprintf("Response origin: : %s:%d\n", address, port) }
	for name, tt := range map[string]struct {
		tool string
		args []string
		want []string // in this order
	}{
		"mapping": {"turnutils_natdiscovery", []string{"-m"}, []string{
			"Mapped == XOR-Mapped", "Response origin: : " + first, "Other addr: : " + second,
			origin("127.0.0.2", s.port), "Endpoint Independent Mapping!"}},
		"filtering": {"turnutils_natdiscovery", []string{"-f"}, []string{
			"Response origin: : " + first, "Response origin: : " + second, "Endpoint Independent Filtering!"}},
		"mapping and filtering, in fragments": {"turnutils_natdiscovery", []string{"-m", "-f", "-P"}, []string{
			"Endpoint Independent Mapping!", "Response origin: : " + second, "Endpoint Independent Filtering!"}},
		"hairpinning": {"turnutils_natdiscovery", []string{"-H"}, []string{"Received a request (maybe a successful hairpinning)"}},
		"stunclient": {"turnutils_stunclient", []string{"-f"}, []string{
			"Response origin: : " + first, "Response origin: : " + second, "RFC 5780 response 3", "Response origin: : " + second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := tool(t, tt.tool)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			out, err := output(ctx, program, append(tt.args, "-p", strconv.Itoa(s.port), "127.0.0.1")...)
			if err != nil {
				t.Errorf("%s: %v", tt.tool, err)
			}
			rest := out
			for _, want := range tt.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("%s %q printed no %q where it was to:\n%s", tt.tool, tt.args, want, out)
				}
				rest = after
			}
		})
	}
	t.Run("lifetime of a mapping, by answers to another port", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		out, err := output(ctx, tool(t, "turnutils_natdiscovery"), "-t", "-T", "1", "-p", strconv.Itoa(s.port), "127.0.0.1")
		mapped := regexp.MustCompile(`UDP reflexive addr: 127\.0\.0\.1:(\d+)`).FindAllStringSubmatch(out, -1)
		if err != nil || len(mapped) != 2 || mapped[0][1] == mapped[1][1] {
			t.Errorf("want the mapped addresses of two ports (%v):\n%s", err, out)
		}
	})
}
