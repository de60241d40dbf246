package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"

	"turnout/auth"
)

// TestDocuments makes what a service lives on, from two services at once: both get the same.
func TestDocuments(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx := within(t)
		type all struct {
			resource        string
			access, secrets Secrets
		}
		got := make([]all, 4)
		var wait sync.WaitGroup
		for i := range got {
			s := open()
			wait.Go(func() {
				var errs [3]error
				got[i].resource, errs[0] = Resource(ctx, s)
				got[i].access, errs[1] = AccessKeys(ctx, s)
				got[i].secrets, errs[2] = RelaySecrets(ctx, s)
				if err := errors.Join(errs[:]...); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		for _, one := range got[1:] {
			if !reflect.DeepEqual(one, got[0]) {
				t.Error("two services, two sets of keys")
			}
		}
		ok(t, CheckGUID(got[0].resource))
		if len(got[0].access) != 2 || len(got[0].access[0].Value) != 32 || bytes.Equal(got[0].access[0].Value, got[0].access[1].Value) {
			t.Error("access keys: want two of 32 bytes")
		}
		if _, err := auth.NewKeyring(got[0].secrets.Keys()...); err != nil || len(got[0].secrets[0].Value) < 32 {
			t.Errorf("relay secrets: %v", err)
		}
	})
}

func TestChangeDocument(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, open func() Store) {
		ctx, s, other := within(t), open(), open()
		_, _, err := ChangeDocument(ctx, s, TokenKeysDocument, func(json.RawMessage) (json.RawMessage, error) { return nil, errors.New("called") })
		is(t, "change nothing", err, ErrNotFound)
		_, err = ReadDocument[json.RawMessage](ctx, s, TokenKeysDocument)
		is(t, "read nothing", err, ErrNotFound)
		first, err := EnsureDocument(ctx, s, TokenKeysDocument, func() (json.RawMessage, error) { return json.RawMessage(`{"keys":[1]}`), nil })
		ok(t, err)
		heard := make(chan string, 10)
		stop := errors.New("enough")
		ended := make(chan error)
		go func() {
			ended <- WatchDocument(ctx, s, TokenKeysDocument, func(m json.RawMessage) error {
				heard <- string(m)
				if string(m) == `{"keys":[3]}` {
					return stop
				}
				return nil
			})
		}()
		if got := <-heard; got != string(first) {
			t.Errorf("heard %s", got)
		}
		for _, want := range []string{`{"keys":[2]}`, `{"keys":[3]}`} {
			_, _, err = ChangeDocument(ctx, other, TokenKeysDocument, func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage(want), nil })
			ok(t, err)
			if got := <-heard; got != want {
				t.Errorf("heard %s, want %s", got, want)
			}
		}
		is(t, "end of the watch", <-ended, stop)
		refused := errors.New("no")
		_, _, err = ChangeDocument(ctx, s, TokenKeysDocument, func(m json.RawMessage) (json.RawMessage, error) { return m, refused })
		is(t, "change that says no", err, refused)
		_, err = ReadDocument[Secrets](ctx, s, TokenKeysDocument)
		if err == nil || !strings.Contains(err.Error(), "not readable") {
			t.Errorf("another type: %v", err)
		}
	})
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	keys, err := AccessKeys(context.Background(), NewMemory())
	ok(t, err)
	keys[0].Value = []byte("a very secret secret")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "all", keys, "one", keys[0])
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "all", keys, "one", &keys[0])
	config := NATSConfig{URL: "nats://user:a very secret secret@127.0.0.1", Bucket: "b"}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", config)
	out := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, keys) + fmt.Sprintf(verb, keys[0]) + fmt.Sprintf(verb, &keys[0]) + fmt.Sprintf(verb, config)
	}
	for _, spelling := range []string{"a very secret", fmt.Sprintf("%x", "a very secret"), fmt.Sprint([]byte("a very"))[1:], keys.Texts()[0][:12]} {
		if strings.Contains(out, spelling) {
			t.Errorf("a secret is printed as %q: %s", spelling, out)
		}
	}
}
