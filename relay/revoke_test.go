package relay

import (
	"testing"
	"time"

	"turnout/allocation"
	"turnout/auth"
	"turnout/stun"
)

// revocable is a relay of three workers and the means to make credentials for it.
func revocable(t *testing.T) (*Server, *auth.Issuer) {
	t.Helper()
	ring, err := auth.NewKeyring(auth.Key{ID: "k1", Secret: []byte("a secret of the keyring")})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(c *Config) { c.Workers, c.Verifier = 3, verifier })
	return s, auth.NewIssuer(ring)
}

// allocateAs allocates with a credential that was made for this.
func (c *realClient) allocateAs(username, password string) {
	c.t.Helper()
	nonce, ok := c.ask(message(stun.MethodAllocate, func(*stun.Builder) {})).Attribute(stun.AttrNonce)
	if !ok {
		c.t.Fatal("no challenge")
	}
	answer := c.ask(message(stun.MethodAllocate, func(b *stun.Builder) {
		b.AddUint8(stun.AttrRequestedTransport, 17, 4)
		b.AddString(stun.AttrUsername, username)
		b.AddString(stun.AttrRealm, "bench")
		b.Add(stun.AttrNonce, nonce)
		b.AddIntegrity(auth.DeriveKey(nil, auth.MD5, username, "bench", password), stun.IntegritySHA1)
	}))
	if answer.Class() != stun.ClassSuccess {
		c.t.Fatal(describe(answer.Bytes()))
	}
}

// TestEndSubject ends what was issued up to a time, of this subject alone, on every worker.
func TestEndSubject(t *testing.T) {
	t.Parallel()
	s, issuer := revocable(t)
	now := time.Now()
	transports := []allocation.Transport{allocation.UDP, allocation.TCP}
	const each = 6 // clients, so that they spread over the workers
	for i := range each {
		for _, g := range []auth.Grant{
			{Subject: "8:acs:alice", Issued: now.Add(-time.Second)},
			{Subject: "8:acs:alice", Issued: now.Add(time.Second)},
			{Subject: "bob", Issued: now.Add(-time.Second)},
		} {
			g.Expires = now.Add(time.Hour)
			c, err := issuer.Issue(g, now)
			if err != nil {
				t.Fatal(err)
			}
			dialReal(t, s, transports[i%2]).allocateAs(c.Username, c.Password)
		}
	}
	for _, step := range []struct {
		subject     string
		before      time.Time
		ended, left int
	}{
		{"nobody", now.Add(time.Hour), 0, 3 * each},
		{"8:acs:alice", now.Add(-2 * time.Second), 0, 3 * each},
		{"8:acs:alice", now.Add(-time.Second), each, 2 * each},
		{"8:acs:alice", now, 0, 2 * each},
		{"8:acs:alice", now.Add(time.Second), each, each},
		{"bob", now, each, 0},
	} {
		if ended := s.EndSubject(step.subject, step.before); ended != step.ended {
			t.Errorf("%s up to %v: %d ended, want %d", step.subject, step.before.Sub(now), ended, step.ended)
		}
		if left := s.ledger.Total(); left != step.left {
			t.Errorf("%d allocations are left, want %d", left, step.left)
		}
	}
}

// TestEndSubjectOfUnknownAge is about credentials that do not tell when they were
// issued: the allocation's own age counts.
func TestEndSubjectOfUnknownAge(t *testing.T) {
	t.Parallel()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Realm: "bench", Users: map[string]string{"carol": "wonderland"}})
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(c *Config) { c.Verifier = verifier })
	began := time.Now()
	dialReal(t, s, allocation.UDP).allocateAs("carol", "wonderland")
	if n := s.EndSubject("carol", began.Add(-time.Minute)); n != 0 {
		t.Errorf("%d ended, that were made after the revocation", n)
	}
	if n := s.EndSubject("carol", time.Now()); n != 1 {
		t.Errorf("%d ended, want 1", n)
	}
}

// TestEndUsername ends what one credential was used for, and not the subject's others.
func TestEndUsername(t *testing.T) {
	t.Parallel()
	s, issuer := revocable(t)
	now := time.Now()
	var names []string
	for i := range 2 {
		c, err := issuer.Issue(auth.Grant{Subject: "alice", Expires: now.Add(time.Duration(i+1) * time.Hour)}, now)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, c.Username)
		dialReal(t, s, allocation.UDP).allocateAs(c.Username, c.Password)
		dialReal(t, s, allocation.TCP).allocateAs(c.Username, c.Password)
	}
	if n := s.EndUsername(names[0]); n != 2 || s.ledger.Total() != 2 {
		t.Errorf("%d ended, %d left, want 2 and 2", n, s.ledger.Total())
	}
	if n := s.EndUsername("1700000000:nobody"); n != 0 {
		t.Errorf("%d ended", n)
	}
}

// TestRevokedOnItsWay revokes while an allocation is in no worker's table: it ends when it arrives.
func TestRevokedOnItsWay(t *testing.T) {
	t.Parallel()
	for _, revoked := range []bool{false, true} {
		s, network := idleWorkers(t)
		now := false
		verifier, err := auth.NewVerifier(auth.VerifierConfig{
			Realm: "bench", Users: map[string]string{"alice": "wonderland"},
			Revoked: func(_, _ []byte, _, _ time.Time) bool { return now },
		})
		if err != nil {
			t.Fatal(err)
		}
		s.current.Load().verifier = verifier
		owner, back := s.workers[0], s.workers[1]
		a, v := moving(t, owner, back)
		owner.handOver(a, v)
		owner.sendParcels()
		now = revoked
		back.serveInbox()
		if left := back.table.Len(); left != map[bool]int{false: 1, true: 0}[revoked] {
			t.Errorf("revoked %v: %d allocations are left", revoked, left)
		}
		for _, w := range s.workers {
			w.endRound()
		}
		s.abandonIdle(t, network)
	}
}
