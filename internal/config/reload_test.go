package config

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

// reading has a configuration file and others, by name.
type reading map[string]string

func (r reading) ReadFile(name string) ([]byte, error) {
	text, ok := r[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// sources reads a configuration of this text.
func sources(text string) Sources {
	return Sources{File: "turnout.yaml", ReadFile: reading{"turnout.yaml": text, "secret": "a-secret-of-some-length\n"}.ReadFile}
}

func loaded(t *testing.T, text string) *Loaded {
	t.Helper()
	l, err := Load(sources(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const running = `realm: first
listen: [udp://192.0.2.1:3478]
relay: {addresses: 192.0.2.1, workers: 2}
auth: {secrets: [{id: k1, file: secret}]}
`

// TestReload takes over what it can, keeps what needs a restart and tells of both.
func TestReload(t *testing.T) {
	t.Parallel()
	before := loaded(t, running)
	for _, c := range []struct {
		name, text, want string
		fixed            []string
		is               func(*Config) bool
	}{
		{name: "nothing", text: running},
		{name: "another order and a comment", text: "# new\nauth: {secrets: [{file: secret, id: k1}]}\n" + strings.Replace(running, "auth: {secrets: [{id: k1, file: secret}]}\n", "", 1)},
		{
			name: "one of each", text: strings.Replace(running, "workers: 2", "workers: 3", 1) + "quota: {user: {allocations: 7}}\n",
			want: "relay.workers needs a restart: it stays 2|quota.user.allocations",
			is:   func(c *Config) bool { return c.Relay.Workers == 2 && c.Quota.User.Allocations == 7 },
		},
		{
			name: "a key that goes back to its default", text: strings.Replace(running, "realm: first\n", "", 1),
			want: "realm needs a restart: it stays first",
			is:   func(c *Config) bool { return c.Realm == "first" },
		},
		{
			name: "one that was not set", text: running + "metrics: {listen: 192.0.2.1:9479}\n",
			want: "metrics.listen needs a restart: it stays not set",
			is:   func(c *Config) bool { return !c.Metrics.Listen.IsValid() },
		},
		{
			name: "a list", text: strings.Replace(running, "addresses: 192.0.2.1", "addresses: [192.0.2.1, {bind: 192.0.2.2, external: 192.0.2.3}]", 1),
			want: "relay.addresses needs a restart: it stays [192.0.2.1]",
		},
		{
			name: "one that is fixed this time", text: strings.Replace(running, "udp://192.0.2.1:3478", "tcp://192.0.2.1:3478", 1), fixed: []string{"listen"},
			want: "listen needs a restart: it stays [\"udp://192.0.2.1:3478\"]",
			is:   func(c *Config) bool { return c.Listen[0].Scheme == "udp" },
		},
		{
			name: "the same key, reloadable", text: strings.Replace(running, "udp://192.0.2.1:3478", "tcp://192.0.2.1:3478", 1),
			want: "listen",
			is:   func(c *Config) bool { return c.Listen[0].Scheme == "tcp" },
		},
		{
			name: "secrets are not told", text: strings.Replace(running, "{id: k1, file: secret}", "another-secret-of-some-length", 1), fixed: []string{"auth.secrets"},
			want: `auth.secrets needs a restart: it stays [{id: k1, file: secret}]`,
			is:   func(c *Config) bool { return c.Auth.Secrets[0].Secret.Reveal() == "a-secret-of-some-length" },
		},
	} {
		next, changes, err := Reload(sources(c.text), before, func(*Loaded) []string { return c.fixed })
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var told []string
		for _, change := range changes {
			told = append(told, change.String())
		}
		if got := strings.Join(told, "|"); got != c.want {
			t.Errorf("%s: changes %q, want %q", c.name, got, c.want)
		}
		if c.is != nil && !c.is(&next.Config) {
			t.Errorf("%s: got %+v", c.name, next.Config)
		}
	}
}

// TestReloadRefuses says why a configuration cannot be used, with its line, and gives none.
func TestReloadRefuses(t *testing.T) {
	t.Parallel()
	before := loaded(t, running)
	for _, c := range []struct{ name, text, want string }{
		{"broken", running + "quota: {user: {allocations: many}}\n", `turnout.yaml:5: quota.user.allocations: "many" is not a whole number`},
		{"no YAML", "listen: [", "turnout.yaml:1: "},
	} {
		next, changes, err := Reload(sources(c.text), before, nil)
		var wrong *Error
		if next != nil || changes != nil || !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, error %v", c.name, next, changes, err)
		}
	}
	if _, _, err := Reload(Sources{File: "gone.yaml", ReadFile: reading{}.ReadFile}, before, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
}

// TestReloadChecksTheMixture has a configuration that is good as a whole, and not with the port that only a restart gives up.
func TestReloadChecksTheMixture(t *testing.T) {
	t.Parallel()
	before := loaded(t, running+"metrics: {listen: 192.0.2.1:9479}\n")
	text := strings.Replace(running, "[udp://192.0.2.1:3478]", "[udp://192.0.2.1:3478, tcp://192.0.2.1:9479]", 1) + "metrics: {listen: 192.0.2.1:9480}\n"
	if _, err := Load(sources(text)); err != nil {
		t.Fatal(err)
	}
	_, _, err := Reload(sources(text), before, nil)
	if err == nil || !strings.Contains(err.Error(), "with what needs a restart as it was: ") || !strings.Contains(err.Error(), "192.0.2.1:9479") {
		t.Errorf("error %v", err)
	}
}

// TestFingerprint is another one for everything that differs, secrets included, and the same for what does not.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	sum := func(text string) string {
		s, err := loaded(t, text).Fingerprint()
		if err != nil || len(s) != 64 {
			t.Fatalf("fingerprint %q, %v", s, err)
		}
		return s
	}
	first := sum(running)
	if sum("# again\n"+running+"quota: {user: {allocations: 0}}\n") != first {
		t.Error("a comment and a default make another one")
	}
	seen := map[string]string{first: "the first"}
	for name, text := range map[string]string{
		"a number": strings.Replace(running, "workers: 2", "workers: 3", 1),
		"a secret": strings.Replace(running, "file: secret", "secret: another-secret-of-some-length", 1),
		"a switch": running + "mobility: true\n",
		"password": strings.Replace(running, "auth: {", "auth: {users: {alice: wonderland}, ", 1),
		"another":  strings.Replace(running, "auth: {", "auth: {users: {alice: wonderlane}, ", 1),
	} {
		s := sum(text)
		if seen[s] != "" {
			t.Errorf("%s and %s have the same", name, seen[s])
		}
		seen[s] = name
	}
}

// Every type that holds secrets is one that a fingerprint looks into.
func TestFingerprintSeesEverySecret(t *testing.T) {
	t.Parallel()
	var c Config
	planted := 0
	plant(reflect.ValueOf(&c).Elem(), &planted)
	if got := strings.Count(string(secretsIn(nil, reflect.ValueOf(c))), "planted"); got != planted || planted < 8 {
		t.Errorf("%d of %d secrets were seen", got, planted)
	}
}

// plant puts a secret everywhere that one may be.
func plant(v reflect.Value, planted *int) {
	switch s := v.Addr().Interface().(type) {
	case *Secret:
		s.text = "planted"
		*planted++
		return
	case *SecretURL:
		s.text = "planted"
		*planted++
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				plant(v.Field(i), planted)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		plant(v.Index(0), planted)
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		plant(value, planted)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("name"), value)
	}
}
