package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// fetchTimeout bounds one fetch, and with it how long a request waits.
	fetchTimeout = 5 * time.Second
	// fetchBytes is the longest JWK set that is read.
	fetchBytes = 512 << 10
	// fetchPause is the least time between two fetches of one issuer's keys: who
	// makes up key ids must not make this service a client that never rests.
	fetchPause = 10 * time.Second
	// refreshEvery is how often keys are fetched anew: issuers publish a new key
	// hours before they sign with it.
	refreshEvery = 15 * time.Minute
	// retryEvery is how soon, after a failure.
	retryEvery = 30 * time.Second
)

// A source is another issuer, with its key set, which outlives the verifier.
type source struct {
	issuer Issuer
	*fetched
}

// status tells whether the keys are at hand.
func (s source) status() IssuerStatus {
	st := s.fetched.status()
	st.Issuer = s.issuer.Issuer
	return st
}

// A fetched is the key set of another issuer. It keeps the last good one for as
// long as no better one can be had.
type fetched struct {
	url    string
	client *http.Client
	now    func() time.Time

	// guarded by mu
	mu        sync.Mutex
	keys      publicKeys    // nil: never loaded; never changed once it is here
	came      time.Time     // when keys did
	attempted time.Time     // when the last fetch began
	failure   error         // of the last fetch
	running   chan struct{} // closed at the end of the present fetch; nil: there is none
	results   [numFetches]uint64
}

// An IssuerStatus tells whether the keys of another issuer are at hand.
type IssuerStatus struct {
	// Issuer is its name.
	Issuer string
	// Keys is how many key ids are known.
	Keys int
	// Fetched is when they came, zero if they never did.
	Fetched time.Time
	// Failure is what the last fetch died of; nil if it did not. With keys at hand
	// the issuer is degraded, without it is out of service.
	Failure error

	results [numFetches]uint64
}

// A fetchResult is how a fetch ended.
type fetchResult uint8

const (
	fetchOK          fetchResult = iota
	fetchUnreachable             // no answer within 5 s, or no connection that is trusted
	fetchStatus                  // an answer other than 200
	fetchMalformed               // no key set that can be used
	numFetches
)

var fetchNames = [numFetches]string{"ok", "unreachable", "status", "malformed"}

// EachFetch yields every way that a fetch can end, with how many did, in order. The
// words are metric labels and change only by addition.
func (s IssuerStatus) EachFetch(yield func(result string, n uint64)) {
	for i, name := range fetchNames {
		yield(name, s.results[i])
	}
}

func (f *fetched) status() IssuerStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return IssuerStatus{Keys: len(f.keys), Fetched: f.came, Failure: f.failure, results: f.results}
}

// find is the key that c names. If it is not known, the set is fetched again,
// unless that was done just now.
func (f *fetched) find(ctx context.Context, c *compact) (*publicKey, error) {
	if k := f.load().find(c); k != nil {
		return k, nil
	}
	if done := f.fetch(fetchPause); done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
	keys := f.load()
	if keys == nil {
		return nil, ErrUnavailable
	}
	if k := keys.find(c); k != nil {
		return k, nil
	}
	return nil, ErrSignature
}

func (f *fetched) load() publicKeys {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keys
}

// fetch begins to fetch the set, unless the last attempt is younger than pause, and
// returns a channel that closes at the end of the fetch under way; nil if there is
// none. All that wait share one fetch, which no one's leaving ends.
func (f *fetched) fetch(pause time.Duration) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running != nil {
		return f.running
	}
	now := f.now()
	if !f.attempted.IsZero() && now.Before(f.attempted.Add(pause)) {
		return nil
	}
	f.attempted = now
	done := make(chan struct{})
	f.running = done
	go f.runFetch(done)
	return done
}

func (f *fetched) runFetch(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	keys, result, err := f.download(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results[result]++
	if f.failure = err; err == nil {
		f.keys, f.came = keys, f.now()
	}
	f.running = nil
	close(done)
}

func (f *fetched) download(ctx context.Context) (publicKeys, fetchResult, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, fetchUnreachable, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := f.client.Do(request)
	if err != nil {
		return nil, fetchUnreachable, fmt.Errorf("fetch keys: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fetchStatus, fmt.Errorf("fetch keys: %s answers %s", f.url, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, fetchBytes+1))
	if err != nil {
		return nil, fetchUnreachable, fmt.Errorf("fetch keys: %w", err)
	}
	if len(body) > fetchBytes {
		return nil, fetchMalformed, fmt.Errorf("fetch keys: %s answers more than %d bytes", f.url, fetchBytes)
	}
	keys, err := parseJWKS(body)
	if err != nil {
		return nil, fetchMalformed, err
	}
	return keys, fetchOK, nil
}

// run keeps the set fresh until ctx ends. One that came just now, for another verifier,
// is fresh.
func (f *fetched) run(ctx context.Context) {
	for {
		if f.due() == 0 {
			if done := f.fetch(0); done != nil {
				<-done // within fetchTimeout
			}
		}
		timer := time.NewTimer(f.due())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// due is in what time the set is to be fetched anew.
func (f *fetched) due() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.attempted.IsZero() {
		return 0
	}
	pause := refreshEvery
	if f.failure != nil {
		pause = retryEvery
	}
	return max(0, f.attempted.Add(pause).Sub(f.now()))
}

// fetcher makes the client that key sets are fetched with. It follows no
// redirect: the URL of the keys is configured, and whoever answers for it with
// another could name one that was not meant.
func fetcher(c *http.Client) *http.Client {
	own := http.Client{}
	if c != nil {
		own = *c
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error {
		return errors.New("redirects are not followed")
	}
	if own.Timeout == 0 || own.Timeout > fetchTimeout {
		own.Timeout = fetchTimeout
	}
	return &own
}
