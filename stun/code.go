package stun

import "encoding/binary"

// A Code is an error code, 300 to 699 (RFC 8489 §14.8).
type Code uint16

const (
	CodeTryAlternate               Code = 300 // RFC 8489 §14.8
	CodeBadRequest                 Code = 400 // RFC 8489 §14.8
	CodeUnauthenticated            Code = 401 // RFC 8489 §14.8
	CodeForbidden                  Code = 403 // RFC 8656 §19
	CodeMobilityForbidden          Code = 405 // RFC 8016 §3.4
	CodeUnknownAttribute           Code = 420 // RFC 8489 §14.8
	CodeAllocationMismatch         Code = 437 // RFC 8656 §19
	CodeStaleNonce                 Code = 438 // RFC 8489 §14.8
	CodeAddressFamilyNotSupported  Code = 440 // RFC 8656 §19
	CodeWrongCredentials           Code = 441 // RFC 8656 §19
	CodeUnsupportedTransport       Code = 442 // RFC 8656 §19
	CodePeerAddressFamilyMismatch  Code = 443 // RFC 8656 §19
	CodeConnectionAlreadyExists    Code = 446 // RFC 6062 §6.3
	CodeConnectionTimeoutOrFailure Code = 447 // RFC 6062 §6.3
	CodeAllocationQuotaReached     Code = 486 // RFC 8656 §19
	CodeServerError                Code = 500 // RFC 8489 §14.8
	CodeInsufficientCapacity       Code = 508 // RFC 8656 §19
)

// Reason is the recommended reason phrase, "" for a code not listed here.
func (c Code) Reason() string {
	switch c {
	case CodeTryAlternate:
		return "Try Alternate"
	case CodeBadRequest:
		return "Bad Request"
	case CodeUnauthenticated:
		return "Unauthenticated"
	case CodeForbidden:
		return "Forbidden"
	case CodeMobilityForbidden:
		return "Mobility Forbidden"
	case CodeUnknownAttribute:
		return "Unknown Attribute"
	case CodeAllocationMismatch:
		return "Allocation Mismatch"
	case CodeStaleNonce:
		return "Stale Nonce"
	case CodeAddressFamilyNotSupported:
		return "Address Family not Supported"
	case CodeWrongCredentials:
		return "Wrong Credentials"
	case CodeUnsupportedTransport:
		return "Unsupported Transport Protocol"
	case CodePeerAddressFamilyMismatch:
		return "Peer Address Family Mismatch"
	case CodeConnectionAlreadyExists:
		return "Connection Already Exists"
	case CodeConnectionTimeoutOrFailure:
		return "Connection Timeout or Failure"
	case CodeAllocationQuotaReached:
		return "Allocation Quota Reached"
	case CodeServerError:
		return "Server Error"
	case CodeInsufficientCapacity:
		return "Insufficient Capacity"
	}
	return ""
}

// ErrorCode reads ERROR-CODE: the code and the reason phrase, whose bytes are
// the message's own (RFC 8489 §14.8).
func (m Message) ErrorCode() (Code, []byte, error) {
	v, ok := m.Attribute(AttrErrorCode)
	if !ok {
		return 0, nil, ErrAbsent
	}
	return decodeCode(v)
}

// AddErrorCode appends ERROR-CODE with the recommended reason phrase. A code
// outside 300 to 699 is ErrArgument.
func (b *Builder) AddErrorCode(c Code) { b.addCode(AttrErrorCode, 0, c) }

// AddressErrorCode reads ADDRESS-ERROR-CODE: the family that was not allocated,
// why, and the reason phrase, whose bytes are the message's own (RFC 8656 §18.12).
func (m Message) AddressErrorCode() (Family, Code, []byte, error) {
	v, ok := m.Attribute(AttrAddressErrorCode)
	if !ok {
		return 0, 0, nil, ErrAbsent
	}
	c, reason, err := decodeCode(v)
	if err != nil {
		return 0, 0, nil, err
	}
	f := Family(v[0])
	if f != FamilyIPv4 && f != FamilyIPv6 {
		return 0, 0, nil, errFamily
	}
	return f, c, reason, nil
}

// AddAddressErrorCode appends ADDRESS-ERROR-CODE with the recommended reason
// phrase.
func (b *Builder) AddAddressErrorCode(f Family, c Code) {
	if f != FamilyIPv4 && f != FamilyIPv6 {
		b.fail(ErrArgument)
		return
	}
	b.addCode(AttrAddressErrorCode, f, c)
}

// Both attributes have the code's hundreds digit in the low 3 bits of the third
// byte, and the rest of it in the fourth; the first byte is the family or
// reserved.
func decodeCode(v []byte) (Code, []byte, error) {
	if len(v) < 4 {
		return 0, nil, errSize
	}
	class, number := v[2]&7, v[3]
	if class < 3 || class > 6 || number > 99 { // RFC 8489 §14.8
		return 0, nil, errCode
	}
	return Code(class)*100 + Code(number), v[4:], nil
}

func (b *Builder) addCode(t AttributeType, f Family, c Code) {
	if c < 300 || c > 699 {
		b.fail(ErrArgument)
		return
	}
	reason := c.Reason()
	p := b.extend(t, 4+len(reason))
	if p == nil {
		return
	}
	binary.BigEndian.PutUint16(p, uint16(f)<<8)
	p[2], p[3] = byte(c/100), byte(c%100)
	copy(p[4:], reason)
}
