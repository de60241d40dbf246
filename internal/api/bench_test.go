package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"turnout/auth/token"
)

// BenchmarkICEServers is a user's token verified and a credential made of it: what
// every call of a web page begins with.
func BenchmarkICEServers(b *testing.B) {
	f := newFixture(b)
	_, text := f.user()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/v1/ice-servers", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		w := discard{header: http.Header{}}
		f.ServeHTTP(&w, r)
		if w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}

// BenchmarkVerifyAndIssue is the same without HTTP, by each algorithm that tokens are signed with.
func BenchmarkVerifyAndIssue(b *testing.B) {
	for _, a := range []token.Algorithm{token.EdDSA, token.ES256} {
		b.Run(string(a), func(b *testing.B) { benchmarkVerifyAndIssue(b, a) })
	}
}

func benchmarkVerifyAndIssue(b *testing.B, a token.Algorithm) {
	f := newFixture(b)
	set, err := token.NewKeySet(a, noon.Add(-time.Hour))
	check(b, err)
	f.Minter.Keys.Replace(set)
	_, text := f.user()
	r := &request{service: f.Service, now: noon, Request: httptest.NewRequest("POST", "/", nil)}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.authenticateUser(text); err != nil {
			b.Fatal(err)
		}
		g, err := r.grantOf("")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.issue(g, f.TTL); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRelayConfiguration is an application's signed request for nobody in particular.
func BenchmarkRelayConfiguration(b *testing.B) {
	f := newFixture(b)
	signed := httptest.NewRequest("POST", relaying, strings.NewReader(`{}`))
	Sign(signed, []byte(`{}`), keys[0], noon)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", relaying, strings.NewReader(`{}`))
		r.Header = signed.Header
		w := discard{header: http.Header{}}
		f.ServeHTTP(&w, r)
		if w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}

// discard forgets what is written.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
