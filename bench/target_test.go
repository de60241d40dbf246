package bench

import (
	"errors"
	"strings"
	"testing"
)

func TestResolveTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		server  string
		allowed bool
		want    string // of the address or the error
	}{
		{"127.0.0.1:3478", false, "127.0.0.1:3478"},
		{"[::1]:3478", false, "[::1]:3478"},
		{"[::ffff:127.0.0.1]:3478", false, "127.0.0.1:3478"},
		{"localhost:3478", false, ":3478"},
		{"192.0.2.1:3478", false, "--allow-remote"},
		{"[2001:db8::1]:3478", false, "--allow-remote"},
		{"0.0.0.0:3478", false, "--allow-remote"},
		{"192.0.2.1:3478", true, "192.0.2.1:3478"},
		{"127.0.0.1", false, "not host:port"},
		{"127.0.0.1:0", false, "no port"},
		{"127.0.0.1:turn", false, "no port"},
		{"127.0.0.1:65536", false, "no port"},
	} {
		got, err := resolveTarget(t.Context(), c.server, c.allowed)
		text := got.String()
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, c.want) {
			t.Errorf("%s, allowed %v: got %s, want %s", c.server, c.allowed, text, c.want)
		}
		if err != nil && got.IsValid() {
			t.Errorf("%s: an address beside the error %v", c.server, err)
		}
	}
}

func TestOwnNamespace(t *testing.T) {
	t.Parallel()
	links := map[string]string{"/proc/self/ns/net": "net:[2]", "/proc/1/ns/net": "net:[1]"}
	read := func(name string) (string, error) {
		if v, ok := links[name]; ok {
			return v, nil
		}
		return "", errors.New("permission denied")
	}
	if !ownNamespace(read) {
		t.Error("another namespace than the first process's is not seen")
	}
	links["/proc/1/ns/net"] = "net:[2]"
	if ownNamespace(read) {
		t.Error("the first process's namespace counts as one of its own")
	}
	delete(links, "/proc/1/ns/net")
	if ownNamespace(read) {
		t.Error("what cannot be read counts as a namespace of its own")
	}
}
