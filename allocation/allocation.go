// Package allocation keeps the state of a TURN server: allocations by 5-tuple,
// their permissions, channel bindings and relayed ports, quotas and expiry
// (RFC 8656 §6, §9, §12).
//
// It does no I/O, reads no clock and starts no goroutine: callers pass now. A
// [Table] is owned by one worker; a [Ports] and a [Ledger] are shared between
// workers and safe for concurrent use.
package allocation

import (
	"errors"
	"net/netip"
)

// A Time is nanoseconds on a monotonic clock of the caller's choosing; a Duration is nanoseconds.
type (
	Time     int64
	Duration int64
)

const (
	Second             Duration = 1e9
	PermissionLifetime          = 300 * Second // RFC 8656 §9
	ChannelLifetime             = 600 * Second // RFC 8656 §12
	ReservationHold             = 30 * Second  // RFC 8656 §7.2
)

// A Transport is the protocol between client and server, or between server and peer.
type Transport uint8

const (
	UDP Transport = 17
	TCP Transport = 6
	// TLS and DTLS join with their listeners: 5-tuples of different listeners never collide by server address.
)

// A FiveTuple is the client's address, the server's and the transport between them.
type FiveTuple struct {
	Client, Server netip.AddrPort
	Transport      Transport
}

// An ID names an allocation: worker, slot and generation. 0 is none.
type ID uint64

func (i ID) Worker() int        { panic("skeleton") }
func (i ID) Index() int         { panic("skeleton") } // dense, from 0: callers keep parallel slabs
func (i ID) Generation() uint32 { panic("skeleton") }

// A ChannelNumber is 0x4000 to 0x7FFF.
type ChannelNumber uint16

// Errors of Create, Permit and BindChannel: the relay maps each to a code.
var (
	ErrInUse        = errors.New("5-tuple in use")                                    // 437
	ErrQuota        = errors.New("allocation quota of the user reached")              // 486
	ErrCapacity     = errors.New("no relayed address, port or slot left")             // 508
	ErrReservation  = errors.New("no such reservation")                               // 508
	ErrFamily       = errors.New("address family not served")                         // 440
	ErrPeerFamily   = errors.New("peer of another address family")                    // 443
	ErrChannelInUse = errors.New("channel or peer bound differently")                 // 400
	ErrTooMany      = errors.New("permissions or channels of the allocation used up") // 508
)

// A RelayAddress is one address relayed ports are taken from.
type RelayAddress struct {
	Bind     netip.Addr // what sockets bind
	External netip.Addr // what clients and peers are told; Bind where no NAT is between
}

// Ports is the pool of relayed ports of all relay addresses, and their reservations.
// Shared by all workers; touched when allocations are made and ended only.
// Ports are taken uniformly at random among the free ones (crypto/rand, RFC 6056).
type Ports struct{}

func NewPorts(addresses []RelayAddress, min, max uint16) (*Ports, error) { panic("skeleton") }

// Live says whether a is the external (or bound) relayed address of a live allocation. Lock-free: the peer policy asks per packet.
func (p *Ports) Live(a netip.AddrPort) bool { panic("skeleton") }

// Bound translates an external relayed address to the one its socket is bound to (false: not ours).
func (p *Ports) Bound(a netip.AddrPort) (netip.AddrPort, bool) { panic("skeleton") }

// Serves says whether there is a relay address of the family.
func (p *Ports) Serves(ipv6 bool) bool { panic("skeleton") }

// InUse and Size count ports, for metrics.
func (p *Ports) InUse() int { panic("skeleton") }
func (p *Ports) Size() int  { panic("skeleton") }

// A Ledger counts allocations by user and in all. Shared by all workers.
type Ledger struct{}

func NewLedger(total int) *Ledger    { panic("skeleton") } // 0: no limit
func (l *Ledger) SetTotal(total int) { panic("skeleton") }
func (l *Ledger) Total() int         { panic("skeleton") } // live allocations

// A Config says what a Table is made of.
type Config struct {
	Worker         int // 0 to 1023
	Ports          *Ports
	Ledger         *Ledger
	MaxPermissions int // per allocation; 0: 1024
	MaxChannels    int // per allocation; 0: 1024
}

// A Request is what an Allocate asks for, after all checks of form.
type Request struct {
	Transaction    [12]byte
	Owner          [16]byte // who made it: later requests must match (441)
	Key            []byte   // long-term key, 16 or 32 bytes
	User           string   // charged in the ledger; "" is never limited
	Subject        string   // for logs and lists
	MaxPerUser     int      // 0: no limit
	IPv4, IPv6     bool     // families wanted
	Additional     bool     // IPv6 was ADDITIONAL-ADDRESS-FAMILY: one of the two may fail (see FamilyError)
	EvenPort       bool
	ReserveNext    bool    // R bit: port+1 is kept for 30 s under Token()
	Reservation    [8]byte // RESERVATION-TOKEN, when UseReservation
	UseReservation bool
	Lifetime       Duration
	Expires        int64      // unix seconds when the credential ends; 0: never
	Prefer         netip.Addr // take the relay address equal to this one (the address the client reached), if there is one
}

// Table holds one worker's allocations.
type Table struct{}

