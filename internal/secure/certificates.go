package secure

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
)

// reloadPause is how often the files are looked at: certificates are renewed days
// before they expire, and ten seconds is short for an operator who watches.
const reloadPause = 10 * time.Second

// A KeyPair names the files of a certificate, in PEM: the chain, the server's own
// certificate first, and its key.
type KeyPair struct {
	Name      string // the configuration key, for logs and metrics
	Cert, Key string // paths; symbolic links are followed at every look
}

// Certificates are what the listeners show, chosen by the name that a client asks
// for (SNI) and re-read when their files change. There may be none of them yet: the
// zero value but for its log. Safe for concurrent use.
type Certificates struct {
	log     *slog.Logger            // immutable
	current atomic.Pointer[[]*pair] // the first is the default

	mu sync.Mutex // held while files are looked at
}

// A pair is one certificate and what is known of its files.
type pair struct {
	files   KeyPair                         // immutable
	current atomic.Pointer[tls.Certificate] // never nil
	seen    [sha256.Size]byte               // of the files as last tried; guarded by Certificates.mu
	trouble error                           // with the files as last told; guarded by Certificates.mu
}

// NewCertificates has none yet: see [Certificates.Load].
func NewCertificates(log *slog.Logger) *Certificates { return &Certificates{log: log} }

// pairs are those in use.
func (c *Certificates) pairs() []*pair {
	if p := c.current.Load(); p != nil {
		return *p
	}
	return nil
}

// Empty says whether there is none.
func (c *Certificates) Empty() bool { return len(c.pairs()) == 0 }

// LoadCertificates reads the certificates, of which the first is shown to clients
// that name no server, or one that is nobody's. The error names the key and file.
func LoadCertificates(files []KeyPair, log *slog.Logger) (*Certificates, error) {
	if len(files) == 0 {
		return nil, errNoCertificate
	}
	c := NewCertificates(log)
	use, err := c.Load(files)
	if err != nil {
		return nil, err
	}
	use()
	return c, nil
}

// Load reads other certificates, or none, which use puts in the place of all that
// there are: connections go on with the one that they began with. Files that are as
// they were are told of no more. Without use nothing changes; nor does it on an error,
// which names the key and file.
func (c *Certificates) Load(files []KeyPair) (use func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var next, fresh []*pair
	for _, f := range files {
		certificate, sum, err := f.read()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if i := slices.IndexFunc(c.pairs(), func(p *pair) bool { return p.files == f && p.seen == sum && p.trouble == nil }); i >= 0 {
			next = append(next, c.pairs()[i])
			continue
		}
		p := &pair{files: f, seen: sum}
		p.current.Store(certificate)
		next, fresh = append(next, p), append(fresh, p)
	}
	return func() {
		c.current.Store(&next)
		for _, p := range fresh {
			c.tell("certificate read", p)
		}
	}, nil
}

// read reads and checks both files.
func (k KeyPair) read() (c *tls.Certificate, sum [sha256.Size]byte, err error) {
	cert, err := os.ReadFile(k.Cert)
	if err != nil {
		return nil, sum, fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(k.Key)
	if err != nil {
		return nil, sum, fmt.Errorf("read key: %w", err)
	}
	both := sha256.New()
	both.Write(cert)
	both.Write(key)
	both.Sum(sum[:0])
	made, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, sum, fmt.Errorf("%s and %s: %w", k.Cert, k.Key, err)
	}
	return &made, sum, nil
}

// Watch reads files that have changed until ctx is done. Connections go on with
// the certificate that they began with; where the new files cannot be used, the
// old certificate stays, and the log says why.
func (c *Certificates) Watch(ctx context.Context) {
	ticker := time.NewTicker(reloadPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		for _, p := range c.pairs() {
			c.lookLocked(p)
		}
		c.mu.Unlock()
	}
}

