package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// TestCompose looks for every file that compose.yaml mounts, and has turnout read its configuration.
func TestCompose(t *testing.T) {
	t.Parallel()
	var c struct {
		Services map[string]struct {
			Image    string
			Grace    string   `yaml:"stop_grace_period"`
			Network  string   `yaml:"network_mode"`
			ReadOnly bool     `yaml:"read_only"`
			CapDrop  []string `yaml:"cap_drop"`
			Volumes  []string
			Secrets  []string
		}
		Secrets map[string]struct{ File string }
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"turnout", "prometheus", "grafana"} {
		s, ok := c.Services[name]
		if !ok || s.Network != "host" {
			t.Fatalf("service %s: %+v", name, s)
		}
		if _, tag, ok := strings.Cut(s.Image, ":"); !ok || name != "turnout" && tag == "latest" {
			t.Errorf("service %s: its image %q has no fixed version", name, s.Image)
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(source, "./") {
				if _, ok := c.Volumes[source]; !ok {
					t.Errorf("service %s: volume %s is not declared", name, source)
				}
				continue
			}
			if _, err := os.Stat(filepath.FromSlash(source)); err != nil {
				t.Errorf("service %s: %v", name, err)
			}
		}
	}
	relay := c.Services["turnout"]
	if !relay.ReadOnly || len(relay.CapDrop) == 0 || len(relay.Secrets) != 1 || c.Secrets[relay.Secrets[0]].File == "" {
		t.Errorf("turnout may do more than it needs, or has no secret: %+v", relay)
	}
	loaded := load(t, "/etc/turnout/turnout.yaml", read(t, "compose/turnout.yaml"))
	if grace, err := time.ParseDuration(relay.Grace); err != nil || grace < time.Duration(loaded.Drain.Deadline)+10*time.Second {
		t.Errorf("it drains for %s and is killed after %s (%v)", time.Duration(loaded.Drain.Deadline), relay.Grace, err)
	}
	if target := loaded.Admin.Listen.String(); !strings.Contains(read(t, "prometheus/prometheus.yml"), "["+target+"]") {
		t.Errorf("Prometheus does not scrape %s", target)
	}
}
