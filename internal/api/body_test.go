package api

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestBody refuses what is no JSON object that means one thing.
func TestBody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	deep := strings.Repeat(`{"a":`, 20) + `1` + strings.Repeat(`}`, 20)
	for _, c := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"expiresInMinutes":60,"expiresInMinutes":1440}`, 400, "BadRequest"},
		{`{"expiresInMinutes":60,"expires\u0049nMinutes":1440}`, 400, "BadRequest"},
		{`{"x":{"a":1,"b":2,"a":3}}`, 400, "BadRequest"},
		{`{"x":[{"a":1,"a":3}]}`, 400, "BadRequest"},
		{deep, 400, "BadRequest"},
		{strings.Repeat(`[`, 60000), 400, "BadRequest"},
		{`{"x":` + strings.Repeat(`[`, 20) + strings.Repeat(`]`, 20) + `}`, 400, "BadRequest"},
		{`[]`, 400, "BadRequest"},
		{`"text"`, 400, "BadRequest"},
		{`null`, 400, "BadRequest"},
		{`{`, 400, "BadRequest"},
		{`{}}`, 400, "BadRequest"},
		{`{} {}`, 400, "BadRequest"},
		{`{"a":1,}`, 400, "BadRequest"},
		{`{a:1}`, 400, "BadRequest"},
		{`{"a":"` + "\xff" + `"}`, 400, "BadRequest"},
		{`{"a":NaN}`, 400, "BadRequest"},
		{`{"x":"` + strings.Repeat("a", maxBody) + `"}`, 413, "RequestTooLarge"},
		{`{"x":"` + strings.Repeat("a", maxBody-8) + `"}`, 201, ""},
		{strings.Repeat(" ", maxBody), 201, ""},
		{"\xEF\xBB\xBF{}", 201, ""},
		{` {"expiresInMinutes" : null } ` + "\n", 201, ""},
	} {
		w := f.call("POST", identities, c.body)
		if c.status == 201 {
			answers[created](t, w, 201)
			continue
		}
		refused(t, w, c.status, c.code, "")
	}
}

// TestBodyWithoutLength comes in chunks, and is no longer than one with a length.
func TestBodyWithoutLength(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	endless := func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, 1<<30)), -1
	}
	refused(t, f.call("POST", identities, ``, endless), 413, "RequestTooLarge", "")
	for err, code := range map[error]string{os.ErrDeadlineExceeded: "RequestTimeout", io.ErrUnexpectedEOF: "BadRequest", errors.New("x"): "BadRequest"} {
		w := f.call("POST", identities, ``, func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(failing{err}), -1 })
		if got := answers[errorBody](t, w, map[string]int{"RequestTimeout": 408, "BadRequest": 400}[code]).Error.Code; got != code {
			t.Errorf("%v: %s", err, got)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestMediaType reads JSON that calls itself that, or nothing.
func TestMediaType(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for kind, status := range map[string]int{
		"application/json": 201, "application/json; charset=utf-8": 201, "": 201, "application/merge-patch+json": 201, "Application/JSON": 201,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data": 415, "application/jsonx": 415, ";": 415,
	} {
		w := f.call("POST", identities, `{}`, header("Content-Type", kind))
		if w.Code != status {
			t.Errorf("%q: %d, want %d", kind, w.Code, status)
		}
		if status == 415 {
			refused(t, w, 415, "UnsupportedMediaType", "")
		}
	}
	refused(t, f.call("POST", identities, `{}`, header("Content-Encoding", "gzip")), 415, "UnsupportedMediaType", "")
	// Without a body its type is of no matter.
	answers[created](t, f.call("POST", identities, ``, header("Content-Type", "text/plain")), 201)
}

// TestPanic survives a handler's panic, in the contract's form, and logs it.
func TestPanic(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.routes = divide(append([]route{{method: "GET", pattern: "/panic", serve: func(*request) (reply, error) { panic("by a test") }},
		{method: "GET", pattern: "/fault", serve: func(*request) (reply, error) { return reply{}, errors.New("a secret fault") }}}, f.routes...))
	refused(t, f.call("GET", "/panic", ""), 500, "InternalError", "")
	w := f.call("GET", "/fault", "")
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer tells what went wrong inside: %s", w.Body)
	}
	refused(t, w, 500, "InternalError", "")
	for _, want := range []string{"by a test", "body_test.go", "a secret fault"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// TestStoreGone is a store that cannot be reached: SDKs are to try again.
func TestStoreGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, text := f.user()
	check(t, f.store.Close())
	for _, w := range []*httptest.ResponseRecorder{
		f.call("POST", identities, ``), f.call("DELETE", of(id, ""), ``), f.call("POST", of(id, "issueAccessToken"), `{"scopes":["voip"]}`),
		f.call("POST", relaying, `{"id":"`+id+`"}`), f.call("GET", "/v1/users", ``),
	} {
		refused(t, w, 503, "ServiceUnavailable", "")
		if w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	// Who has a token gets credentials all the same: nothing has to be written for them.
	answers[ICEAnswer](t, f.call("POST", "/v1/ice-servers", ``, bearing(text)), 200)
	answers[relayConfiguration](t, f.call("POST", relaying, ``), 200)
}

// FuzzBody reads any body: what is taken is an object, whose names stand once.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"a":null}`, `{"a":1,"a":2}`, `{"ttl":60,"scopes":["voip"]}`, `[[[[`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":{"b":[{"c":1}]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := parseObject(body)
		if err != nil {
			if known := (*failure)(nil); !errors.As(err, &known) {
				t.Fatalf("%q: %v is no failure", body, err)
			}
			return
		}
		for name := range o {
			_, _ = o.text(name)
			_, _, _ = o.texts(name)
			_, _, _ = o.integer(name)
		}
	})
}
