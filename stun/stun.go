// Package stun reads and writes the wire format of STUN and TURN: messages,
// attributes, message integrity, fingerprints (RFC 8489) and ChannelData
// (RFC 8656 §12.4).
//
// A [Message] is a view over the bytes it was parsed from; a [Builder] appends
// to the caller's buffer. Neither allocates. The package does no I/O and keeps
// no state.
package stun

import (
	"errors"
	"iter"
	"net/netip"
)

const (
	HeaderSize        = 20         // bytes of a STUN header
	ChannelHeaderSize = 4          // bytes of a ChannelData header
	MagicCookie       = 0x2112A442 // RFC 8489 §5
)

// A Kind is what the first bits of a packet say it is (RFC 7983 §7).
type Kind uint8

const (
	KindUnknown Kind = iota
	KindSTUN
	KindChannelData
)

// Classify tells STUN from ChannelData by the first byte.
func Classify(b []byte) Kind { panic("skeleton") }

type (
	// A Method is a STUN method, 12 bits.
	Method uint16
	// A Class is a STUN message class, 2 bits.
	Class uint8
	// A MessageType is method and class as they stand in the header.
	MessageType uint16
	// A TransactionID is the 96-bit transaction id.
	TransactionID [12]byte
	// An AttributeType names an attribute.
	AttributeType uint16
	// An AttributeSet is a set of comprehension-required attribute types below 0x40.
	AttributeSet uint64
	// A Code is an ERROR-CODE, 300 to 699.
	Code uint16
	// A PasswordAlgorithm is an entry of PASSWORD-ALGORITHMS (RFC 8489 §18.5).
	PasswordAlgorithm uint16
	// A Family is an address family as the wire has it.
	Family uint8
	// An Integrity is a message-integrity mechanism.
	Integrity uint8
	// A ChannelNumber is 0x4000 to 0x7FFF (RFC 8656 allows up to 0x4FFF).
	ChannelNumber uint16
)

const (
	MethodBinding           Method = 0x001
	MethodAllocate          Method = 0x003
	MethodRefresh           Method = 0x004
	MethodSend              Method = 0x006
	MethodData              Method = 0x007
	MethodCreatePermission  Method = 0x008
	MethodChannelBind       Method = 0x009
	MethodConnect           Method = 0x00A
	MethodConnectionBind    Method = 0x00B
	MethodConnectionAttempt Method = 0x00C

	ClassRequest    Class = 0
	ClassIndication Class = 1
	ClassSuccess    Class = 2
	ClassError      Class = 3

	PasswordMD5    PasswordAlgorithm = 1
	PasswordSHA256 PasswordAlgorithm = 2

	FamilyIPv4 Family = 1
	FamilyIPv6 Family = 2

	IntegrityNone   Integrity = 0
	IntegritySHA1   Integrity = 1
	IntegritySHA256 Integrity = 2
)

// Comprehension-required attributes.
const (
	AttrMappedAddress          AttributeType = 0x0001 // RFC 8489 §14.1
	AttrChangeRequest          AttributeType = 0x0003 // RFC 5780 §7.2
	AttrUsername               AttributeType = 0x0006 // RFC 8489 §14.3
	AttrMessageIntegrity       AttributeType = 0x0008 // RFC 8489 §14.5
	AttrErrorCode              AttributeType = 0x0009 // RFC 8489 §14.8
	AttrUnknownAttributes      AttributeType = 0x000A // RFC 8489 §14.13
	AttrChannelNumber          AttributeType = 0x000C // RFC 8656 §18.1
	AttrLifetime               AttributeType = 0x000D // RFC 8656 §18.2
	AttrXORPeerAddress         AttributeType = 0x0012 // RFC 8656 §18.3
	AttrData                   AttributeType = 0x0013 // RFC 8656 §18.4
	AttrRealm                  AttributeType = 0x0014 // RFC 8489 §14.9
	AttrNonce                  AttributeType = 0x0015 // RFC 8489 §14.10
	AttrXORRelayedAddress      AttributeType = 0x0016 // RFC 8656 §18.5
	AttrRequestedAddressFamily AttributeType = 0x0017 // RFC 8656 §18.6
	AttrEvenPort               AttributeType = 0x0018 // RFC 8656 §18.7
	AttrRequestedTransport     AttributeType = 0x0019 // RFC 8656 §18.8
	AttrDontFragment           AttributeType = 0x001A // RFC 8656 §18.9
	AttrAccessToken            AttributeType = 0x001B // RFC 7635 §6.2
	AttrMessageIntegritySHA256 AttributeType = 0x001C // RFC 8489 §14.6
	AttrPasswordAlgorithm      AttributeType = 0x001D // RFC 8489 §14.12
	AttrUserhash               AttributeType = 0x001E // RFC 8489 §14.4
	AttrXORMappedAddress       AttributeType = 0x0020 // RFC 8489 §14.2
	AttrReservationToken       AttributeType = 0x0022 // RFC 8656 §18.10
	AttrPadding                AttributeType = 0x0026 // RFC 5780 §7.6
	AttrResponsePort           AttributeType = 0x0027 // RFC 5780 §7.5
	AttrConnectionID           AttributeType = 0x002A // RFC 6062 §6.2.1
)

