// Package allocation keeps the state of a TURN server: allocations by 5-tuple,
// their permissions, channel bindings and relayed ports, quotas and expiry
// (RFC 8656 §6, §9, §12).
//
// It does no I/O, reads no clock and starts no goroutine: callers pass now. A
// [Table] is owned by one worker; a [Ports] and a [Ledger] are shared between
// workers and safe for concurrent use.
//
// Allocations, permissions and channel bindings live in chunks that never move
// and hold no pointer, and the indexes that find them have hashes and slots'
// numbers, no keys and no pointers: the garbage collector never walks the state
// of a client, and an address is not kept twice.
package allocation

import "net/netip"

// An Allocation is one slot of a [Table]. It holds no pointer and never moves: a *Allocation is valid until its Delete
// or until Expire removes it, and its slot may then be another client's. Whoever keeps one longer keeps its [ID].
//
// Only the worker that owns the table may touch it.
type Allocation struct {
	id ID // 0 while the slot is free; the same until Delete

	// What Lookup compares, close together. Owned by the worker.
	tuple    tupleKey
	moving   bool
	detached bool // tuple is not in the index: the connection has ended

	// Set by Create, the same until Delete, but for Rekey.
	generation  uint32
	user        uint32 // index into the ledger, 0 for none
	subject     uint32
	transaction [12]byte
	owner       [16]byte
	key         [maxKey]byte
	keyLen      uint8
	evenPort    bool   // EVEN-PORT was asked for: a rebound port is even too
	hasToken    bool   // EVEN-PORT with R: the answer carries a token, see Table.Token
	claimed     bool   // the relayed address came from a RESERVATION-TOKEN: no other will do
	tcp         bool   // a TCP allocation: its ports are TCP's
	missing     family // the family of FamilyError, 0 for none
	missingCode uint16
	created     Time
	credential  int64 // unix seconds, 0 for never

	// Changes while the allocation lives. Owned by the worker.
	relayed [2]relayedAddress // IPv4, IPv6
	traffic Traffic
	recent  struct{ permission, channel ref } // where to look first: see recent.go
}

// A relayedAddress is one relayed transport address with what RFC 8656 §6 keeps for each of them: a time to expiry,
// permissions and channel bindings.
type relayedAddress struct {
	timer       timer
	external    endpoint
	bound       endpoint
	place       place
	has         bool
	permissions list
	channels    list
}

// maxKey is the longest long-term key in bytes: SHA-256 gives 32 (RFC 8489 §18.5), MD5 gives 16.
const maxKey = 32

// A Traffic counts packets and payload bytes of an allocation. Its worker adds to it in place.
type Traffic struct {
	PacketsIn, PacketsOut, BytesIn, BytesOut uint64 // In is from the client, Out towards it
}

// ID names the allocation; unlike the pointer it may be kept.
func (a *Allocation) ID() ID { return a.id }

// FiveTuple is what the client's messages are recognised by. Zones of link-local addresses are not kept.
func (a *Allocation) FiveTuple() FiveTuple { return a.tuple.fiveTuple() }

// Transaction is the transaction id of the Allocate that made it: an Allocate on the same 5-tuple with the same id is
// a retransmission and gets the first answer again (RFC 8656 §7.2).
func (a *Allocation) Transaction() [12]byte { return a.transaction }

// Owner is who made the allocation; requests of anyone else are answered 441 (RFC 8656 §5).
func (a *Allocation) Owner() [16]byte { return a.owner }

// Key is the long-term key it was made with. The slice lies in the slot and is overwritten with zeros by Delete: an
// answer that is signed with it is finished before the allocation is deleted, or works on a copy.
func (a *Allocation) Key() []byte { return a.key[:a.keyLen:a.keyLen] }

// TCP says whether it is a TCP allocation: whether its relayed transport addresses are TCP's (RFC 6062 §1).
func (a *Allocation) TCP() bool { return a.tcp }

// Has says whether the allocation has a relayed transport address of the family.
func (a *Allocation) Has(ipv6 bool) bool { return a.relayed[index(ipv6)].has }

// Relayed is the relayed transport address of the family as clients and peers are told it; the zero AddrPort without one.
func (a *Allocation) Relayed(ipv6 bool) netip.AddrPort {
	return a.relayed[index(ipv6)].external.addrPort()
}

// Bound is the address that the socket of the family binds; the zero AddrPort where Has is false.
func (a *Allocation) Bound(ipv6 bool) netip.AddrPort { return a.relayed[index(ipv6)].bound.addrPort() }

// Expires is when the family's time to expiry runs out; 0 where Has is false. At that time the family's permissions
// and channels stop working; Expire tells it at most one [Tick] later.
func (a *Allocation) Expires(ipv6 bool) Time {
	r := &a.relayed[index(ipv6)]
	if !r.has {
		return 0
	}
	return r.timer.expires
}

// Created is the now that Create was called with.
func (a *Allocation) Created() Time { return a.created }

// CredentialExpires is the unix second in which the credential ends, 0 for never.
func (a *Allocation) CredentialExpires() int64 { return a.credential }

// FamilyError is the family that a dual allocation could not get when it was made, and the code: 440 where no relay
// address has the family, 508 where none had a port, or what Drop was told. It is for ADDRESS-ERROR-CODE, also in
// retransmitted answers (RFC 8656 §7.2).
func (a *Allocation) FamilyError() (ipv6 bool, code uint16, ok bool) {
	return a.missing == familyIPv6, a.missingCode, a.missing != 0
}

// Traffic is where the worker adds what it relayed; valid as long as the allocation.
func (a *Allocation) Traffic() *Traffic { return &a.traffic }

func (a *Allocation) ref() ref { return ref(a.id.Index() + 1) }

// lives says whether the family has a relayed address whose time has not run out.
func (a *Allocation) lives(f family, now Time) bool {
	return f != 0 && a.relayed[f.index()].has && now < a.relayed[f.index()].timer.expires
}

func (a *Allocation) has(f family) bool { return f != 0 && a.relayed[f.index()].has }
