package relay

import (
	"crypto/rand"

	"turnout/allocation"
	"turnout/auth"
	"turnout/stun"
)

// newShared makes what outlives every reload.
func newShared(c Config) (*shared, error) {
	ports, err := allocation.NewPorts(c.RelayAddresses, c.PortMin, c.PortMax)
	if err != nil {
		return nil, err
	}
	s := &shared{
		ports:    ports,
		ledger:   allocation.NewLedger(c.TotalAllocations),
		spending: newSpending(),
		sealer:   auth.NewTickets(randomKey()),
		nonceKey: randomKey(),
		failures: make(chan failure, 256),
		noticed:  make(chan struct{}, 1),
		log:      c.Logger,
	}
	q := newQuotas(c)
	s.quotas.Store(q)
	s.allowances = newAllowances(c.Workers, q)
	s.alternates.Store(&c.Alternates)
	if !c.NoTCP {
		ports.ServeTCP()
		s.connections = newConnections(rateOf(c.AllocationBandwidth))
	}
	for _, r := range c.RelayAddresses {
		if r.External.IsValid() && r.External != r.Bind {
			s.nat = append(s.nat, r)
		}
	}
	return s, nil
}

func randomKey() (key [32]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}

// settingsOf are what a configuration says, in the workers' words. Nonces made before
// are good for as long as they were: only the feature bits of new ones may differ. The
// caller adds the policy.
func (s *shared) settingsOf(c Config) *settings {
	next := &settings{
		shared:          s,
		realm:           c.Realm,
		serverName:      c.Verifier.ServerName(),
		defaultLifetime: allocation.Duration(c.DefaultLifetime),
		maxLifetime:     allocation.Duration(c.MaxLifetime),
		totalLifetime:   allocation.Duration(c.TotalLifetime),
		lastChannel:     lastChannel,
		known:           knownAttributes,
		expiry:          c.Expiry,
		bandwidth:       rateOf(c.AllocationBandwidth),
		backlogBytes:    c.BacklogBytes,
		backlogTime:     c.BacklogTime,
		latencySample:   max(c.LatencySample, 0),
		verifier:        c.Verifier,
		nonces:          auth.NewNonces(s.nonceKey, c.NonceLifetime, c.Verifier.Anonymity()),
		mobility:        c.Mobility,
		budget:          budget{spending: s.spending}.at(c.UnauthenticatedRate, c.UnauthenticatedBurst),
		maxPermissions:  c.MaxPermissions,
		maxChannels:     c.MaxChannels,
		maxConnections:  c.MaxConnections,
	}
	if !c.NoSoftware {
		next.software = c.Software
	}
	if c.LegacyChannels {
		next.lastChannel = lastChannelOfRFC5766
	}
	if !c.Network.DontFragment() {
		next.known = knownWithoutDontFragment
	}
	if next.serverName != "" {
		next.known |= stun.NewAttributeSet(stun.AttrAccessToken)
	}
	if s.connections != nil {
		next.known |= stun.NewAttributeSet(stun.AttrConnectionID)
	}
	return next
}

// knownAttributes are the comprehension-required attributes that this server
// understands; DONT-FRAGMENT only where the system can do it (RFC 8656 §7.2).
var (
	knownWithoutDontFragment = stun.NewAttributeSet(
		stun.AttrMappedAddress, stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrErrorCode,
		stun.AttrUnknownAttributes, stun.AttrChannelNumber, stun.AttrLifetime, stun.AttrXORPeerAddress,
		stun.AttrData, stun.AttrRealm, stun.AttrNonce, stun.AttrXORRelayedAddress,
		stun.AttrRequestedAddressFamily, stun.AttrEvenPort, stun.AttrRequestedTransport,
		stun.AttrMessageIntegritySHA256, stun.AttrPasswordAlgorithm, stun.AttrUserhash,
		stun.AttrXORMappedAddress, stun.AttrReservationToken)
	knownAttributes = knownWithoutDontFragment | stun.NewAttributeSet(stun.AttrDontFragment)
)
