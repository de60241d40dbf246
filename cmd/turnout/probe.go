package main

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"turnout/auth/token"
	"turnout/internal/secure"
)

// probe looks at the store and at what is known of its revocations. A keep that is not there lacks nothing.
func (k *keep) probe() []trouble {
	if k == nil {
		return nil
	}
	var all []trouble
	if err := k.store.Status(); err != nil {
		all = append(all, trouble{fault: faultStore, err: err})
	} else if err := k.revocations.Status(); err != nil {
		all = append(all, trouble{fault: faultRevocations, err: err})
	}
	if err := k.chain.status(); err != nil {
		all = append(all, trouble{fault: faultKeys, err: err})
	}
	if k.revocations.Overflowed() {
		all = append(all, trouble{fault: faultRevocationsOverflow})
	}
	return all
}

// issuersProbe looks at the keys of the issuers whose tokens a verifier takes.
func issuersProbe(v *token.Verifier) probe {
	return func() (all []trouble) {
		for _, s := range v.Status() {
			if s.Failure != nil {
				all = append(all, trouble{fault: faultIssuerKeys, what: s.Issuer, err: s.Failure})
			}
		}
		return all
	}
}

// expiryNotice is how long before its end a certificate should long have been renewed; of one that lives for days only, the
// last third of its life is.
const expiryNotice = 7 * 24 * time.Hour

// certificatesProbe looks at the certificates that listeners show. Any of them may be nil.
func certificatesProbe(now func() time.Time, shown ...*secure.Certificates) probe {
	return func() (all []trouble) {
		for i, c := range shown {
			if c == nil || i > 0 && c == shown[0] {
				continue
			}
			for name, leaf := range c.Leaves {
				if f, troubled := expiring(leaf, now()); troubled {
					all = append(all, trouble{f, name, fmt.Errorf("certificate expires at %s", leaf.NotAfter.UTC().Format(time.RFC3339))})
				}
			}
			for name, err := range c.Troubles {
				all = append(all, trouble{faultCertificateUnusable, name, err})
			}
		}
		return all
	}
}

func expiring(leaf *x509.Certificate, now time.Time) (f fault, troubled bool) {
	left := leaf.NotAfter.Sub(now)
	switch {
	case left <= 0:
		return faultCertificateExpired, true
	case left < min(expiryNotice, leaf.NotAfter.Sub(leaf.NotBefore)/3):
		return faultCertificateExpires, true
	}
	return 0, false
}

// probe looks at the log, and tries whether it can be written again.
func (j *journal) probe(log *slog.Logger) probe {
	return func() []trouble {
		if j.status() == nil {
			return nil
		}
		log.Warn("lines of this log are lost", "lines_lost", j.lost.Load())
		if err := j.status(); err != nil {
			return []trouble{{fault: faultLog, err: err}}
		}
		return nil
	}
}
