package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A NATSConfig says where the store of a fleet is.
type NATSConfig struct {
	// URL is nats://host:port or tls://host:port, several separated by commas.
	// A password may stand in it; it is never printed.
	URL string
	// Credentials is the path of a file with a user's JWT and key. If empty, none.
	Credentials string
	// Bucket begins the names of the buckets: `<bucket>_users` and so on. If empty,
	// "turnout". Whoever may read <bucket>_documents holds the keys of the service;
	// a relay needs <bucket>_subjects, <bucket>_usernames and its secrets.
	Bucket string
	// Replicas is on how many servers of a cluster new buckets are kept. If zero, 1.
	Replicas int
	// Options are more options of the connection, such as those for TLS.
	Options []nats.Option
}

// LogValue is what slog shows: no URL, for it may hold a password.
func (c NATSConfig) LogValue() slog.Value { return slog.StringValue("nats store " + c.Bucket) }

// Format prints no URL, for it may hold a password.
func (c NATSConfig) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, c.LogValue().String()) }

const (
	// natsTimeout bounds one request to the server, where the caller's context does not.
	natsTimeout = 5 * time.Second
	// natsList bounds the listing of all keys of a bucket.
	natsList = time.Minute
	// natsReconnect is the pause between attempts to reconnect: revocations are late by
	// as much at most once the server is back.
	natsReconnect = 250 * time.Millisecond
	// natsPing is how often a silent server is asked whether it lives; two missed
	// answers are a lost connection.
	natsPing = 5 * time.Second
	// markerAge is how long the mark of a deletion is kept for watchers to see.
	markerAge = time.Hour
)

// A NATS is a store in the key-value buckets of NATS JetStream, for several
// services and relays. While the server is away, records that were read or
// written before are still read, as they were; everything else fails with
// [ErrUnavailable], and Status says so.
type NATS struct {
	conn    *nats.Conn
	buckets [kinds]jetstream.KeyValue

	mu       sync.Mutex
	cache    map[cacheKey]Record    // guarded by mu
	watchers map[chan struct{}]bool // told of every reconnection; whether it has caught up since the last; guarded by mu
	down     bool                   // there is no connection; guarded by mu
	lostAt   time.Time              // since when changes may have been missed; zero: none; guarded by mu
	fault    error                  // of the connection, the last; guarded by mu
	session  context.Context        // ends when the connection is lost; guarded by mu
	end      context.CancelFunc     // of session; guarded by mu
}

// OpenNATS connects to the server and makes the buckets that are not there. The
// error matches [ErrUnavailable] if the server cannot be reached within 5 s, or
// before ctx ends.
func OpenNATS(ctx context.Context, c NATSConfig) (*NATS, error) {
	if c.Bucket == "" {
		c.Bucket = "turnout"
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	n := &NATS{cache: map[cacheKey]Record{}, watchers: map[chan struct{}]bool{}}
	n.session, n.end = context.WithCancel(context.Background())
	ctx, cancel := n.bounded(ctx, natsTimeout)
	defer cancel()
	conn, err := nats.Connect(c.URL, n.options(ctx, c)...)
	if err != nil {
		return nil, connectError(err)
	}
	n.conn = conn
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open NATS JetStream: %w", err)
	}
	for k := range Kind(kinds) {
		if n.buckets[k], err = openBucket(ctx, js, c.Bucket+"_"+k.String(), c.Replicas); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return n, nil
}

// connectError tells a server that is away, for which one can wait, from one that does
// not want us and from what cannot be used at all.
func connectError(err error) error {
	var network *net.OpError // a name that is not known, too
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("connect to NATS: the server refuses the user: check the password in store.nats.url, or store.nats.credentials (%w)", err)
	case errors.As(err, &network), errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: connect to NATS: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("connect to NATS: %w", err)
}

func (n *NATS) options(ctx context.Context, c NATSConfig) []nats.Option {
	timeout := natsTimeout
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, max(time.Until(end), time.Millisecond))
	}
	options := []nats.Option{
		nats.Name("turnout"),
		nats.Timeout(timeout),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(natsReconnect),
		nats.ReconnectJitter(natsReconnect/2, natsReconnect/2),
		nats.PingInterval(natsPing),
		nats.MaxPingsOutstanding(2),
		// A write while the server is away fails, instead of happening later.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { n.lost(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { n.found() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.note(err) }),
	}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	return append(options, c.Options...)
}

// lost ends the requests under way: their answers will not come.
func (n *NATS) lost(err error) {
	if err == nil {
		err = errors.New("connection closed")
	}
	n.note(err)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.end()
	n.down = true
	if n.lostAt.IsZero() {
		n.lostAt = time.Now()
	}
}

func (n *NATS) note(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault = err
}

// found tells every watch that it may have missed something.
func (n *NATS) found() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault, n.down = nil, false
	n.end()
	n.session, n.end = context.WithCancel(context.Background())
	for w := range n.watchers {
		n.watchers[w] = false
		select {
		case w <- struct{}{}:
		default:
		}
	}
	n.followLocked()
}

