package deploy

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"turnout/internal/config"
)

const (
	chart      = "helm/turnout"
	kubernetes = "1.31.0" // there is no cluster to ask for its version
)

// An object is one document that the chart makes.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Replicas int
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     pod
		}
		Egress []map[string]any
		Ports  []struct{ Port int }
	}
}

// A pod is what the tests read of one.
type pod struct {
	HostNetwork bool `yaml:"hostNetwork"`
	Grace       int  `yaml:"terminationGracePeriodSeconds"`
	Security    struct {
		NonRoot bool `yaml:"runAsNonRoot"`
		User    int  `yaml:"runAsUser"`
	} `yaml:"securityContext"`
	Containers []struct {
		Liveness  probe `yaml:"livenessProbe"`
		Readiness probe `yaml:"readinessProbe"`
		Security  struct {
			ReadOnly     bool  `yaml:"readOnlyRootFilesystem"`
			Escalation   *bool `yaml:"allowPrivilegeEscalation"`
			Capabilities struct{ Drop []string }
		} `yaml:"securityContext"`
		Ports []struct {
			Name string
			Port int `yaml:"containerPort"`
		}
	}
}

type probe struct {
	HTTP struct{ Path, Port string } `yaml:"httpGet"`
}

// render gives what the chart makes of values, by kind.
func render(t *testing.T, values ...string) map[string]object {
	t.Helper()
	arguments := []string{"template", "relay", chart, "--namespace", "turn", "--kube-version", kubernetes}
	for _, v := range values {
		arguments = append(arguments, "--set", v)
	}
	out := tool(t, "helm", arguments...)
	objects := map[string]object{}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(out)))
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		objects[o.Kind] = o
	}
}

const someSecret = "secret.value=a-secret-of-some-length"

// TestChartLint has Helm look the chart over, with and without all it can do.
func TestChartLint(t *testing.T) {
	tools(t)
	t.Parallel()
	tool(t, "helm", "lint", "--strict", chart, "--set", someSecret)
	tool(t, "helm", "lint", "--strict", chart, "--set", strings.Join(everything, ","))
}

var everything = []string{
	"kind=Deployment", "hostNetwork=false", "replicas=3", "drainSeconds=600", "secret.existing=mine", "tls.existing=cert",
	"listen[0].scheme=tls", "listen[0].port=5349", "listen[1].scheme=dtls", "listen[1].port=5349",
	"service.enabled=true", "podMonitor.enabled=true", "networkPolicy.enabled=true", "networkPolicy.metricsFrom[0].podSelector.matchLabels.app=prometheus",
}

// TestChart renders the chart as it is, and looks at what keeps calls alive and strangers out.
func TestChart(t *testing.T) {
	tools(t)
	t.Parallel()
	objects := render(t, someSecret)
	if got, want := slices.Sorted(maps.Keys(objects)), []string{"ConfigMap", "DaemonSet", "PodDisruptionBudget", "Secret"}; !slices.Equal(got, want) {
		t.Errorf("made %v, want %v", got, want)
	}
	checkPod(t, objects["DaemonSet"], true, 3600)
	c := checkConfig(t, objects["ConfigMap"])
	if time.Duration(c.Drain.Deadline) != time.Hour || c.Relay.Ports.Min != 49152 || c.Metrics.Listen.Port() != 9479 || len(c.Listen) != 2 {
		t.Errorf("configuration %+v", c)
	}
}

