package admin

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "a token of some length"

// A lines keeps what is logged. It is safe for concurrent use.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// guardedBy is a listener that wants the token of a file, and the file's name.
func guardedBy(t *testing.T, log *lines) (*operated, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	write(t, name, secret+"\n")
	token, err := OpenToken(name, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return newOperated(t, func(c *Config) { c.API.Token = token }), name
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestToken asks every route with the token, without, and with others.
func TestToken(t *testing.T) {
	t.Parallel()
	var log lines
	o, _ := guardedBy(t, &log)
	targets := []string{"GET /debug/pprof/", "GET /debug/pprof/heap", "GET /v1/nothing", "DELETE /debug/pprof/heap"}
	for _, r := range routes {
		if strings.HasPrefix(r.pattern, "/v1/") {
			targets = append(targets, r.method+" "+strings.ReplaceAll(r.pattern, "{id}", "0000000000000001"))
		}
	}
	for i, target := range targets {
		method, path, _ := strings.Cut(target, " ")
		w := o.ask(method, path)
		if w.Code != 401 || w.Header().Get("WWW-Authenticate") != "Bearer" || !strings.Contains(w.Body.String(), "admin.token-file") {
			t.Errorf("%s without a token: %d %s", target, w.Code, w.Body)
		}
		if w := o.ask(method, path, "Authorization: Bearer "+secret); w.Code == 401 || w.Code == 429 {
			t.Errorf("%s with the token: %d %s", target, w.Code, w.Body)
		}
		if i == 0 { // more would be too many
			for _, wrong := range []string{secret + "x", secret[1:], strings.ToUpper(secret), "", " "} {
				w := o.ask(method, path, "Authorization: Bearer "+wrong)
				if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer error="invalid_token"` || strings.Contains(w.Body.String(), secret) {
					t.Errorf("with %q: %d %s", wrong, w.Code, w.Body)
				}
			}
			for _, scheme := range []string{"Basic ", "", "Bearer"} {
				if w := o.ask(method, path, "Authorization: "+scheme+secret); w.Code != 401 {
					t.Errorf("as %q: %d", scheme, w.Code)
				}
			}
			if w := o.ask(method, path, "Authorization: bearer "+secret); w.Code != 200 {
				t.Errorf("in small letters: %d", w.Code)
			}
		}
	}
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		if w := o.ask("GET", path); w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if n := strings.Count(log.String(), `msg="an operator's token was refused" client=192.0.2.1:1234`); n != 5 {
		t.Errorf("the log says it %d times:\n%s", n, &log)
	}
	if strings.Contains(log.String(), secret[1:]) {
		t.Error("the log has what was shown")
	}
}

// TestTokenReplaced writes another token, and then what is none.
func TestTokenReplaced(t *testing.T) {
	t.Parallel()
	var log lines
	o, name := guardedBy(t, &log)
	code := func(token string) int { return o.ask("GET", "/v1/status", "Authorization: Bearer "+token).Code }
	const other = "another token of some length"
	if a, b := code(secret), code(other); a != 200 || b != 401 {
		t.Errorf("before: %d %d", a, b)
	}
	write(t, name, other)
	if a, b := code(secret), code(other); a != 401 || b != 200 {
		t.Errorf("after: %d %d", a, b)
	}
	for range 2 {
		write(t, name, "short")
		if a, b := code("short"), code(other); a != 401 || b != 200 {
			t.Errorf("while the file holds none: %d %d", a, b)
		}
	}
	if n := strings.Count(log.String(), "the last one counts"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
	for _, text := range []string{"", "0123456789abcde", strings.Repeat("x", mostToken+1)} {
		write(t, name, text)
		if _, err := OpenToken(name, slog.Default()); err == nil || !strings.Contains(err.Error(), "openssl rand") {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	write(t, name, strings.Repeat("x", mostToken)+"\r\n")
	if _, err := OpenToken(name, slog.Default()); err != nil {
		t.Error(err)
	}
	if _, err := OpenToken(name+"x", slog.Default()); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
}

// TestGuessing shows wrong tokens from one address and from another. Who has the right one is answered at once all the
// while, from the guesser's address too: on loopback that is everybody's.
func TestGuessing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log lines
		o, _ := guardedBy(t, &log)
		try := func(from, token string) int {
			r := httptest.NewRequest("GET", "http://localhost/v1/status", nil)
			r.RemoteAddr = from
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			o.handler.ServeHTTP(w, r)
			if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
				t.Error("nothing says when to try again")
			}
			return w.Code
		}
		const guesser = "[2001:db8::1]:4000"
		for i := range wrongAtOnce + 5 {
			want, wait := 401, time.Duration(0)
			if i >= wrongAtOnce {
				want, wait = 429, wrongDelay
			}
			began := time.Now()
			got := try(fmt.Sprintf("[2001:db8::%x]:4000", i+1), "guess") // of one /64
			if took := time.Since(began); got != want || took != wait {
				t.Errorf("guess %d: %d after %v, want %d after %v", i, got, took, want, wait)
			}
			began = time.Now()
			if got := try(guesser, secret); got != 200 || time.Since(began) != 0 {
				t.Errorf("the token, after %d guesses: %d after %v", i+1, got, time.Since(began))
			}
		}
		for _, other := range []string{"[2001:db8:0:1::1]:4000", "198.51.100.1:4000", "@"} {
			if got := try(other, secret); got != 200 {
				t.Errorf("%s is kept out: %d", other, got)
			}
		}
		if n := strings.Count(log.String(), "refused"); n != wrongAtOnce {
			t.Errorf("%d lines of log, want %d", n, wrongAtOnce)
		}
		time.Sleep(wrongEvery - 5*wrongDelay)
		if got := try(guesser, "guess"); got != 401 {
			t.Errorf("a while later: %d", got)
		}
		if got := try(guesser, "guess"); got != 429 {
			t.Errorf("and again: %d", got)
		}
		time.Sleep(wrongAtOnce * wrongEvery)
		if got := try(guesser, "guess"); got != 401 {
			t.Errorf("when it is forgotten: %d", got)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		for range wrongAtOnce {
			began, r := time.Now(), httptest.NewRequestWithContext(gone, "GET", "http://localhost/v1/status", nil)
			r.RemoteAddr = guesser
			r.Header.Set("Authorization", "Bearer guess")
			o.handler.ServeHTTP(httptest.NewRecorder(), r)
			if took := time.Since(began); took != 0 {
				t.Errorf("a client that is gone is kept for %v", took)
			}
		}
	})
}

// TestSources bounds what is remembered of who guesses.
func TestSources(t *testing.T) {
	t.Parallel()
	var a attempts
	busy := netip.MustParseAddr("192.0.2.1")
	for range wrongAtOnce {
		a.add(busy, noon)
	}
	for i := range 2 * mostSources {
		a.add(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), noon.Add(time.Duration(i)*time.Millisecond))
	}
	if n := len(a.until); n > mostSources || a.add(busy, noon) {
		t.Errorf("%d sources, of %d, or the busiest is forgotten", n, mostSources)
	}
	a.add(netip.MustParseAddr("192.0.2.2"), noon.Add(time.Hour))
	if n := len(a.until); n != 1 {
		t.Errorf("%d sources after an hour", n)
	}
}