// lookLocked reads a pair's files. The bytes are compared, not times or links: what
// Kubernetes swaps, or a copy that keeps the time, is seen as well.
func (c *Certificates) lookLocked(p *pair) {
	certificate, sum, err := p.files.read()
	if err != nil {
		if p.trouble == nil || p.trouble.Error() != err.Error() {
			p.trouble = err
			c.log.Warn("a changed certificate cannot be used; the one before stays",
				"key", p.files.Name, "error", err, "expires", p.current.Load().Leaf.NotAfter)
		}
		return
	}
	if p.trouble = nil; sum == p.seen {
		return
	}
	p.seen = sum
	p.current.Store(certificate)
	c.tell("certificate read again", p)
}

// tell logs what was read.
func (c *Certificates) tell(what string, p *pair) {
	leaf := p.current.Load().Leaf
	level := slog.LevelInfo
	if !time.Now().Before(leaf.NotAfter) {
		level, what = slog.LevelWarn, what+", and it has expired"
	}
	c.log.Log(context.Background(), level, what, "key", p.files.Name, "names", leaf.DNSNames, "expires", leaf.NotAfter)
}

// Names are those that the default certificate is good for: of hosts, wildcards included.
func (c *Certificates) Names() []string {
	if c.Empty() {
		return nil
	}
	return c.pairs()[0].current.Load().Leaf.DNSNames
}

// Expiries yields each certificate's configuration key and when it expires.
func (c *Certificates) Expiries(yield func(name string, expires time.Time) bool) {
	c.Leaves(func(name string, leaf *x509.Certificate) bool { return yield(name, leaf.NotAfter) })
}

// Leaves yields each certificate's configuration key and the server's own certificate in use, which is not to be changed.
func (c *Certificates) Leaves(yield func(name string, leaf *x509.Certificate) bool) {
	for _, p := range c.pairs() {
		if !yield(p.files.Name, p.current.Load().Leaf) {
			return
		}
	}
}

// Troubles yields the configuration key of each certificate whose files, as they are now, cannot be used in its place, and why.
func (c *Certificates) Troubles(yield func(name string, err error) bool) {
	c.mu.Lock()
	var troubled []pair
	for _, p := range c.pairs() {
		if p.trouble != nil {
			troubled = append(troubled, pair{files: p.files, trouble: p.trouble})
		}
	}
	c.mu.Unlock()
	for i := range troubled {
		if !yield(troubled[i].files.Name, troubled[i].trouble) {
			return
		}
	}
}

// choose finds the certificate for a server name: of those that hold the name,
// else of all, the first that the client can verify. A reload may have left none.
func (c *Certificates) choose(name string, supported func(*tls.Certificate) bool) (*tls.Certificate, error) {
	var fallback *tls.Certificate
	pairs := c.pairs()
	for _, p := range pairs {
		certificate := p.current.Load()
		if !supported(certificate) {
			continue
		}
		if name != "" && certificate.Leaf.VerifyHostname(name) == nil {
			return certificate, nil
		}
		if fallback == nil {
			fallback = certificate
		}
	}
	switch {
	case fallback != nil:
		return fallback, nil
	case len(pairs) == 0:
		return nil, errNoCertificate
	}
	return pairs[0].current.Load(), nil
}

// Server shows certificates to clients of another protocol over TLS, such as HTTPS:
// those of the first that has any, as it is at each handshake.
func Server(shown ...*Certificates) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		for _, c := range shown {
			if !c.Empty() {
				return c.forTLS(hello)
			}
		}
		return nil, errNoCertificate
	}}
}

func (c *Certificates) forTLS(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	nameless := *hello // for a certificate of another name is better than one that the client cannot verify
	nameless.ServerName = ""
	return c.choose(hello.ServerName, func(t *tls.Certificate) bool { return nameless.SupportsCertificate(t) == nil })
}

func (c *Certificates) forDTLS(hello *dtls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.choose(hello.ServerName, func(t *tls.Certificate) bool {
		kind := "_ECDSA_" // of Ed25519 keys too: RFC 8422 §2.1
		if t.Leaf.PublicKeyAlgorithm.String() == "RSA" {
			kind = "_RSA_"
		}
		for _, id := range hello.CipherSuites {
			if strings.Contains(dtls.CipherSuiteName(id), kind) {
				return true
			}
		}
		return false
	})
}