// TestChartEverything renders it with all it can do.
func TestChartEverything(t *testing.T) {
	tools(t)
	t.Parallel()
	objects := render(t, everything...)
	want := []string{"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "Service"}
	if got := slices.Sorted(maps.Keys(objects)); !slices.Equal(got, want) {
		t.Errorf("made %v, want %v", got, want)
	}
	checkPod(t, objects["Deployment"], false, 600)
	if n := objects["Deployment"].Spec.Replicas; n != 3 {
		t.Errorf("%d replicas", n)
	}
	if c := checkConfig(t, objects["ConfigMap"]); time.Duration(c.Drain.Deadline) != 10*time.Minute || c.TLS.Cert == "" || c.Listen[0].Scheme != "tls" {
		t.Errorf("configuration %+v", c)
	}
	if p := objects["Service"].Spec.Ports; len(p) != 2 || p[0].Port != 5349 {
		t.Errorf("the service has ports %v", p)
	}
}

// TestChartConfig puts keys of turnout's own over the chart's. Another configuration makes other pods, unless those there are
// read it again.
func TestChartConfig(t *testing.T) {
	tools(t)
	t.Parallel()
	plain := render(t, someSecret)
	other := render(t, someSecret, "config.realm=turn.example.org", "config.quota.user.allocations=50")
	c := checkConfig(t, other["ConfigMap"])
	if c.Realm != "turn.example.org" || c.Quota.User.Allocations != 50 || c.Relay.Ports.Max != 65535 {
		t.Errorf("configuration %+v", c)
	}
	const sum = "checksum/config"
	if a, b := plain["DaemonSet"].Spec.Template.Metadata.Annotations[sum], other["DaemonSet"].Spec.Template.Metadata.Annotations[sum]; a == "" || a == b {
		t.Errorf("%s is %q and then %q", sum, a, b)
	}
	const reload = "restartOnChange=false"
	plain, other = render(t, someSecret, reload), render(t, "secret.value=another-secret-of-some-length", reload, "config.realm=turn.example.org")
	if a, b := plain["DaemonSet"].Spec.Template, other["DaemonSet"].Spec.Template; !reflect.DeepEqual(a, b) || len(a.Metadata.Annotations) != 0 {
		t.Errorf("pods that read it again are made anew:\n%+v\n%+v", a, b)
	}
	annotated := render(t, someSecret, reload, "podAnnotations.team=voice")
	if a := annotated["DaemonSet"].Spec.Template.Metadata.Annotations; !maps.Equal(a, map[string]string{"team": "voice"}) {
		t.Errorf("annotations %v", a)
	}
}

// TestChartRefuses has the schema and the templates refuse what cannot be meant.
func TestChartRefuses(t *testing.T) {
	tools(t)
	t.Parallel()
	for _, c := range []struct{ values, want string }{
		{"replicas=2", "secret.value"},
		{"secret.value=short", "secret"},
		{someSecret + ",hostNetworking=true", "hostNetworking"},
		{someSecret + ",kind=StatefulSet", "kind"},
		{someSecret + ",listen[0].scheme=quic,listen[0].port=1", "scheme"},
		{someSecret + ",listen[0].scheme=udp,listen[0].port=65536", "port"},
		{someSecret + ",relayPorts.min=50000,relayPorts.max=40000", "relayPorts.min is above"},
		{someSecret + ",drainSeconds=0", "drainSeconds"},
	} {
		out, err := attempt(t, "helm", "template", "relay", chart, "--kube-version", kubernetes, "--set", c.values)
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, want a word of %q:\n%s", c.values, err, c.want, out)
		}
	}
}

func checkPod(t *testing.T, o object, hostNetwork bool, drain int) {
	t.Helper()
	for k, v := range o.Spec.Selector.MatchLabels {
		if o.Spec.Template.Metadata.Labels[k] != v {
			t.Errorf("%s: it selects %s=%s, which its pods have not", o.Kind, k, v)
		}
	}
	p := o.Spec.Template.Spec
	if len(p.Containers) != 1 || len(o.Spec.Selector.MatchLabels) == 0 {
		t.Fatalf("%s: %+v", o.Kind, o)
	}
	c := p.Containers[0]
	if p.HostNetwork != hostNetwork || !p.Security.NonRoot || p.Security.User != 65532 {
		t.Errorf("%s: host network %v, %+v", o.Kind, p.HostNetwork, p.Security)
	}
	if !c.Security.ReadOnly || c.Security.Escalation == nil || *c.Security.Escalation || !slices.Equal(c.Security.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("%s: %+v", o.Kind, c.Security)
	}
	if c.Liveness.HTTP.Path != "/livez" || c.Readiness.HTTP.Path != "/readyz" || c.Liveness.HTTP.Port != "metrics" {
		t.Errorf("%s: probes %+v, %+v", o.Kind, c.Liveness, c.Readiness)
	}
	if p.Grace < drain+10 {
		t.Errorf("%s: drains for %d s and is killed after %d s", o.Kind, drain, p.Grace)
	}
}

// checkConfig has turnout read the configuration that the chart made.
func checkConfig(t *testing.T, o object) *config.Loaded {
	t.Helper()
	return load(t, "/etc/turnout/turnout.yaml", o.Data["turnout.yaml"])
}