// Comprehension-optional attributes.
const (
	AttrAdditionalAddressFamily AttributeType = 0x8000 // RFC 8656 §18.11
	AttrAddressErrorCode        AttributeType = 0x8001 // RFC 8656 §18.12
	AttrPasswordAlgorithms      AttributeType = 0x8002 // RFC 8489 §14.11
	AttrAlternateDomain         AttributeType = 0x8003 // RFC 8489 §14.16
	AttrICMP                    AttributeType = 0x8004 // RFC 8656 §18.13
	AttrSoftware                AttributeType = 0x8022 // RFC 8489 §14.14
	AttrAlternateServer         AttributeType = 0x8023 // RFC 8489 §14.15
	AttrCacheTimeout            AttributeType = 0x8027 // RFC 5780 §7.7... (see the text)
	AttrFingerprint             AttributeType = 0x8028 // RFC 8489 §14.7
	AttrResponseOrigin          AttributeType = 0x802B // RFC 5780 §7.3
	AttrOtherAddress            AttributeType = 0x802C // RFC 5780 §7.4
	AttrThirdPartyAuthorization AttributeType = 0x802E // RFC 7635 §6.1
	AttrMobilityTicket          AttributeType = 0x8030 // RFC 8016 §3.. (see the text)
)

const (
	CodeTryAlternate               Code = 300
	CodeBadRequest                 Code = 400
	CodeUnauthenticated            Code = 401
	CodeForbidden                  Code = 403
	CodeMobilityForbidden          Code = 405
	CodeUnknownAttribute           Code = 420
	CodeAllocationMismatch         Code = 437
	CodeStaleNonce                 Code = 438
	CodeAddressFamilyNotSupported  Code = 440
	CodeWrongCredentials           Code = 441
	CodeUnsupportedTransport       Code = 442
	CodePeerAddressFamilyMismatch  Code = 443
	CodeConnectionAlreadyExists    Code = 446
	CodeConnectionTimeoutOrFailure Code = 447
	CodeAllocationQuotaReached     Code = 486
	CodeServerError                Code = 500
	CodeInsufficientCapacity       Code = 508
)

func NewMessageType(m Method, c Class) MessageType     { panic("skeleton") }
func (t MessageType) Method() Method                   { panic("skeleton") }
func (t MessageType) Class() Class                     { panic("skeleton") }
func (m Method) String() string                        { panic("skeleton") }
func (t AttributeType) String() string                 { panic("skeleton") }
func (t AttributeType) Required() bool                 { panic("skeleton") } // comprehension-required
func (c Code) Reason() string                          { panic("skeleton") } // the recommended reason phrase
func (n ChannelNumber) Valid() bool                    { panic("skeleton") } // RFC 8656's range
func NewAttributeSet(ts ...AttributeType) AttributeSet { panic("skeleton") }
func (s AttributeSet) Has(t AttributeType) bool        { panic("skeleton") }

// Errors of the accessors. ErrAbsent: the message has no such attribute (among
// the honoured ones). Everything else matches ErrMalformed.
var (
	ErrAbsent    = errors.New("attribute absent")
	ErrMalformed = errors.New("malformed")
	ErrIntegrity = errors.New("message integrity does not match")
)

// A Message is a parsed STUN message: a view, valid as long as the bytes it was
// parsed from. Copying it is cheap and copies no payload.
type Message struct {
	raw []byte
	// offsets of the integrity and fingerprint attributes (0: absent) and the
	// end of the attributes that are honoured
}

// Parse validates the header and every attribute's bounds. b must be exactly one
// message. No copy, no allocation.
func Parse(b []byte) (Message, error)          { panic("skeleton") }
func (m Message) Bytes() []byte                { panic("skeleton") }
func (m Message) Type() MessageType            { panic("skeleton") }
func (m Message) Method() Method               { panic("skeleton") }
func (m Message) Class() Class                 { panic("skeleton") }
func (m Message) TransactionID() TransactionID { panic("skeleton") }

// Attribute returns the first one of its type, and only before the integrity attribute (RFC 8489 §14.5).
func (m Message) Attribute(t AttributeType) ([]byte, bool) { panic("skeleton") }
func (m Message) Has(t AttributeType) bool                 { panic("skeleton") }

