package admin

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// A Token is what callers of the API have to show: the content of a file, read again at each request, so that it can be
// replaced. Make it with OpenToken. Safe for concurrent use.
type Token struct {
	path   string
	log    *slog.Logger
	errors attempts

	mu   sync.Mutex
	good [sha256.Size]byte // hash of the token that was read last; guarded by mu
	bad  string            // what is wrong with the file now, told once; guarded by mu
}

// Bounds of a token in bytes: shorter ones can be guessed.
const (
	leastToken = 16
	mostToken  = 4096
)

// OpenToken reads the token of a file. The error says what is wrong with the file.
func OpenToken(path string, logger *slog.Logger) (*Token, error) {
	t := &Token{path: path, log: logger}
	sum, err := t.read()
	t.good = sum
	return t, err
}

// read is the hash of what the file holds now: hashes are of one length, so that comparing them tells none.
func (t *Token) read() (sum [sha256.Size]byte, err error) {
	f, err := os.Open(t.path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostToken+2)) // and the end of its line
	if err != nil {
		return sum, err
	}
	text = bytes.TrimSpace(text)
	if len(text) < leastToken || len(text) > mostToken {
		return sum, fmt.Errorf("%s holds no token of %d to %d bytes; write one, as openssl rand -base64 32 prints it", t.path, leastToken, mostToken)
	}
	return sha256.Sum256(text), nil
}

// current is the hash of the token that counts. While the file cannot be read, or holds none, that is the last one.
func (t *Token) current() [sha256.Size]byte {
	sum, err := t.read()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if t.bad != err.Error() {
			t.log.Warn("the operator's token cannot be read again; the last one counts", "error", err)
		}
		t.bad = err.Error()
		return t.good
	}
	t.good, t.bad = sum, ""
	return sum
}

var (
	errNoToken = &failure{http.StatusUnauthorized, "Unauthorized",
		"This needs the token of admin.token-file, as Authorization: Bearer …"}
	errWrongToken = &failure{http.StatusUnauthorized, "Unauthorized", "This is not the token of admin.token-file."}
	errTooMany    = &failure{http.StatusTooManyRequests, "TooManyRequests",
		"This is not the token of admin.token-file, and too many wrong ones came from this address; try again in a few seconds."}
)

// admit says why a request is not answered; nil if it shows the token. Whoever has the right one is never kept out by
// those who guess: on loopback, behind a proxy and on a socket all callers are of one address.
func (t *Token) admit(r *http.Request, now time.Time) *failure {
	scheme, shown, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return errNoToken
	}
	sum, want := sha256.Sum256([]byte(strings.TrimSpace(shown))), t.current()
	if subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
		return nil
	}
	if !t.errors.add(callerOf(r), now) {
		return errTooMany
	}
	t.log.Warn("an operator's token was refused", "client", r.RemoteAddr)
	return errWrongToken
}

// guard answers those who show the token. Without a token that is everybody.
func (t *Token) guard(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := t.admit(r, time.Now())
		switch {
		case f == nil:
			next.ServeHTTP(w, r)
			return
		case errors.Is(f, errTooMany):
			select {
			case <-time.After(wrongDelay):
			case <-r.Context().Done(): // nobody waits for the answer
			}
			w.Header().Set("Retry-After", "10")
		case errors.Is(f, errNoToken):
			w.Header().Set("WWW-Authenticate", "Bearer")
		default:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		}
		f.write(w)
	})
}

// callerOf is where a request is from: an IPv4 address or an IPv6 /64. All callers over a Unix socket are one.
func callerOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a := at.Addr().Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // never fails
		a = p.Addr()
	}
	return a
}