// openBucket binds a bucket, or makes it: of every record the last state alone is
// kept, and reads go to the leader, for a replica may lag behind what was just
// written.
func openBucket(ctx context.Context, js jetstream.JetStream, name string, replicas int) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{
			Name:              "KV_" + name,
			Description:       "turnout",
			Subjects:          []string{"$KV." + name + ".>"},
			MaxMsgsPerSubject: 1,
			Discard:           jetstream.DiscardNew,
			Storage:           jetstream.FileStorage,
			Replicas:          replicas,
			AllowRollup:       true,
			DenyDelete:        true,
		})
		if err == nil || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			kv, err = js.KeyValue(ctx, name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open NATS bucket %s: %w", name, unreachable(err))
	}
	status, err := kv.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("open NATS bucket %s: %w", name, unreachable(err))
	}
	if s, ok := status.(*jetstream.KeyValueBucketStatus); ok {
		if c := s.StreamInfo().Config; c.AllowDirect && c.Replicas > 1 {
			return nil, fmt.Errorf("NATS bucket %s allows direct reads, which replicas answer with what is no longer true: switch allow_direct off, or let turnout make the bucket", name)
		}
	}
	return kv, nil
}

// unreachable tells errors of the connection from those of what was asked.
func unreachable(err error) error {
	for _, e := range []error{
		context.DeadlineExceeded, context.Canceled, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected,
		nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded, nats.ErrNoServers,
		jetstream.ErrJetStreamNotEnabled, jetstream.ErrJetStreamNotEnabledForAccount,
	} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	for _, e := range []error{jetstream.ErrNoStreamResponse, jetstream.ErrStreamNotFound, jetstream.ErrBucketNotFound} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: the buckets are not there: if that lasts, restore them, or restart all services and relays to begin anew (%w)", ErrUnavailable, err)
		}
	}
	var api *jetstream.APIError
	if errors.As(err, &api) && api.Code == 503 { // no leader at the moment, no resources
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if errors.Is(err, nats.ErrConnectionClosed) {
		return ErrClosed
	}
	return err
}

// bounded gives the context of a request, which ends with the connection.
func (n *NATS) bounded(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	n.mu.Lock()
	session := n.session
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, most)
	stop := context.AfterFunc(session, cancel)
	return ctx, func() { stop(); cancel() }
}

// Read gives a record: from the server, or while that is away as it was last seen.
func (n *NATS) Read(ctx context.Context, k Kind, key string) (Record, error) {
	if checkKey(key) != nil {
		return Record{}, ErrNotFound
	}
	if err := n.away(); err != nil {
		return n.recall(k, key, err)
	}
	ctx, cancel := n.bounded(ctx, natsTimeout)
	defer cancel()
	e, err := n.buckets[k].Get(ctx, escape(key))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		n.forget(k, key)
		return Record{}, ErrNotFound
	}
	if err != nil {
		if err = unreachable(err); errors.Is(err, ErrUnavailable) {
			return n.recall(k, key, err)
		}
		return Record{}, fmt.Errorf("read from NATS: %w", err)
	}
	r := Record{Key: key, Value: e.Value(), Revision: e.Revision()}
	n.remember(k, r)
	return r, nil
}

// away says that there is no connection.
func (n *NATS) away() error {
	switch n.conn.Status() {
	case nats.CONNECTED:
		return nil
	case nats.CLOSED:
		return ErrClosed
	}
	return fmt.Errorf("%w: no connection to NATS", ErrUnavailable)
}

// Write puts value in place of the given revision.
func (n *NATS) Write(ctx context.Context, k Kind, key string, value []byte, revision uint64) (uint64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	if err := n.away(); err != nil {
		return 0, err
	}
	ctx, cancel := n.bounded(ctx, natsTimeout)
	defer cancel()
	var err error
	if revision == 0 {
		revision, err = n.buckets[k].Create(ctx, escape(key), value)
	} else {
		revision, err = n.buckets[k].Update(ctx, escape(key), value, revision)
	}
	if err != nil {
		return 0, writeError(err)
	}
	n.remember(k, Record{Key: key, Value: slices.Clone(value), Revision: revision})
	return revision, nil
}

// Delete removes the given revision.
func (n *NATS) Delete(ctx context.Context, k Kind, key string, revision uint64) error {
	if checkKey(key) != nil || revision == 0 {
		return ErrConflict
	}
	if err := n.away(); err != nil {
		return err
	}
	ctx, cancel := n.bounded(ctx, natsTimeout)
	defer cancel()
	if err := n.buckets[k].Purge(ctx, escape(key), jetstream.LastRevision(revision)); err != nil {
		return writeError(err)
	}
	n.forget(k, key)
	return nil
}

func writeError(err error) error {
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return ErrConflict
	}
	return fmt.Errorf("write to NATS: %w", unreachable(err))
}

// Status says that the server is away.
func (n *NATS) Status() error {
	err := n.away()
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil && n.fault != nil {
		return fmt.Errorf("%w (%w)", err, n.fault)
	}
	return err
}

// Close ends every watch and the connection.
func (n *NATS) Close() error {
	n.conn.Close()
	n.found() // wakes the watches, which see that it is closed
	n.mu.Lock()
	defer n.mu.Unlock()
	n.end()
	return nil
}