// Attributes yields the honoured attributes in order.
func (m Message) Attributes() iter.Seq2[AttributeType, []byte] { panic("skeleton") }
func (m Message) UnknownRequired(dst []AttributeType, known AttributeSet) []AttributeType {
	panic("skeleton")
}
func (m Message) Uint32(t AttributeType) (uint32, error) { panic("skeleton") }

// Uint8 reads the first byte of a value of exactly size bytes: REQUESTED-TRANSPORT and the address families (4), EVEN-PORT (1).
func (m Message) Uint8(t AttributeType, size int) (uint8, error)      { panic("skeleton") }
func (m Message) AddrPort(t AttributeType) (netip.AddrPort, error)    { panic("skeleton") }
func (m Message) XORAddrPort(t AttributeType) (netip.AddrPort, error) { panic("skeleton") }

// DecodeXORAddrPort decodes one value met while ranging over Attributes.
func (m Message) DecodeXORAddrPort(value []byte) (netip.AddrPort, error) { panic("skeleton") }
func (m Message) ChannelNumber() (ChannelNumber, error)                  { panic("skeleton") }
func (m Message) ErrorCode() (Code, []byte, error)                       { panic("skeleton") }
func (m Message) PasswordAlgorithm() (PasswordAlgorithm, error)          { panic("skeleton") }

// Integrity is the strongest mechanism the message carries.
func (m Message) Integrity() Integrity { panic("skeleton") }

// CheckIntegrity checks the strongest integrity attribute present against key, in constant time. A SHA-256 value must be the full 32 bytes.
func (m Message) CheckIntegrity(key []byte) error { panic("skeleton") }
func (m Message) HasFingerprint() bool            { panic("skeleton") }

// CheckFingerprint is nil when absent or right.
func (m Message) CheckFingerprint() error { panic("skeleton") }

// A Builder appends one message to a caller's buffer. The zero Builder is ready for Reset.
type Builder struct {
	buf   []byte
	start int
}

// Reset starts a message at the end of dst.
func (b *Builder) Reset(dst []byte, t MessageType, id TransactionID) { panic("skeleton") }

// Bytes is dst with the message appended so far, its length field right.
func (b *Builder) Bytes() []byte                                    { panic("skeleton") }
func (b *Builder) Add(t AttributeType, value []byte)                { panic("skeleton") }
func (b *Builder) AddString(t AttributeType, value string)          { panic("skeleton") }
func (b *Builder) AddUint32(t AttributeType, v uint32)              { panic("skeleton") }
func (b *Builder) AddUint8(t AttributeType, v uint8, size int)      { panic("skeleton") }
func (b *Builder) AddAddrPort(t AttributeType, a netip.AddrPort)    { panic("skeleton") }
func (b *Builder) AddXORAddrPort(t AttributeType, a netip.AddrPort) { panic("skeleton") }
func (b *Builder) AddErrorCode(c Code)                              { panic("skeleton") }
func (b *Builder) AddAddressErrorCode(f Family, c Code)             { panic("skeleton") }
func (b *Builder) AddUnknownAttributes(ts []AttributeType)          { panic("skeleton") }
func (b *Builder) AddChannelNumber(n ChannelNumber)                 { panic("skeleton") }
func (b *Builder) AddICMP(typ, code uint8, data uint32)             { panic("skeleton") }
func (b *Builder) AddPasswordAlgorithms(as ...PasswordAlgorithm)    { panic("skeleton") }
func (b *Builder) AddPasswordAlgorithm(a PasswordAlgorithm)         { panic("skeleton") }

// BeginData appends the header of a DATA attribute of n bytes and sets the message's
// length as if value and padding followed; the caller sends both as iovecs of their own.
// Nothing may be added afterwards. It returns the number of padding bytes.
func (b *Builder) BeginData(n int) (padding int)        { panic("skeleton") }
func (b *Builder) AddIntegrity(key []byte, i Integrity) { panic("skeleton") }
func (b *Builder) AddFingerprint()                      { panic("skeleton") }

// ParseChannelData reads a ChannelData message that is a whole datagram: padding after
// the data is allowed, a datagram too short is ErrMalformed (RFC 8656 §12.6). Numbers
// 0x4000 to 0x7FFF pass; the caller decides on the RFC's range.
func ParseChannelData(b []byte) (ChannelNumber, []byte, error) { panic("skeleton") }

// PutChannelHeader writes the 4 header bytes.
func PutChannelHeader(dst []byte, n ChannelNumber, length int) { panic("skeleton") }

// FrameLength is the length, padding included, of the frame that begins with head
// (at least 4 bytes) on a stream. Not STUN and not ChannelData, or a STUN length that is
// no multiple of 4: ErrMalformed. Never overflows: at most 20+65532 or 4+65536.
func FrameLength(head []byte) (int, error) { panic("skeleton") }
func AppendPasswordAlgorithms(dst []byte, as ...PasswordAlgorithm) []byte { panic("skeleton") }