func NewTable(c Config) *Table { panic("skeleton") }

func (t *Table) Lookup(ft FiveTuple) *Allocation                   { panic("skeleton") }
func (t *Table) LookupID(id ID) *Allocation                        { panic("skeleton") } // nil when ended
func (t *Table) LookupRelayed(external netip.AddrPort) *Allocation { panic("skeleton") } // by external relayed address (live families only)
// Create reserves quota and ports in one step; on error nothing is left behind.
func (t *Table) Create(ft FiveTuple, r Request, now Time) (*Allocation, error) { panic("skeleton") }

// Rebind takes another port for a family after the operating system refused the first one
// (another process holds it). The refused port stays out of the pool for a while. EVEN-PORT and a reservation are kept.
func (t *Table) Rebind(a *Allocation, ipv6 bool, now Time) error { panic("skeleton") }

// Drop gives up one family of a dual allocation with its permissions and channels (RFC 8656 §8.1).
// reason goes to FamilyError when it happens at creation (0 otherwise).
func (t *Table) Drop(a *Allocation, ipv6 bool, reason uint16) { panic("skeleton") }
func (t *Table) Delete(a *Allocation)                         { panic("skeleton") }

// Refresh sets the time to expiry of the named families that the allocation has.
func (t *Table) Refresh(a *Allocation, ipv4, ipv6 bool, lifetime Duration, now Time) {
	panic("skeleton")
}

// Expire tells what ended and then removes it: whole allocations, or one family of a dual one. Permissions and channels
// are removed silently. ended is called before the removal and must not change the table.
func (t *Table) Expire(now Time, ended func(a *Allocation, ipv4, ipv6 bool)) { panic("skeleton") }

// Next is when Expire has something to do at the earliest (rounded to the wheel's tick), 0 if nothing.
func (t *Table) Next() Time                              { panic("skeleton") }
func (t *Table) Len() int                                { panic("skeleton") }
func (t *Table) All() func(yield func(*Allocation) bool) { panic("skeleton") } // tolerates Delete of the yielded one
// Check returns the first broken invariant: tests, fuzzing, /debug.
func (t *Table) Check() error { panic("skeleton") }

// Permit installs or refreshes a permission. Restricted says that only some ports of peer are allowed, so that the policy is asked per packet.
func (t *Table) Permit(a *Allocation, peer netip.Addr, restricted bool, now Time) error {
	panic("skeleton")
}

// CanPermit says whether n more permissions fit, for CreatePermission's all-or-nothing.
func (t *Table) CanPermit(a *Allocation, peers []netip.Addr, now Time) bool { panic("skeleton") }
func (t *Table) Permitted(a *Allocation, peer netip.Addr, now Time) (ok, restricted bool) {
	panic("skeleton")
}

// BindChannel binds or refreshes, and permits (RFC 8656 §12.2). On error nothing changed.
func (t *Table) BindChannel(a *Allocation, n ChannelNumber, peer netip.AddrPort, restricted bool, now Time) error {
	panic("skeleton")
}

// Peer is where data on a channel goes; false when unbound or expired, or when the permission has lapsed... see RFC 8656 §12: a channel does not stand in for a permission.
func (t *Table) Peer(a *Allocation, n ChannelNumber, now Time) (peer netip.AddrPort, permitted bool, ok bool) {
	panic("skeleton")
}
func (t *Table) Channel(a *Allocation, peer netip.AddrPort, now Time) (ChannelNumber, bool) {
	panic("skeleton")
}

// An Allocation is one slot of a Table: no pointers inside, never moves, valid until its Delete or Expire.
type Allocation struct{}

func (a *Allocation) ID() ID                                         { panic("skeleton") }
func (a *Allocation) FiveTuple() FiveTuple                           { panic("skeleton") }
func (a *Allocation) Transaction() [12]byte                          { panic("skeleton") }
func (a *Allocation) Owner() [16]byte                                { panic("skeleton") }
func (a *Allocation) Key() []byte                                    { panic("skeleton") }
func (a *Allocation) Has(ipv6 bool) bool                             { panic("skeleton") }
func (a *Allocation) Relayed(ipv6 bool) netip.AddrPort               { panic("skeleton") } // external
func (a *Allocation) Bound(ipv6 bool) netip.AddrPort                 { panic("skeleton") } // what its socket binds
func (a *Allocation) Expires(ipv6 bool) Time                         { panic("skeleton") }
func (a *Allocation) Created() Time                                  { panic("skeleton") }
func (a *Allocation) CredentialExpires() int64                       { panic("skeleton") }
func (a *Allocation) Token() ([8]byte, bool)                         { panic("skeleton") } // reservation made with it
func (a *Allocation) FamilyError() (ipv6 bool, code uint16, ok bool) { panic("skeleton") } // for ADDRESS-ERROR-CODE, also in retransmitted answers
// Subject is looked up in the ledger: for logs and lists, not per packet.
func (t *Table) Subject(a *Allocation) string { panic("skeleton") }

// Counters of an allocation, added by its worker.
type Traffic struct{ PacketsIn, PacketsOut, BytesIn, BytesOut uint64 } // In: from the client
func (a *Allocation) Traffic() *Traffic                                { panic("skeleton") }
